# SPDX-License-Identifier: Apache-2.0
"""Milter: negotiation, event order, macros, accept without change."""
from harness.dsl import *

CONFIG = {"smtpd_milters": "inet:127.0.0.1:10050", "milter_default_action": "tempfail"}
PEERS = {"milter": milter(macros=True)}
NORMALISE = [(r"\{client_port\}=\d+", "{client_port}=N"), (r"\{daemon_port\}=\d+", "{daemon_port}=N")]
STEPS = [client("""
    EHLO client.example.net
    MAIL FROM:<a@example.net> SIZE=100 BODY=8BITMIME
    RCPT TO:<u1@virt.test>
    RCPT TO:<nosuch@virt.test>
    RCPT TO:<alice@example.test> NOTIFY=NEVER
    DATA
    Subject: milter
    X-Fold: one
     two

    body line
    .
    RSET
    FOO
    MAIL FROM:<b@example.net>
    RSET
    QUIT
""", src="198.51.100.7")]
