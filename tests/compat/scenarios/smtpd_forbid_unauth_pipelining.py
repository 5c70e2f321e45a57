# SPDX-License-Identifier: Apache-2.0
"""smtpd_forbid_unauth_pipelining = yes disconnects clients that talk too early."""
from harness.dsl import *

CONFIG = {"smtpd_forbid_unauth_pipelining": "yes"}
STEPS = [client(r"""
    @raw EHLO client.example.net\r\nMAIL FROM:<x@example.net>\r\n
    @expect
""", src="198.51.100.7"), client(r"""
    HELO client.example.net
    @raw MAIL FROM:<x@example.net>\r\nRCPT TO:<alice@example.test>\r\n
    @expect
""", src="198.51.100.7")]
