# SPDX-License-Identifier: Apache-2.0
"""Pipelined commands after EHLO: order of the replies."""
from harness.dsl import *

STEPS = [client("""
    EHLO client.example.net
    {
    MAIL FROM:<x@example.net>
    RCPT TO:<nobody-here@example.test>
    RCPT TO:<alice@example.test>
    RCPT TO:<bob@example.test>
    DATA
    }
    Subject: pipelined

    body
    .
    {
    RSET
    MAIL FROM:<y@example.net>
    RCPT TO:<u1@virt.test>
    NOOP
    QUIT
    }
""")]
