# SPDX-License-Identifier: Apache-2.0
"""Address verification: reject_unverified_recipient and sender with probes to a sink."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_restrictions": "reject_unverified_recipient", "address_verify_poll_delay": "1s", "address_verify_map": "",
          "relay_domains": "dest.test", "unverified_recipient_reject_reason": "Address lookup failed"}
PEERS = {"mx1": sink(script={"^RCPT.*bad": "550 5.1.1 no such user", "^RCPT.*temp": "450 4.2.0 later"}, sort=True)}
STEPS = [client("EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<good@dest.test>\nRCPT TO:<bad@dest.test>\nRCPT TO:<temp@dest.test>\nRCPT TO:<bad@dest.test>\nQUIT")]
