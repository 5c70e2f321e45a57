# SPDX-License-Identifier: Apache-2.0
"""EHLO fallback to HELO, plain banner, smtp_always_send_ehlo, discarded keywords, own helo name."""
from harness.dsl import *

MASTER = """
never unix - - n - - smtp
  -o smtp_never_send_ehlo=yes -o smtp_helo_name=other.helo.test
banner unix - - n - - smtp
  -o smtp_always_send_ehlo=no
disc unix - - n - - smtp
  -o smtp_discard_ehlo_keywords=pipelining,size,dsn
"""
CONFIG = {"transport_maps": "inline:{ {n@dest.test=never:} {b@dest.test=banner:} {d@dest.test=disc:} {h@dest.test=smtp:[192.0.2.11]} }"}
PEERS = {"mx1": sink(ehlo=["PIPELINING", "SIZE 0", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES"], script={"CONNECT": "220 mx1 plain"}), "old": sink(addr="192.0.2.11", script={"^EHLO": "502 what?"})}
STEPS = [submit("From: a@example.net\nSubject: e\n\nx\n", "-f", "a@example.net", "-N", "never", f"{u}@dest.test") for u in "ndbhx"]
