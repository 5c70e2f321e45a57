# SPDX-License-Identifier: Apache-2.0
"""line_length_limit: a 5000 byte line in the body; over-long addresses."""
from harness.dsl import *

STEPS = [client("EHLO client.example.net\nMAIL FROM:<x@example.net>\nRCPT TO:<u1@virt.test>\nDATA\n"
                "Subject: long line\n\n@esc " + "abcdefghij" * 500 + r"\r\n" + "\n.\n"
                "MAIL FROM:<" + "l" * 300 + "@example.net>\nRSET\n"
                "MAIL FROM:<x@" + "d" * 70 + ".net>\nRSET\n"
                "QUIT")]
