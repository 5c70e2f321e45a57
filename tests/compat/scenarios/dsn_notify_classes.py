# SPDX-License-Identifier: Apache-2.0
"""notify_classes and the sessions of smtpd: who hears of recipients that are refused, and when it is forgotten."""
from harness.dsl import *

CONFIG = {"transport_maps": "inline:{ {bad.test=error:5.1.2 no such domain here} {sink.test=discard:} }",
          "notify_classes": "bounce, policy", "bounce_notice_recipient": "bn@sink.test", "error_notice_recipient": "en@sink.test",
          "smtpd_recipient_restrictions": "check_recipient_access inline:{ {u4@virt.test=REJECT} }, reject_unauth_destination"}
STEPS = [msg("s@sink.test", "a@bad.test"), msg("s@sink.test", "nobody@virt.test"), msg("s@sink.test", "u4@virt.test"),
         msg("s@sink.test", "a@bad.test", "u4@virt.test"), msg("s@sink.test", "u1@virt.test", "a@bad.test"),
         client("EHLO x.test\nMAIL FROM:<s@sink.test>\nRCPT TO:<u1@virt.test>\nDATA\nSubject: x\n\nx\n.\nMAIL FROM:<s@sink.test>\n"
                "RCPT TO:<u4@virt.test>\nQUIT"), reload("bounce_notice_recipient=nobody@virt.test"), msg("s@sink.test", "a@bad.test")]
