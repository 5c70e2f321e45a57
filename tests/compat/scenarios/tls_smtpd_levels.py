# SPDX-License-Identifier: Apache-2.0
"""smtpd_tls_security_level may: STARTTLS dialogue, errors, Received header, session in the log."""
from harness.dsl import *

CONFIG = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": "@CERTS@/mx.key, @CERTS@/mx.pem", "smtpd_tls_received_header": "yes", "smtpd_tls_loglevel": "1"}
STEPS = [client("""
    EHLO client.example.net
    STARTTLS now
    @starttls
    MAIL FROM:<a@example.net>
    EHLO client.example.net
    STARTTLS
    MAIL FROM:<a@example.net>
    RCPT TO:<u1@virt.test>
    DATA
    Subject: tls

    x
    .
    QUIT
"""), client("EHLO x.test\n@starttls max=1.2\nEHLO x.test\nQUIT"), client("EHLO x.test\nMAIL FROM:<a@example.net>\nSTARTTLS\nRCPT TO:<u2@virt.test>\n@raw STARTTLS\\r\\n\nNOT TLS AT ALL\n@expect"),
    client(r"EHLO x.test" + "\n" + r"@send STARTTLS\r\nMAIL FROM:<injected@example.net>\r\n" + "\n@expect\n@quiet 0.3")]
