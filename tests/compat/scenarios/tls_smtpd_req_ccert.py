# SPDX-License-Identifier: Apache-2.0
"""smtpd_tls_req_ccert: who may not speak on after the handshake, and where it has no effect."""
from harness.dsl import *

MASTER = """
126 inet n - n - - smtpd
  -o smtpd_tls_security_level=may
127 inet n - n - - smtpd
  -o smtpd_tls_CAfile=@CERTS@/otherca.pem
  -o smtpd_tls_loglevel=0
"""
CONFIG = {"smtpd_tls_security_level": "encrypt", "smtpd_tls_cert_file": "@CERTS@/mx.pem", "smtpd_tls_key_file": "@CERTS@/mx.key",
          "smtpd_tls_CAfile": "@CERTS@/ca.pem", "smtpd_tls_req_ccert": "yes", "smtpd_tls_loglevel": "1"}
SCRIPT = "EHLO x.test\n@starttls {}\nEHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<u1@virt.test>\nQUIT"
CLIENTS = ("cert=client", "cert=client max=1.2", "cert=stranger", "cert=expired", "cert=self max=1.2", "", "max=1.2")
STEPS = [client(SCRIPT.format(args), port=port, idle=False) for port in (25, 126, 127) for args in CLIENTS]
# When a process starts, not with a session.
LOG_DROP = ["Can't require client certs unless TLS is required"]
