# SPDX-License-Identifier: Apache-2.0
"""Actions of access tables with smtpd_delay_reject = no: which are skipped at CONNECT and HELO, and which work at MAIL and RCPT."""
from harness.dsl import *

ACTIONS = ["DISCARD d", "HOLD h", "FILTER smtp:[192.0.2.9]", "REDIRECT u2@virt.test", "BCC u2@virt.test", "PREPEND X-A: b", "WARN w",
           "DEFER_IF_PERMIT p", "DEFER_IF_REJECT r", "REJECT"]


def access(pattern):
    return "inline:{" + " ".join("{%s=%s}" % (pattern % (i + 1), a) for i, a in enumerate(ACTIONS)) + "}"


CONFIG = {"smtpd_delay_reject": "no", "smtpd_client_restrictions": f"check_client_access {access('198.51.100.%d')}",
          "smtpd_helo_restrictions": f"check_helo_access {access('h%d.test')}", "smtpd_relay_restrictions": "",
          "smtpd_sender_restrictions": f"check_sender_access {access('s%d@')}",
          "smtpd_recipient_restrictions": "check_client_access inline:{ {198.51.100.30=HOLD late} }, reject_unauth_destination"}


def session(src="198.51.100.99", helo="c.test", sender="z", recipient="u1@virt.test"):
    message = "MAIL FROM:<%s@virt.test>\nRCPT TO:<%s>\nDATA\nSubject: x\n\nx\n.\n"
    return client(f"EHLO {helo}\n" + message % (sender, recipient) + message % ("again", "u1@virt.test") + "QUIT", src=src)


STEPS = [session(src=f"198.51.100.{i + 1}") for i in range(len(ACTIONS))] + [session(helo=f"h{i}.test") for i in (1, 5, 6, 7, 9)]
STEPS += [session(sender=f"s{i}") for i in (1, 2, 6)] + [session(src="198.51.100.9", recipient="no@relay.test"), session(src="198.51.100.30"), cmd("postqueue", "-p")]
