# SPDX-License-Identifier: Apache-2.0
"""local(8): mailbox, extension, owner, home_mailbox, case, quoted From_ lines, CRLF."""
from harness.dsl import *

CONFIG = {"recipient_delimiter": "+-", "home_mailbox": "Maildir/", "mail_spool_directory": None}
STEPS = [msg("a@example.net", "alice@example.test", "Bob+ext@example.test", "carol-dash@localhost", "alice@MX.example.test", body="Subject: l\n\nFrom here\n>From there\nend")]
