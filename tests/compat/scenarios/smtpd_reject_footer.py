# SPDX-License-Identifier: Apache-2.0
"""smtpd_reject_footer, smtpd_reject_footer_maps and soft_bounce."""
from harness.dsl import *

CONFIG = {"smtpd_reject_footer": r"\c. For help call\n$client at $server_name", "soft_bounce": "yes"}
STEPS = [client("EHLO x.test\nFOO\nMAIL FROM:<a@example.net>\nRCPT TO:<nosuch@example.test>\nRCPT TO:<u@dest.test>\nQUIT", src="198.51.100.7"),
         reload("soft_bounce=no"),
         client("EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<nosuch@example.test>\nQUIT", src="198.51.100.7")]
