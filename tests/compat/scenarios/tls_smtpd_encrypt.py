# SPDX-License-Identifier: Apache-2.0
"""smtpd_tls_security_level = encrypt: commands refused before STARTTLS."""
from harness.dsl import *

CONFIG = {"smtpd_tls_security_level": "encrypt", "smtpd_tls_cert_file": "@CERTS@/mx.pem", "smtpd_tls_key_file": "@CERTS@/mx.key"}
STEPS = [client("""
    HELO x.test
    EHLO x.test
    MAIL FROM:<a@example.net>
    RCPT TO:<u1@virt.test>
    DATA
    VRFY alice
    NOOP
    RSET
    AUTH PLAIN x
    @starttls
    EHLO x.test
    MAIL FROM:<a@example.net>
    RCPT TO:<u1@virt.test>
    QUIT
""")]
