# SPDX-License-Identifier: Apache-2.0
"""smtpd_forbid_bare_newline = reject, with its own reply code."""
from harness.dsl import *

CONFIG = {"smtpd_forbid_bare_newline": "reject", "smtpd_forbid_bare_newline_reject_code": "521"}
STEPS = [client(r"""
    EHLO client.example.net
    MAIL FROM:<x@example.net>
    RCPT TO:<u1@virt.test>
    DATA
    @esc Subject: x\r\n\r\nend\nmore\r\n
    .
    NOOP
""", src="198.51.100.7"), client(r"""
    EHLO client.example.net
    MAIL FROM:<x@example.net>
    RCPT TO:<u1@virt.test>
    @bdat - LAST Subject: x\n\nbody\n
    QUIT
""", src="198.51.100.7"), client(r"""
    @raw EHLO client.example.net\n
    QUIT
""", src="198.51.100.7")]
