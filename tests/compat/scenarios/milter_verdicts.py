# SPDX-License-Identifier: Apache-2.0
"""Milter reject, tempfail, discard, accept and custom replies at each stage."""
from harness.dsl import *

CONFIG = {"milter_default_action": "tempfail", "smtpd_milters": "inet:127.0.0.1:10050"}
PEERS = {"milter": milter(show=(), script={"^helo bad": "reject", "^helo temp": "tempfail", "^mail <rej": "reject", "^mail <temp": "tempfail", "^mail <code": "551 5.7.8 custom text", "^mail <disc": "discard",
         "^mail <acc": "accept", "^rcpt <u2@": "550 5.1.7 not that one", "^rcpt <alice@": "reject", "^rcpt <bob@": "tempfail", "^header Subject . at-header": "reject", "^body .*at-body": "451 4.7.1 body later",
         "^eoh": "continue", "^header Subject . eom": "continue", "^header X-Eom . disc": "discard"})}
T = "EHLO x.test\nMAIL FROM:<{}>\nRCPT TO:<u1@virt.test>\nRCPT TO:<u2@virt.test>\nRCPT TO:<alice@example.test>\nRCPT TO:<bob@example.test>\nDATA\n{}\n\n{}\n.\nQUIT"
STEPS = [client(T.format(s, h, b)) for s, h, b in (("rej@example.net", "X: y", "x"), ("temp@example.net", "X: y", "x"), ("code@example.net", "X: y", "x"), ("disc@example.net", "X: y", "x"), ("acc@example.net", "Subject: at-header", "x"),
         ("ok@example.net", "Subject: at-header", "x"), ("ok@example.net", "Subject: b", "at-body"), ("ok@example.net", "X-Eom: disc", "x"), ("ok@example.net", "Subject: fine", "x"))] + [
    client("EHLO bad.test\nHELO temp.test\nMAIL FROM:<x@example.net>\nQUIT")]
