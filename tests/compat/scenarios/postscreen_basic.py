# SPDX-License-Identifier: Apache-2.0
"""postscreen: greet delay, DNSBL score, deny list, pregreet, pass to smtpd and temporary allow list."""
from harness.dsl import *

MASTER = """
25 inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
"""
CONFIG = {"postscreen_greet_wait": "1s", "postscreen_greet_action": "enforce", "postscreen_access_list": "permit_mynetworks, cidr:@CONFIG@/ps", "postscreen_denylist_action": "drop", "postscreen_dnsbl_sites": "bl.test*2 wl.test*-2", "postscreen_dnsbl_threshold": "2", "postscreen_dnsbl_action": "enforce"}
FILES = {"ps": "198.51.100.91 reject\n198.51.100.92 permit\n"}
ZONE = {"93.100.51.198.bl.test": {"A": "127.0.0.2"}, "94.100.51.198.bl.test": {"A": "127.0.0.2"}, "94.100.51.198.wl.test": {"A": "127.0.0.2"}}
T = "EHLO x.test\nVRFY alice\nMAIL FROM:<a@example.net>\nRCPT TO:<alice@example.test>\nQUIT"
STEPS = [client(T, src=f"198.51.100.{n}", idle=False) for n in (91, 92, 93, 94, 94)] + [client(T, idle=False), client("@nogreeting\n@send EHLO early\\r\\n\n@expect\nMAIL FROM:<a@example.net>\nRCPT TO:<alice@example.test>\nQUIT", src="198.51.100.95")]
NORMALISE = [(r"\]:\d{4,5}", "]:PORT"), (r"after [\d.]+ from", "after T from")]
LOG_DROP = ["cache .*cleanup", "close database"]
