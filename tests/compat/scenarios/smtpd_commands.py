# SPDX-License-Identifier: Apache-2.0
"""VRFY, ETRN, EXPN, unknown commands, disabled VRFY and discarded EHLO keywords."""
from harness.dsl import *

CONFIG = {"smtpd_discard_ehlo_keywords": "chunking, dsn", "fast_flush_domains": "dest.test"}
STEPS = [client("""
    EHLO client.example.net
    VRFY
    VRFY alice
    VRFY <alice@example.test>
    VRFY nosuch
    VRFY somebody@dest.test
    EXPN list
    ETRN
    ETRN dest.test
    ETRN @dest.test
    ETRN #queue
    ETRN other.test
    ETRN a b
    FOO
    BDAT 5
    XCLIENT NAME=x
    STARTTLS
    AUTH PLAIN xxx
    TURN
    DATA x
    QUIT
""")]
