# SPDX-License-Identifier: Apache-2.0
"""Bare LF in commands and in message data; smuggling attempts with the default setting."""
from harness.dsl import *

STEPS = [client(r"""
    @raw EHLO client.example.net\n
    @raw MAIL FROM:<x@example.net>\n
    @raw RCPT TO:<u1@virt.test>\n
    DATA
    @esc Subject: lf\n\nline one\nline two\r\nline \r three\r\n
    .
    MAIL FROM:<x@example.net>
    RCPT TO:<u1@virt.test>
    DATA
    @esc Subject: smuggle\r\n\r\nend\n.\nmore\r\n
    .
    @expect 2
""")]
