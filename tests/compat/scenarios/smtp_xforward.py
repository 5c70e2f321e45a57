# SPDX-License-Identifier: Apache-2.0
"""XFORWARD to servers that announce it, and the address that connections are made from."""
from harness.dsl import *

ALL = "XFORWARD NAME ADDR PROTO HELO SOURCE IDENT"
SCRIPT = {"all": (ALL, {}), "some": ("XFORWARD NAME ADDR", {}), "half": ("XFORWARD PROTO SOURCE", {}), "none": ("8BITMIME", {}), "odd": ("XFORWARD FOO", {}),
          "bad5": (ALL, {"^XFORWARD NAME": "501 5.5.4 no"}), "bad4": (ALL, {"^XFORWARD PROTO": "450 4.5.4 no"}), "drop": (ALL, {"^XFORWARD": "DROP"})}
CONFIG = {"smtp_send_xforward_command": "yes", "mynetworks": "127.0.0.0/8 203.0.113.0/24 [2001:db8::]/64",
          "inet_protocols": "all", "inet_interfaces": "127.0.0.1, 2001:db8::25"}
ZONE = {f"{n}.test": {"A": f"192.0.2.{100 + i}"} for i, n in enumerate(SCRIPT)}
PEERS = {n: sink(addr=f"192.0.2.{100 + i}", name=f"{n}.test", show_message=False, ehlo=["PIPELINING", e], script=s) for i, (n, (e, s)) in enumerate(SCRIPT.items())}
STEPS = [msg("a@example.net", f"u@{n}.test") for n in SCRIPT] + [
    msg("a@example.net", "u@all.test", helo="h+x=y z"), msg("a@example.net", "u@all.test", src="203.0.113.9"),
    client("EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<u@all.test>\nDATA\nSubject: x\n\nx\n.\nQUIT", addr="2001:db8::25", src="2001:db8::7"),
    submit("Subject: x\n\nx\n", "-f", "alice@example.test", "u@all.test"),
    cmd("postconf", "-e", "smtp_bind_address=10.9.9.9", hide=True), cmd("postfix", "reload", hide=True), msg("a@example.net", "u@all.test"),
    cmd("postconf", "-e", "smtp_bind_address_enforce=yes", hide=True), cmd("postfix", "reload", hide=True), msg("a@example.net", "u@all.test"), cmd("postqueue", "-p")]
