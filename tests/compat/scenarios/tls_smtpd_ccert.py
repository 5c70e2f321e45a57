# SPDX-License-Identifier: Apache-2.0
"""Client certificates that are asked for: access tables, relay permission, Received header, log lines."""
from harness.dsl import *

LISTED = f"{fingerprint('client')} whoever\n{fingerprint('mx1', 'pkey')} by its key\n"
SHA1 = "24:44:1D:65:25:95:21:C3:83:C1:8E:43:E5:A2:C9:99:FE:1A:F5:7B"      # of client's certificate


def service(port, restrictions, *more):
    """A line of master.cf with recipient restrictions of its own."""
    return f"{port} inet n - n - - smtpd\n  -o {{ smtpd_recipient_restrictions = {restrictions}, reject }}\n" + \
        "".join(f"  -o {line}\n" for line in more)


KEYS = "check_ccert_access { hash:@CONFIG@/keys, { search_order = %s } }"
MASTER = (service(126, "permit_tls_all_clientcerts") + service(127, KEYS % "pubkey_fingerprint cert_fingerprint") +
          service(128, "check_ccert_access hash:@CONFIG@/keys") + service(129, KEYS % "cert_fingerprint") +
          service(130, KEYS % "issuer") + service(131, "check_ccert_access hash:@CONFIG@/lower") +
          service(132, "permit_tls_clientcerts", "smtpd_tls_ask_ccert=no") +
          service(133, "check_ccert_access hash:@CONFIG@/keys", "smtpd_tls_ask_ccert=no") +
          service(134, "permit_tls_all_clientcerts", "smtpd_tls_ask_ccert=no") +
          service(135, "permit_tls_clientcerts", "relay_clientcerts=hash:@CONFIG@/missing") +
          service(136, "permit_tls_clientcerts", "relay_clientcerts=") +
          service(137, "check_ccert_access hash:@CONFIG@/sha1", "smtpd_tls_fingerprint_digest=sha1"))
CONFIG = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": "@CERTS@/mx.key, @CERTS@/mx.pem",
          "smtpd_tls_CAfile": "@CERTS@/ca.pem", "smtpd_tls_ask_ccert": "yes", "smtpd_tls_loglevel": "1",
          "smtpd_tls_received_header": "yes", "smtpd_tls_fingerprint_digest": "sha256",
          "relay_clientcerts": "hash:@CONFIG@/relay", "mynetworks": "192.0.2.250",
          "smtpd_relay_restrictions": "permit_tls_clientcerts, reject_unauth_destination",
          "smtpd_recipient_restrictions": "check_ccert_access hash:@CONFIG@/access",
          "default_transport": "discard"}
FILES = {"relay": table(LISTED, "hash"),
         "access": table(f"{fingerprint('other')} REJECT not this one\n{fingerprint('self', 'pkey')} DEFER\n", "hash"),
         "lower": table(fingerprint("client").lower() + " 550 lower case\n", "hash"),
         "sha1": table(SHA1 + " 550 by SHA-1\n", "hash"),
         "keys": table(f"{fingerprint('client', 'pkey')} 550 by key\n{fingerprint('client')} 551 by certificate\n", "hash")}


def mail(start, rcpt="u@d.test", src="198.51.100.7", port=25, data=True):
    text = "EHLO x.test\n" + start + "\nEHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<" + rcpt + ">\n"
    if data:
        text += "DATA\nSubject: x\n\nx\n.\n"
    return client(text + "QUIT", src=src, port=port, idle=data)


STEPS = [mail("@starttls cert=client", "u1@virt.test"), mail("@starttls cert=client"),
         mail("@starttls cert=client max=1.2"), mail("@starttls cert=mx1"), mail("@starttls cert=stranger", "u1@virt.test"),
         mail("@starttls cert=stranger"), mail("@starttls", "u1@virt.test"), mail("NOOP", "u1@virt.test"),
         mail("@starttls cert=other", "u1@virt.test"), mail("@starttls cert=self", "u1@virt.test"),
         mail("@starttls cert=client", port=126), mail("@starttls cert=stranger", "u1@virt.test", port=126),
         mail("@starttls", "u1@virt.test", port=126)]
STEPS += [mail("@starttls cert=client", "u1@virt.test", port=port, data=False) for port in range(127, 138)]
# A misspelt search order is told of at another time.
LOG_DROP = ["unknown search type", "See earlier parsing error", "^local: ", "nrcpt=1", "double-bounce", "unavailable. open database",
            "^smtpd: error: open database", "lookup error for \"", "removed$", "message-id="]
