# SPDX-License-Identifier: Apache-2.0
"""BDAT: chunks, LAST, errors, mixing with DATA, zero-length."""
from harness.dsl import *

STEPS = [client(r"""
    EHLO client.example.net
    @bdat - LAST x
    MAIL FROM:<x@example.net>
    @bdat - LAST x
    RCPT TO:<u1@virt.test>
    @bdat - Subject: chunk\r\n
    @bdat - \r\nfirst\r\n.\r\n
    DATA
    MAIL FROM:<x@example.net>
    @bdat 0 LAST
    MAIL FROM:<x@example.net>
    RCPT TO:<u2@virt.test>
    BDAT
    BDAT x
    BDAT 5 FIRST
    RSET
    MAIL FROM:<x@example.net> BODY=8BITMIME
    RCPT TO:<u2@virt.test>
    @bdat - LAST Subject: one\r\n\r\nno newline at end
    QUIT
""")]
