# SPDX-License-Identifier: Apache-2.0
"""check_helo_a/mx/ns access, check_sender_mx_access, check_recipient_a_access, check_reverse_client_hostname_access."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_restrictions": "check_sender_mx_access cidr:@CONFIG@/badmx, check_helo_a_access cidr:@CONFIG@/badmx, check_sender_a_access cidr:@CONFIG@/badmx, check_recipient_mx_access cidr:@CONFIG@/badmx, check_reverse_client_hostname_access inline:{{client.example.net=WARN reverse}}, check_client_a_access cidr:@CONFIG@/badmx, permit_auth_destination, reject"}
FILES = {"badmx": "192.0.2.66 REJECT bad host\n127.0.0.0/8 550 5.7.27 mx in loopback\n"}
ZONE = {"badmx.test": {"MX": [(10, "evil.test")]}, "evil.test": {"A": "192.0.2.66"}, "loopmx.test": {"MX": [(10, "lo.test")]}, "lo.test": {"A": "127.0.0.9"}}
STEPS = [client("EHLO x.test\n" + "\n".join(f"MAIL FROM:<a@{d}>\nRCPT TO:<alice@example.test>\nRCPT TO:<b@badmx.test>\nRSET" for d in ("badmx.test", "loopmx.test", "evil.test", "example.net")) + "\nHELO evil.test\nMAIL FROM:<>\nRCPT TO:<alice@example.test>\nQUIT", src="198.51.100.7")]
