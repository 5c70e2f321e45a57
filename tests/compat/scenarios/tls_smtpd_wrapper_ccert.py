# SPDX-License-Identifier: Apache-2.0
"""Wrapper mode on port 465 with client certificates: asked for, required, and used for relaying."""
from harness.dsl import *

MASTER = """
465 inet n - n - - smtpd
  -o syslog_name=postfix/submissions
  -o smtpd_tls_wrappermode=yes
  -o smtpd_tls_ask_ccert=yes
  -o { smtpd_relay_restrictions = permit_tls_clientcerts, reject_unauth_destination }
466 inet n - n - - smtpd
  -o syslog_name=postfix/strict
  -o smtpd_tls_wrappermode=yes
  -o smtpd_tls_req_ccert=yes
467 inet n - n - - smtpd
  -o syslog_name=postfix/old
  -o smtpd_use_tls=yes
468 inet n - n - - smtpd
  -o syslog_name=postfix/older
  -o smtpd_enforce_tls=yes
  -o smtpd_tls_req_ccert=yes
469 inet n - n - - smtpd
  -o syslog_name=postfix/both
  -o smtpd_enforce_tls=yes
  -o smtpd_tls_security_level=may
"""
CONFIG = {"smtpd_tls_cert_file": "@CERTS@/mx.pem", "smtpd_tls_key_file": "@CERTS@/mx.key", "smtpd_tls_CAfile": "@CERTS@/ca.pem",
          "smtpd_tls_loglevel": "1", "smtpd_tls_received_header": "yes", "relay_clientcerts": "hash:@CONFIG@/relay",
          "mynetworks": "192.0.2.250", "default_transport": "discard"}
FILES = {"relay": table(f"{fingerprint('client')} x\n", "hash")}
MAIL = "EHLO x.test\nSTARTTLS\nMAIL FROM:<a@example.net>\nRCPT TO:<u@d.test>\nRCPT TO:<u1@virt.test>\nDATA\nSubject: x\n\nx\n.\nQUIT"
STARTTLS = "EHLO x.test\nMAIL FROM:<a@example.net>\n@starttls {}\nEHLO x.test\nMAIL FROM:<a@example.net>\nQUIT"
STEPS = [client("@tls " + options + "\n" + MAIL, port=465)
         for options in ("cert=client", "cert=client max=1.2", "cert=stranger", "")]
STEPS += [client("@tls " + options + "\n" + MAIL, port=466) for options in ("cert=client", "cert=client max=1.2")]
STEPS += [client("@tls " + options, port=466) for options in ("cert=stranger", "cert=stranger max=1.2", "", "max=1.2")]
STEPS += [client(STARTTLS.format(options), port=port) for port in (467, 468, 469) for options in ("cert=client", "")]
STEPS += [client("@nogreeting\n@raw EHLO x.test\\r\\n\n@quiet 0.3", port=465)]
