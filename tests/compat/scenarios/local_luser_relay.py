# SPDX-License-Identifier: Apache-2.0
"""luser_relay: expansions, what looks like a file or command, an address that is unknown itself, fallback_transport before it."""
from harness.dsl import *

CONFIG = {"recipient_delimiter": "+", "local_recipient_maps": "", "transport_maps": "inline:{ {sink.test=discard:} }",
          "luser_relay": "carol+$user.$extension.$local@example.test"}


def to(recipient):
    return msg("s@sink.test", recipient)


STEPS = [to("nobody.here@example.test"), to("nob+ext@example.test"), to('"we ird"@example.test'), reload("luser_relay=|x"), to("nn@example.test"),
         reload("luser_relay=/tmp/mta/out/luser"), to("nn@example.test"), reload("luser_relay=nosuch@example.test"), to("nn@example.test"),
         to("postmaster@example.test"), reload("luser_relay=carol", "fallback_transport_maps=inline:{nn=discard:x, mm=}"),
         to("nn@example.test"), to("mm@example.test"), to("other@example.test"), cmd("postqueue", "-p")]
