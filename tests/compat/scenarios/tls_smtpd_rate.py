# SPDX-License-Identifier: Apache-2.0
"""smtpd_client_new_tls_session_rate_limit, after STARTTLS and in wrapper mode."""
from harness.dsl import *

MASTER = """
465 inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
"""
CONFIG = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": "@CERTS@/mx.pem", "smtpd_tls_key_file": "@CERTS@/mx.key",
          "smtpd_tls_loglevel": "1", "smtpd_client_new_tls_session_rate_limit": "2", "smtpd_client_event_limit_exceptions": ""}
FULL = "EHLO x.test\n@starttls\n{}"
STEPS = [client(FULL.format("EHLO x.test\nQUIT")) for _ in range(2)]
STEPS += [client(FULL.format("@expect\n@expect")), client("EHLO x.test\nSTARTTLS\nNOOP\nEHLO x.test\nQUIT")]
STEPS += [client("@tls\nEHLO x.test\nQUIT", port=465) for _ in range(2)]
STEPS += [client("@tls\n@expect", port=465), client("@nogreeting\n@expect", port=465), client("EHLO x.test\nQUIT")]
