# SPDX-License-Identifier: Apache-2.0
"""always_bcc, sender_bcc_maps, recipient_bcc_maps."""
from harness.dsl import *

CONFIG = {"always_bcc": "u1@virt.test", "sender_bcc_maps": "inline:{ {s@example.net=u2@virt.test} }", "recipient_bcc_maps": "inline:{ {@example.test=box@virt.test} }"}
STEPS = [msg("s@example.net", "alice@example.test", "bob@example.test", body="Subject: bcc\n\nx"), msg("o@example.net", "alice@example.test", ropts="NOTIFY=SUCCESS,FAILURE", body="Subject: other\n\nx")]
LOG_DROP = ["bounce:"]
