# SPDX-License-Identifier: Apache-2.0
"""IPv6 client: logging, mynetworks, CIDR access, Received header."""
from harness.dsl import *

CONFIG = {"inet_interfaces": "127.0.0.1, 2001:db8::25", "inet_protocols": "all", "smtpd_client_restrictions": "check_client_access cidr:@CONFIG@/c"}
FILES = {"c": "2001:db8::10 REJECT cidr6\n"}
ZONE = {"six.example.net": {"AAAA": "2001:db8::7"}}
STEPS = [client("EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<u1@virt.test>\nDATA\nSubject: six\n\nx\n.\nRCPT TO:<u@dest.test>\nQUIT",
                addr="2001:db8::25", src="2001:db8::7"),
         client("EHLO [IPv6:2001:db8::10]\nMAIL FROM:<a@example.net>\nRCPT TO:<alice@[IPv6:2001:db8::25]>\nQUIT", addr="2001:db8::25", src="2001:db8::10")]
