# SPDX-License-Identifier: Apache-2.0
"""4xx and 5xx at every stage; mixed recipients; bounce text and queue listing."""
from harness.dsl import *

ZONE = {f"{n}.test": {"A": f"192.0.2.{60 + i}"} for i, n in enumerate(("helo5", "mail4", "mail5", "data4", "data5", "dot4", "dot5", "dropmail", "dropdot", "rcpt552", "multi"))}
S = {"helo5": {"^(EHLO|HELO)": "550 no hello"}, "mail4": {"^MAIL": "451 4.3.0 not now"}, "mail5": {"^MAIL": "550 5.7.1 not you"}, "data4": {"^DATA": "451 4.3.0 no data"}, "data5": {"^DATA": "554 5.5.0 never data"},
     "dot4": {"DOT": "452 4.3.1 disk full"}, "dot5": {"DOT": "554 5.6.0 bad content"}, "dropmail": {"^MAIL": "DROP"}, "dropdot": {"DOT": "DROP"}, "rcpt552": {"^RCPT": "552 too many"},
     "multi": {"^RCPT.*a@": "550-5.1.1 line one\n550-5.1.1 line two\n550 5.1.1 line three", "^RCPT.*b@": "450 noenh", "^RCPT.*c@": "550 x" + "y" * 100}}
PEERS = {n: sink(addr=f"192.0.2.{60 + i}", name=f"{n}.test", script=S[n], show_message=False) for i, n in enumerate(S)}
STEPS = [submit("Subject: codes\n\nx\n", "-f", "carol@example.test", f"u@{n}.test", idle=False) for n in S if n != "multi"] + [
    submit("Subject: codes\n\nx\n", "-f", "carol@example.test", *[f"{u}@multi.test" for u in "abcd"]), cmd("postqueue", "-p")]
