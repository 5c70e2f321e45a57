# SPDX-License-Identifier: Apache-2.0
"""reject_unknown_sender_domain, recipient domain, client hostname; DNS failures and their codes."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_restrictions": "reject_non_fqdn_sender, reject_non_fqdn_recipient, reject_unknown_sender_domain, "
          "reject_unknown_recipient_domain, permit",
          "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}
ZONE = {"servfail.test": "SERVFAIL", "nullmx.test": {"MX": [(0, ".")]}, "aonly.test": {"A": "192.0.2.99"},
        "nothing.test": {"TXT": ["x"]}, "badmx.test": {"MX": [(10, "nohost.test")]}}
STEPS = [client("EHLO x.test\n" + "\n".join(f"MAIL FROM:<a@{d}>\nRCPT TO:<alice@example.test>\nRSET" for d in (
    "nosuch.test", "servfail.test", "nullmx.test", "aonly.test", "nothing.test", "badmx.test", "nofqdn", "[192.0.2.1]"))
    + "\nMAIL FROM:<local>\nRCPT TO:<alice@example.test>\nRSET\nMAIL FROM:<a@example.net>\n"
    + "\n".join(f"RCPT TO:<a@{d}>" for d in ("nosuch.test", "servfail.test", "nullmx.test", "aonly.test", "nofqdn"))
    + "\nQUIT")]
