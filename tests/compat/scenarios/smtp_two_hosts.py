# SPDX-License-Identifier: Apache-2.0
"""Two MX hosts: the first one refuses or drops at each stage, the second one takes two of three; what is logged, and how often."""
from harness.dsl import *

CONFIG = {"smtp_randomize_addresses": "no"}
R = {"g": "^CONNECT", "e": "^(EHLO|HELO)", "m": "^MAIL", "r": "^RCPT", "d": "^DATA", "o": "^DOT"}
A = {"421": "421 4.3.2 bye", "4": "451 4.3.9 hm", "5": "550 5.3.2 never", "drop": "DROP"}
C = [(f"{k}{a}", {R[k]: A[a]}) for k in R for a in A] + [("ra", {"^RCPT.*a@": "450 4.1.1 a later", "^RCPT.*b@": "550 5.1.1 b never"})]
PEERS = {n: sink(addr=f"192.0.2.{60+i}", name=f"{n}.test", script=s, show_message=False, sort=True) for i, (n, s) in enumerate(C)}
PEERS["two"] = sink(addr="192.0.2.20", name="two.test", show_message=False, sort=True, script={"^RCPT.*c@": "450 4.2.2 c not here"})
ZONE = {f"h{n}.test": {"A": f"192.0.2.{60+i}"} for i, (n, s) in enumerate(C)} | {f"{n}.test": {"MX": [(10, f"h{n}.test"), (20, "relay.test")]} for n, _ in C}
STEPS = [submit("Subject: x\n\nx\n", "-f", "carol@example.test", *[f"{u}@{n}.test" for u in "abc"], idle=False) for n, _ in C] + [wait_idle(), cmd("postqueue", "-p")]
