# SPDX-License-Identifier: Apache-2.0
"""SMTPUTF8: non-ASCII addresses with and without the parameter, 8-bit headers."""
from harness.dsl import *

STEPS = [client("""
    EHLO client.example.net
    MAIL FROM:<jörg@example.net>
    RSET
    MAIL FROM:<jörg@example.net> SMTPUTF8
    RCPT TO:<alice@example.test>
    RCPT TO:<älice@example.test>
    RCPT TO:<alice@exämple.test>
    DATA
    Subject: grüße
    From: <jörg@example.net>

    body ü
    .
    MAIL FROM:<x@example.net> BODY=8BITMIME
    RCPT TO:<u1@virt.test>
    DATA
    Subject: raw grüße

    ü
    .
    QUIT
""")]
