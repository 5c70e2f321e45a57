# SPDX-License-Identifier: Apache-2.0
"""Restriction classes, permit_inet_interfaces, warn_if_reject, defer_if_*, plain reject and sleep."""
from harness.dsl import *

CONFIG = {"smtpd_restriction_classes": "strict, lax, looper, nested",
          "nested": "check_sender_access inline:{{bad@example.net=550 nested}}",
          "strict": "reject_unknown_sender_domain, check_sender_access inline:{{bad@example.net=REJECT strict says no}}, permit",
          "lax": "permit", "looper": "check_recipient_access inline:{{dave@example.test=looper}}",
          "smtpd_recipient_restrictions": "check_recipient_access inline:{ {alice@example.test=strict} {bob@example.test=lax} "
          "{carol@example.test=nested,reject} {dave@example.test=looper} }, warn_if_reject reject_unknown_sender_domain, "
          "defer_if_permit, reject_unlisted_recipient"}
STEPS = [client("EHLO x.test\n" + "\n".join(
    f"MAIL FROM:<{s}>\nRCPT TO:<alice@example.test>\nRCPT TO:<bob@example.test>\nRCPT TO:<carol@example.test>\n"
    "RCPT TO:<dave@example.test>\nRCPT TO:<other@example.test>\nRCPT TO:<postmaster@example.test>\nRSET" for s in
    ("bad@example.net", "x@nosuch.test", "ok@example.net")) + "\nQUIT", src="198.51.100.7")]
