# SPDX-License-Identifier: Apache-2.0
"""reject_unauth_pipelining: HELO client that does not wait."""
from harness.dsl import *

CONFIG = {"smtpd_data_restrictions": "reject_unauth_pipelining"}
STEPS = [client(r"""
    EHLO client.example.net
    MAIL FROM:<x@example.net>
    RCPT TO:<alice@example.test>
    @raw DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\n
    @expect 1
    QUIT
"""), client(r"""
    HELO client.example.net
    @raw MAIL FROM:<x@example.net>\r\nRCPT TO:<alice@example.test>\r\n
    @expect 1
    DATA
    QUIT
""")]
