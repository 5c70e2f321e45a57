# SPDX-License-Identifier: Apache-2.0
"""permit_mx_backup with and without permit_mx_backup_networks, and smtpd_log_access_permit_actions."""
from harness.dsl import *


def service(port, restrictions, *settings):
    return f"{port} inet n - n - - smtpd\n  -o {{ smtpd_recipient_restrictions = {restrictions} }}\n" + \
        "".join(f"  -o {{ {s} }}\n" for s in settings)


US = (20, "mx.example.test")
ZONE = {"backup.test": {"MX": [(10, "near.test"), US]}, "near.test": {"A": ["192.0.2.77"]}, "far.test": {"A": ["203.0.113.9"]},
        "first.test": {"MX": [(10, "mx.example.test"), (20, "near.test")]}, "same.test": {"MX": [(20, "near.test"), US]},
        "foreign.test": {"MX": [(10, "near.test")]}, "noexchanger.test": {"A": ["127.0.0.1"]}, "trouble.test": "SERVFAIL",
        "other.test": {"MX": [(10, "far.test"), US]}, "dead.test": {"MX": [(10, "nothere.test"), US]},
        "null.test": {"MX": [(0, "")]}, "two.test": {"MX": [(10, "near.test"), (10, "far.test"), US]},
        "last.test": {"MX": [(10, "near.test"), (15, "nothere.test"), US]}, "alias.test": {"A": ["127.0.0.1"]},
        "byaddress.test": {"MX": [(10, "near.test"), (20, "alias.test")]}, "bestaddress.test": {"MX": [(10, "alias.test"), (20, "near.test")]}}
MASTER = (service(126, "permit_mx_backup, reject") +
          service(127, "permit_mx_backup, reject", "permit_mx_backup_networks = 192.0.2.0/24") +
          service(128, "check_client_access inline:{127.0.0.1=OK}, reject", "smtpd_client_restrictions = permit",
                  "smtpd_sender_restrictions = check_sender_access inline:{a@example.net=RELAY}",
                  "smtpd_helo_restrictions = permit_mynetworks", "smtpd_data_restrictions = permit_mynetworks",
                  "smtpd_end_of_data_restrictions = check_client_access inline:{127.0.0.1=DISCARD}") +
          service(129, "permit_auth_destination, reject", "smtpd_log_access_permit_actions = permit_auth_destination, ok"))
CONFIG = {"smtpd_log_access_permit_actions": "static:all", "smtpd_relay_restrictions": "permit_mynetworks, reject",
          "default_transport": "discard", "smtpd_hard_error_limit": "100", "smtpd_delay_open_until_valid_rcpt": "no"}
DOMAINS = ("backup.test", "first.test", "same.test", "foreign.test", "noexchanger.test", "trouble.test", "other.test", "dead.test",
           "null.test", "two.test", "nothere.test", "last.test", "byaddress.test", "bestaddress.test", "[192.0.2.77]", "virt.test@backup.test")
RECIPIENTS = "".join(f"RCPT TO:<u@{domain}>\n" for domain in DOMAINS) + "RCPT TO:<u1@virt.test>\nRCPT TO:<alice@example.test>\n"
STEPS = [client("EHLO x.test\nMAIL FROM:<a@example.net>\n" + RECIPIENTS + "QUIT", port=port) for port in (126, 127)]
STEPS += [client("EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<u1@virt.test>\nDATA\nSubject: x\n\nx\n.\nVRFY u1@virt.test\nQUIT",
                 port=port) for port in (128, 129)]
