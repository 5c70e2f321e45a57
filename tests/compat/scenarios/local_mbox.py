# SPDX-License-Identifier: Apache-2.0
"""mbox delivery: From_ quoting, two messages, prepend options, null sender, long sender."""
from harness.dsl import *

CONFIG = {"prepend_delivered_header": "command, file, forward"}
STEPS = [msg(s, "alice@example.test", body="Subject: m\n\nFrom the start\n\nFrom after blank\n>From q\nFrom: colon") for s in ("a@example.net", "", '"odd name"@example.net')]
