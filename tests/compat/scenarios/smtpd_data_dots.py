# SPDX-License-Identifier: Apache-2.0
"""Dot-stuffing, empty message, long lines and headers in DATA."""
from harness.dsl import *

STEPS = [client(r"""
    EHLO client.example.net
    MAIL FROM:<x@example.net>
    RCPT TO:<alice@example.test>
    DATA
    .
    MAIL FROM:<x@example.net>
    RCPT TO:<u1@virt.test>
    DATA
    Subject: dots

    ..
    ..two
    .leading
    ...three
    middle . dot
    .
    MAIL FROM:<x@example.net>
    RCPT TO:<u2@virt.test>
    DATA
    From someone Mon Jan  1 00:00:00 2026
    not a header line
    Subject: after
    .
    MAIL FROM:<x@example.net>
    RCPT TO:<u2@virt.test>
    DATA
    Subject: nul and long
    @esc X-Nul: a\x00b\r\n\r\n
    @fill 71
    @esc From the start\r\ncontrol \x01\x7f 8-bit \xe9\r\n
    .
    QUIT
""")]
