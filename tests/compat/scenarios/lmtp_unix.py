# SPDX-License-Identifier: Apache-2.0
"""LMTP over a unix socket: per-recipient replies, deferral, bounce, LHLO, missing socket."""
from harness.dsl import *

CONFIG = {"virtual_transport": "lmtp:unix:@TMP@/lmtp", "transport_maps": "inline:{ {gone@virt.test=lmtp:unix:@TMP@/nosock} {tcp@virt.test=lmtp:inet:192.0.2.10:24} }",
          "virtual_mailbox_maps": "static:x"}
PEERS = {"lmtp": sink(path="@TMP@/lmtp", lmtp=True, name="store", script={"DOT b@": "452 4.2.2 over quota", "DOT c@": "550 5.2.2 full for ever", "^RCPT.*d@": "550 5.1.1 who?"}, ehlo=["PIPELINING", "8BITMIME", "DSN"]), "tcp": sink(port=24, lmtp=True, show_message=False)}
STEPS = [msg("carol@example.test", *[f"{u}@virt.test" for u in "abcd"]), msg("carol@example.test", "gone@virt.test"), msg("carol@example.test", "tcp@virt.test"), cmd("postqueue", "-p")]
