# SPDX-License-Identifier: Apache-2.0
"""Missing From, Date, Message-Id and To: local versus remote origin, undisclosed recipients."""
from harness.dsl import *

CONFIG = {"undisclosed_recipients_header": "To: undisclosed-recipients:;"}
TEXT = "EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<u1@virt.test>\nDATA\nX-Only: header\n\nbody\n.\nQUIT"
STEPS = [client(TEXT), client(TEXT, src="198.51.100.7"), submit("X-Only: header\n\nbody\n", "u2@virt.test"),
         submit("X-Only: header\n\nbody\n", "-F", "Full Name", "-f", "bob@example.test", "u2@virt.test"),
         reload("always_add_missing_headers=yes"), client(TEXT, src="198.51.100.7")]
