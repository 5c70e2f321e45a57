# SPDX-License-Identifier: Apache-2.0
"""smtp_fallback_relay when the MX hosts are dead, defer or are unknown; best_mx_transport."""
from harness.dsl import *

CONFIG = {"smtp_fallback_relay": "[relay.test]", "ignore_mx_lookup_error": "no"}
PEERS = {"relay": sink(addr="192.0.2.20", name="relay.test", show_message=False), "mx2": sink(addr="192.0.2.11", name="mx2.dest.test", script={"^RCPT.*t@": "450 4.1.1 wait", "^RCPT.*p@": "550 5.1.1 no"}, show_message=False)}
ZONE = {"d2.test": {"MX": [(10, "mx2.dest.test")]}, "servfail.test": "SERVFAIL"}
STEPS = [msg("box@virt.test", r) for r in ("u@dest.test", "t@d2.test", "p@d2.test", "u@nosuch.test", "u@servfail.test")]
