# SPDX-License-Identifier: Apache-2.0
"""Protocols and ciphers that the server takes, at both levels; several services with limits of their own."""
from harness.dsl import *


def service(port, level, *settings):
    return f"{port} inet n - n - - smtpd\n  -o smtpd_tls_security_level={level}\n" + \
        "".join(f"  -o {{ {s} }}\n" for s in settings)


MASTER = (service(126, "may", "smtpd_tls_protocols = >=TLSv1.3") +
          service(127, "may", "smtpd_tls_protocols = !TLSv1.3", "smtpd_tls_mandatory_protocols = >=TLSv1.3") +
          service(128, "encrypt", "smtpd_tls_protocols = !TLSv1.3", "smtpd_tls_mandatory_protocols = >=TLSv1.3") +
          service(129, "encrypt", "smtpd_tls_mandatory_protocols = <=TLSv1.2", "smtpd_tls_mandatory_ciphers = high",
                  "smtpd_tls_mandatory_exclude_ciphers = AES128, SHA384") +
          service(130, "may", "smtpd_tls_exclude_ciphers = AES256", "smtpd_tls_mandatory_exclude_ciphers = AES128") +
          service(131, "encrypt", "smtpd_tls_exclude_ciphers = AES256", "smtpd_tls_mandatory_exclude_ciphers = AES128") +
          service(132, "may", "smtpd_tls_ciphers = high", "tls_high_cipherlist = ECDHE-ECDSA-AES256-GCM-SHA384",
                  "tls_medium_cipherlist = ECDHE-ECDSA-AES128-GCM-SHA256") +
          service(133, "may", "tls_high_cipherlist = ECDHE-ECDSA-AES256-GCM-SHA384",
                  "tls_medium_cipherlist = ECDHE-ECDSA-AES128-GCM-SHA256") +
          service(134, "may", "tls_preempt_cipherlist = yes",
                  "tls_medium_cipherlist = ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"))
CONFIG = {"smtpd_tls_cert_file": "@CERTS@/mx.pem", "smtpd_tls_key_file": "@CERTS@/mx.key", "smtpd_tls_loglevel": "1"}
AES128, AES256, CHACHA = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"


def session(port, *options):
    return client(f"EHLO x.test\n@starttls {' '.join(options)}\nEHLO x.test\nQUIT", port=port, idle=False)


STEPS = [session(port, *options) for port in (126, 127, 128) for options in ((), ("max=1.2",), ("min=1.3",))]
STEPS += [session(port, "max=1.2", "ciphers=" + ciphers) for port in range(129, 134) for ciphers in (AES128, AES256, CHACHA)]
STEPS += [session(port, "max=1.2", f"ciphers={AES128}:{CHACHA}") for port in (133, 134)]
