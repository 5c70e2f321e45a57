# SPDX-License-Identifier: Apache-2.0
"""content_filter with re-injection port, receive_override_options, per-service overrides."""
from harness.dsl import *

CONFIG = {"content_filter": "scan:[192.0.2.10]:10025", "always_bcc": "u2@virt.test", "virtual_alias_maps": "inline:{ {va@virt.test=u1@virt.test} }"}
MASTER = """
scan unix - - n - 2 smtp
  -o smtp_send_xforward_command=yes
25 inet n - n - - smtpd
  -o receive_override_options=no_address_mappings
10026 inet n - n - - smtpd
  -o content_filter=
  -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
"""
PEERS = {"scan": sink(port=10025, ehlo=["XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT", "8BITMIME"])}
NORMALISE = [(r" PORT=\d+", " PORT=N"), (r"IDENT=\w+", "IDENT=QID")]
STEPS = [msg("a@example.net", "va@virt.test", src="198.51.100.7"), client("EHLO filter\nXFORWARD NAME=client.example.net ADDR=198.51.100.7 HELO=orig\nMAIL FROM:<a@example.net>\nRCPT TO:<va@virt.test>\nDATA\nSubject: back\nX-Scanned: yes\n\nx\n.\nQUIT", port=10026)]
