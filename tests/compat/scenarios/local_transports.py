# SPDX-License-Identifier: Apache-2.0
"""mailbox_transport, mailbox_transport_maps, fallback_transport, luser_relay."""
from harness.dsl import *

CONFIG = {"mailbox_transport_maps": "inline:{ {bob=lmtp:unix:@TMP@/lmtp} }", "fallback_transport_maps": "inline:{ {ghost=lmtp:unix:@TMP@/lmtp} }",
          "luser_relay": "box+$local@virt.test", "local_recipient_maps": "", "recipient_delimiter": "+"}
PEERS = {"lmtp": sink(path="@TMP@/lmtp", lmtp=True, sort=True)}
STEPS = [msg("a@example.net", "alice@example.test", "bob@example.test", "ghost@example.test", "unknown@example.test", "unknown2+ext@example.test")]
