# SPDX-License-Identifier: Apache-2.0
"""smtpd_recipient_limit, overshoot limit and duplicate recipients."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_limit": "2", "smtpd_recipient_overshoot_limit": "2"}
STEPS = [client("""
    EHLO client.example.net
    MAIL FROM:<x@example.net>
    RCPT TO:<alice@example.test>
    RCPT TO:<alice@example.test>
    RCPT TO:<bob@example.test>
    RCPT TO:<carol@example.test>
    RCPT TO:<u1@virt.test>
    RCPT TO:<u2@virt.test>
    DATA
    Subject: two at most

    x
    .
    QUIT
""")]
