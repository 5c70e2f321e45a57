# SPDX-License-Identifier: Apache-2.0
"""smtpd_timeout, client that vanishes in DATA, and a connect without a word."""
from harness.dsl import *

CONFIG = {"smtpd_timeout": "1s"}
STEPS = [client("EHLO x.test\n@expect"), client("EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<alice@example.test>\n@raw DATA\\r\\n\n@send Subject: half\\r\\n\n@close"),
         client("@close"), wait_log("disconnect from", 3)]
