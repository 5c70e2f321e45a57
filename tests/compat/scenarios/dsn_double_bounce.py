# SPDX-License-Identifier: Apache-2.0
"""Mail of the null sender and of double-bounce that cannot be delivered, and who hears of it."""
from harness.dsl import *

CONFIG = {"notify_classes": "resource, software, bounce, 2bounce, delay", "bounce_notice_recipient": "alice@example.test",
          "2bounce_notice_recipient": "bob@example.test", "myorigin": "example.test", "local_recipient_maps": "",
          "mydestination": "example.test, mx.example.test, other.test, localhost"}
STEPS = [msg(sender, "nosuch@example.test") for sender in ("double-bounce@example.test", "double-bounce@mx.example.test", "double-bounce@other.test", "double-bounce@elsewhere.test",
                                                           "Double-Bounce@MX.example.test", "double-bounce+x@mx.example.test", "", "nosuch2@example.test")] + [
    msg("x@example.net", f"double-bounce@{domain}") for domain in ("example.test", "mx.example.test", "other.test")] + [
    msg(sender, "nosuch@example.test", ropts="NOTIFY=" + notify) for sender in ("", "alice@example.test") for notify in ("NEVER", "SUCCESS")]
