# SPDX-License-Identifier: Apache-2.0
"""smtpd_delay_reject no versus client, helo, sender and data restrictions at their own stage."""
from harness.dsl import *

CONFIG = {"smtpd_delay_reject": "no", "smtpd_client_restrictions": "check_client_access inline:{{198.51.100.66=REJECT client}}",
          "smtpd_sender_restrictions": "check_sender_access inline:{{bad@example.net=REJECT sender}}",
          "smtpd_data_restrictions": "check_sender_access inline:{{data@example.net=REJECT data}}",
          "smtpd_end_of_data_restrictions": "check_sender_access inline:{{eod@example.net=REJECT end of data}}",
          "smtpd_etrn_restrictions": "reject"}
STEPS = [client("EHLO x.test\nQUIT", src="198.51.100.66"), client("""
    EHLO x.test
    ETRN dest.test
    MAIL FROM:<bad@example.net>
    MAIL FROM:<data@example.net>
    RCPT TO:<alice@example.test>
    DATA
    RSET
    MAIL FROM:<eod@example.net>
    RCPT TO:<alice@example.test>
    DATA
    Subject: x

    x
    .
    QUIT
""")]
