# SPDX-License-Identifier: Apache-2.0
"""Wrapper mode (smtps) service with its own syslog name and options."""
from harness.dsl import *

MASTER = """
465 inet n - n - - smtpd
  -o syslog_name=postfix/submissions
  -o smtpd_tls_wrappermode=yes
  -o smtpd_tls_security_level=encrypt
  -o { smtpd_banner = $myhostname wrapped }
"""
CONFIG = {"smtpd_tls_cert_file": "@CERTS@/mx.pem", "smtpd_tls_key_file": "@CERTS@/mx.key", "smtpd_tls_loglevel": "1"}
STEPS = [client("@tls\nEHLO x.test\nSTARTTLS\nMAIL FROM:<a@example.net>\nRCPT TO:<u1@virt.test>\nQUIT", port=465), client("EHLO x.test\nSTARTTLS\nQUIT")]
LOG = ["submissions/smtpd:", "^smtpd:"]
