# SPDX-License-Identifier: Apache-2.0
"""Milter verdicts at connect, and default actions when the milter is down."""
from harness.dsl import *

CONFIG = {"milter_default_action": "tempfail", "smtpd_milters": "{ inet:127.0.0.1:10050, default_action=tempfail }"}
PEERS = {"milter": milter(show=("connect",), script={"^connect .*198.51.100.61": "reject", "^connect .*198.51.100.62": "tempfail", "^connect .*198.51.100.63": "554 5.7.1 go away", "^connect .*198.51.100.64": "accept", "^connect .*198.51.100.65": "drop"})}
T = "EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<alice@example.test>\nQUIT"
STEPS = [client(T, src=f"198.51.100.{n}") for n in (61, 62, 63, 64, 65)] + [x for a in ("accept", "reject", "tempfail", "quarantine") for x in (
    reload("smtpd_milters={ inet:127.0.0.1:10059, connect_timeout=1s, default_action=%s }" % a), client(T + ("" if a != "quarantine" else "")))]
