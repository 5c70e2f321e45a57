# SPDX-License-Identifier: Apache-2.0
"""Banner, HELO and EHLO forms, EHLO replies, missing HELO."""
from harness.dsl import *

STEPS = [
    client("""
        EHLO client.example.net
        HELO client.example.net
        EHLO
        HELO
        EHLO [198.51.100.7]
        HELO a b c
        NOOP
        NOOP foo bar
        RSET
        RSET x
        HELP
        QUIT
    """),
    msg("sender@example.net", "alice@example.test"),
    client("""
        MAIL FROM:<x@example.net>
        RCPT TO:<alice@example.test>
        QUIT now
        QUIT
    """, src="198.51.100.7"),
]
