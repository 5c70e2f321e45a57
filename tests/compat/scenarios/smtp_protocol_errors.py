# SPDX-License-Identifier: Apache-2.0
"""Replies that make no sense where they come: what becomes of the mail, and who is told."""
from harness.dsl import *

SCRIPT = {"ok": {}, "mail3": {"^MAIL": "354 what"}, "rcpt3": {"^RCPT": "354 what"}, "data2": {"^DATA": "250 2.0.0 what"}, "dot3": {"^DOT": "354 what"},
          "mail503": {"^MAIL": "503 5.5.1 bad sequence"}, "rcpt501": {"^RCPT": "501-5.5.4 syntax\n501 5.5.4 error"}, "data500": {"^DATA": "500 5.5.2 what"},
          "dot509": {"^DOT": "509 5.5.4 oh"}, "helo500": {"^(EHLO|HELO)": "500 5.5.2 what"}, "rcpt510": {"^RCPT": "510 5.1.1 no"}, "mail199": {"^MAIL": "199 wait"}}
CONFIG = {"notify_classes": "protocol", "error_notice_recipient": "pm@pm.test"}
ZONE = {f"{n}.test": {"A": f"192.0.2.{100 + i}"} for i, n in enumerate(SCRIPT)} | {"pm.test": {"A": "192.0.2.99"}, "box.test": {"A": "192.0.2.98"}}
PEERS = {n: sink(addr=f"192.0.2.{100 + i}", name=f"{n}.test", show_message=False, script=script) for i, (n, script) in enumerate(SCRIPT.items())} | {
    "pm": sink(addr="192.0.2.99", name="pm.test", show_message=False, sort=True), "box": sink(addr="192.0.2.98", name="box.test", show_message=False, sort=True)}
STEPS = [msg("x@box.test", f"u@{n}.test", f"v@{n}.test") for n in SCRIPT]
