# SPDX-License-Identifier: Apache-2.0
"""sendmail(1): -t header extraction, Bcc removal, -i, lone dot, no recipients, -f, -F, -r, -B, bad options."""
from harness.dsl import *

STEPS = [submit("To: u1@virt.test, \"A, B\" <alice@example.test>\nCc: bob@example.test (Bob)\nBcc: u2@virt.test\nSubject: t\n\nx\n", "-t", "-f", "carol@example.test"), submit("To: u1@virt.test\nSubject: t\n\nx\n", "-t", "-f", "carol@example.test", "u2@virt.test"),
         submit("Resent-To: u2@virt.test\nTo: u1@virt.test\nSubject: resent\n\nx\n", "-t"), submit("Subject: dot\n\nbefore\n.\nafter\n", "u1@virt.test"), submit("Subject: i\n\nbefore\n.\nafter\n", "-i", "u1@virt.test"), submit("Subject: oi\n\n.\nafter\n", "-oi", "u1@virt.test"),
         submit("Subject: none\n\nx\n"), submit("Subject: none\n\nx\n", "-t"), submit("Subject: F\n\nx\n", "-F", "Full Name", "-r", "bob@example.test", "u1@virt.test"), submit("From: own@example.net\nSubject: F\n\nx\n", "-fbob", "u1@virt.test"),
         submit("Subject: null\n\nx\n", "-f", "<>", "u1@virt.test"), submit("Subject: utf8 \u00fc\n\n\u00fc\n", "-B8BITMIME", "j\u00f6rg@example.test"), submit("", "u1@virt.test"), submit("no header here\n", "u1@virt.test"), submit("x\n", "-Z", "u1@virt.test"),
         submit("Subject: user\n\nx\n", "u1@virt.test", user="alice"), submit("From someone Mon Jan  1 00:00:00 2026\nSubject: from line\n\nx\n", "u1@virt.test"), submit("Subject: crlf\r\n\r\nx\r\n", "u1@virt.test"), submit("Subject: loc\n\nx\n", "bob", "alice@localhost")]
