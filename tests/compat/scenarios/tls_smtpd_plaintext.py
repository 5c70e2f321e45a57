# SPDX-License-Identifier: Apache-2.0
"""reject_plaintext_session, at RCPT and at once, with its reply code; commands that need no encryption."""
from harness.dsl import *

MASTER = """
126 inet n - n - - smtpd
  -o smtpd_delay_reject=no
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=reject_plaintext_session
  -o plaintext_reject_code=550
127 inet n - n - - smtpd
  -o { smtpd_helo_restrictions = warn_if_reject reject_plaintext_session }
128 inet n - n - - smtpd
  -o smtpd_helo_restrictions=
  -o smtpd_etrn_restrictions=reject_plaintext_session
  -o smtpd_data_restrictions=reject_plaintext_session
"""
CONFIG = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": "@CERTS@/mx.pem", "smtpd_tls_key_file": "@CERTS@/mx.key",
          "smtpd_helo_restrictions": "reject_plaintext_session", "plaintext_reject_code": "454"}
MAIL = "MAIL FROM:<a@example.net>\nRCPT TO:<u1@virt.test>\nETRN example.test\nDATA\nSubject: x\n\nx\n.\n"
STEPS = [step for port in (25, 126, 127, 128)
         for step in (client("EHLO x.test\n" + MAIL + "RSET\nETRN example.test\nQUIT", port=port),
                      client("EHLO x.test\n@starttls\nEHLO x.test\n" + MAIL + "QUIT", port=port))]
