# SPDX-License-Identifier: Apache-2.0
"""MX preference order; dead host, 4xx and 5xx greeting, drop; smtp_skip_5xx_greeting."""
from harness.dsl import *

CONFIG = {"smtp_randomize_addresses": "no"}
ZONE = {"dest.test": {"MX": [(10, "mx1.dest.test"), (20, "mx2.dest.test"), (30, "mx3.dest.test")]},
        "d2.test": {"MX": [(10, "g421.test"), (20, "g554.test"), (30, "drop.test"), (40, "mx3.dest.test")]},
        "g421.test": {"A": "192.0.2.51"}, "g554.test": {"A": "192.0.2.52"}, "drop.test": {"A": "192.0.2.53"},
        "d3.test": {"MX": [(10, "drop.test"), (20, "mx1.dest.test")]}, "d4.test": {"MX": [(10, "r4.test"), (20, "mx3.dest.test")]}, "r4.test": {"A": "192.0.2.54"}}
PEERS = {"mx3": sink(addr="192.0.2.12", name="mx3.dest.test", show_message=False), "g421": sink(addr="192.0.2.51", script={"CONNECT": "421 busy"}),
         "g554": sink(addr="192.0.2.52", script={"CONNECT": "554 no service"}), "drop": sink(addr="192.0.2.53", script={"CONNECT": "DROP"}),
         "r4": sink(addr="192.0.2.54", script={"^RCPT": "450 4.2.1 later"})}
STEPS = [msg("box@virt.test", f"u@{d}") for d in ("dest.test", "d2.test", "d3.test", "d4.test")] + [cmd("postqueue", "-p")]
