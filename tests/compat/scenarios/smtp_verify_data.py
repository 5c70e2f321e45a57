# SPDX-License-Identifier: Apache-2.0
"""Address probes that end at DATA."""
from harness.dsl import *

SCRIPT = {"ok": {}, "data5": {"^DATA": "550 5.7.1 no data"}, "data4": {"^DATA": "450 4.7.1 no data"}, "rcpt5": {"^RCPT TO:<u": "550 5.1.1 no"},
          "drop": {"^DATA": "DROP"}, "dot5": {"^DOT": "550 5.7.1 no dot"}}
CONFIG = {"smtp_address_verify_target": "data"}
ZONE = {f"{n}.test": {"A": f"192.0.2.{100 + i}"} for i, n in enumerate(SCRIPT)}
PEERS = {n: sink(addr=f"192.0.2.{100 + i}", name=f"{n}.test", show_message=False, script=script) for i, (n, script) in enumerate(SCRIPT.items())}
STEPS = [submit("Subject: x\n\nx\n", "-bv", "-f", "box@virt.test", f"u@{n}.test") for n in SCRIPT] + [
    submit("Subject: x\n\nx\n", "-bv", "-f", "box@virt.test", f"v@{n}.test", f"w@{n}.test") for n in SCRIPT]
