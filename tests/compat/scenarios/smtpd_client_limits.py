# SPDX-License-Identifier: Apache-2.0
"""Per-client connection count and message rate limits by anvil."""
from harness.dsl import *

CONFIG = {"smtpd_client_connection_count_limit": "1", "smtpd_client_message_rate_limit": "1",
          "smtpd_client_recipient_rate_limit": "3", "smtpd_client_event_limit_exceptions": ""}
STEPS = [
    client("""
        EHLO client.example.net
        MAIL FROM:<x@example.net>
        RSET
        MAIL FROM:<x@example.net>
        @hold
    """, idle=False),
    client("QUIT"),
]
