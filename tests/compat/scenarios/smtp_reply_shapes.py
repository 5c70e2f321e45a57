# SPDX-License-Identifier: Apache-2.0
"""Replies of odd shapes to one recipient: lines, codes, enhanced codes, bytes, lengths; what the log, the notice and the warnings make of them."""
from harness.dsl import *

CONFIG = {"smtp_discard_ehlo_keywords": "dsn, vrfy, chunking, auth, size, verp"}
CR = {"multi": "550-5.1.1 one\n550-5.1.1 two\n550 5.1.1 three", "multimix": "550-5.1.1 one\n450 4.1.1 two", "multidiff": "250-ok\n550 no", "dash": "550-", "bare": "550", "barebl": "550 ", "tab": "550\ttab", "nosp": "5505.1.1 x", "short": "55 x", "two": "one\ntwo\n550-5.1.1 x\n\n550-\n550 5.1.1 y", "utf": "550 5.1.1 f\u00fcr", "ctl": "550 5.1.1 a\x01b\x7fc\td", "nul": "550 5.1.1 a\x00b", "junk": "hello there\n550 5.1.1 after junk", "enh": "550 5.1 x", "enh2": "550 5.1.1.1 x", "enh3": "550 5.1234.1 x", "enh4": "550 5.1.1", "enhtab": "550 5.1.1\tx", "six": "650 6.1.1 what", "zero": "050 what", "c999": "999 no", "c251": "251 2.1.5 will forward", "c252": "252 ok", "c299": "299 ok", "c399": "399 3.0.0 hm", "c199": "199 hm", "empty": "\n550 5.1.1 after empty", "many": "\n".join(f"550-5.1.1 line {i} {'z' * 60}" for i in range(60)) + "\n550 5.1.1 end", "lead": " 550 5.1.1 lead", "dbl": "550  5.1.1  two blanks "}
C = list(CR.items())
C = [(n, r if n not in ("dash", "short", "nosp", "tab", "lead") else r + "\n550 5.1.1 end") for n, r in C]
PEERS = {n: sink(addr=f"192.0.2.{60+i}", name=f"{n}.test", script={"^RCPT.*a@": s}, show_message=False, sort=True) for i, (n, s) in enumerate(C)}
ZONE = {f"{n}.test": {"A": f"192.0.2.{60+i}"} for i, (n, s) in enumerate(C)}
CHECK = ["mail", "log", "steps"]
# That line is longer than a log line may be.
LOG_DROP = ["to=<a@many.test>"]
STEPS = [submit("Subject: x\n\nx\n", "-f", "carol@example.test", *[f"{u}@{n}.test" for u in "ab"], idle=False) for n, _ in C] + [wait_idle(), cmd("postqueue", "-p")]
