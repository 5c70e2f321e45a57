# SPDX-License-Identifier: Apache-2.0
"""Silent server at greeting, at EHLO and after the final dot."""
from harness.dsl import *

CONFIG = {"smtp_helo_timeout": "1s", "smtp_data_done_timeout": "1s", "smtp_rcpt_timeout": "1s"}
ZONE = {"slow1.test": {"A": "192.0.2.81"}, "slow2.test": {"A": "192.0.2.82"}, "slow3.test": {"A": "192.0.2.83"}}
PEERS = {"slow1": sink(addr="192.0.2.81", script={"CONNECT": "SLEEP 3 DROP"}), "slow2": sink(addr="192.0.2.82", script={"^RCPT": "SLEEP 3 DROP"}), "slow3": sink(addr="192.0.2.83", script={"DOT": "SLEEP 3 DROP"}, show_message=False)}
STEPS = [submit("Subject: slow\n\nx\n", "-f", "carol@example.test", *[f"u@slow{n}.test" for n in (1, 2, 3)]), cmd("postqueue", "-p")]
