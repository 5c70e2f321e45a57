# SPDX-License-Identifier: Apache-2.0
"""smtp_host_lookup native with /etc/hosts style names, disabled DNS, bracketed hosts and ports."""
from harness.dsl import *

CONFIG = {"smtp_dns_support_level": "disabled", "smtp_host_lookup": "native", "transport_maps": "inline:{ {a.test=smtp:[mx1.dest.test]} {b.test=smtp:[192.0.2.10]:26} {c.test=smtp:mx1.dest.test:26} {d.test=smtp:[nohost.test]} {e.test=smtp:[mx1.dest.test]:nosuchservice} }"}
PEERS = {"p25": sink(show_message=False), "p26": sink(port=26, show_message=False, sort=True)}
STEPS = [msg("box@virt.test", f"u@{d}.test") for d in "abcd"] + [msg("box@virt.test", "u@mx1.dest.test"), cmd("postqueue", "-p")]
