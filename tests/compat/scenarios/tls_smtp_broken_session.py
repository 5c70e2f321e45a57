# SPDX-License-Identifier: Apache-2.0
"""Outgoing may: a session that breaks after the handshake goes to plaintext once the message was deferred; never with encrypt."""
from harness.dsl import *

OFFER = "250-b.test\n250 STARTTLS"
CONFIG = {"smtp_tls_security_level": "may", "smtp_tls_loglevel": "1", "minimal_backoff_time": "2s",
          "smtp_tls_policy_maps": "inline:{ {b4.test=encrypt} }"}
SCRIPTS = {"b1": {"^EHLO": [OFFER, "DROP", OFFER, "DROP", OFFER]}, "b2": {"^MAIL": ["DROP", "DROP", "250 ok"]},
           "b3": {"^DOT": ["DROP", "DROP", "250 ok"]}, "b4": {"^MAIL": ["DROP", "DROP", "250 ok"]},
           "b5": {"^EHLO": [OFFER, "421 4.3.2 closing", OFFER, "421 4.3.2 closing", OFFER]},
           "b6": {"^MAIL": ["421 4.3.2 closing", "421 4.3.2 closing", "250 ok"]}}
ZONE = {f"{n}.test": {"A": f"192.0.2.{20 + i}"} for i, n in enumerate(SCRIPTS)}
PEERS = {n: sink(addr=f"192.0.2.{20 + i}", name=f"{n}.test", cert="mx1", show_message=False, script=s)
         for i, (n, s) in enumerate(SCRIPTS.items())}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in SCRIPTS] + [sleep(2.2), retry()]
CHECK = ("peers", "log")
LOG = [r"^smtp: "]
