# SPDX-License-Identifier: Apache-2.0
"""smtpd_tls_loglevel = 2: the steps of a handshake, of one with a client certificate, and of one that fails."""
from harness.dsl import *

CONFIG = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": "@CERTS@/mx.key, @CERTS@/mx.pem", "smtpd_tls_loglevel": "2",
          "smtpd_tls_ask_ccert": "yes", "smtpd_tls_CAfile": "@CERTS@/ca.pem", "tls_medium_cipherlist": "HIGH:!aDSS:@STRENGTH"}
LOG_DROP = ["initializing the server-side TLS engine", "session ticket, key expiration"]
STEPS = [client("EHLO x.test\n@starttls\nQUIT"), client("EHLO x.test\n@starttls max=1.2 cert=client\nQUIT"), client("EHLO x.test\n@starttls cert=stranger\nQUIT"),
         client("EHLO x.test\n@raw STARTTLS\\r\\n\nNOT TLS AT ALL\n@expect")]
