# SPDX-License-Identifier: Apache-2.0
"""message_size_limit: declared and real size."""
from harness.dsl import *

CONFIG = {"message_size_limit": "2000"}
STEPS = [client("""
    EHLO client.example.net
    MAIL FROM:<x@example.net> SIZE=2001
    MAIL FROM:<x@example.net> SIZE=2000
    RCPT TO:<alice@example.test>
    DATA
    Subject: big

    @fill 3000
    .
    MAIL FROM:<x@example.net>
    RCPT TO:<alice@example.test>
    @bdat 2500
    @bdat - LAST short
    RSET
    QUIT
""")]
