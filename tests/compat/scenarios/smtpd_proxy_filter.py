# SPDX-License-Identifier: Apache-2.0
"""smtpd_proxy_filter: before-queue filter sees the session; its replies reach the client."""
from harness.dsl import *

CONFIG = {}
MASTER = """
25 inet n - n - - smtpd
  -o smtpd_proxy_filter=192.0.2.10:10025
  -o smtpd_client_restrictions=
"""
PEERS = {"filter": sink(port=10025, script={"^RCPT.*bob": "550 5.1.1 proxy says no", "DOT": ["250 2.0.0 proxied", "554 5.7.1 virus"]},
                        ehlo=["XFORWARD NAME ADDR PROTO HELO", "8BITMIME"])}
STEPS = [client("""
    EHLO x.test
    MAIL FROM:<a@example.net>
    RCPT TO:<alice@example.test>
    RCPT TO:<bob@example.test>
    DATA
    Subject: proxied

    x
    .
    MAIL FROM:<a@example.net>
    RCPT TO:<alice@example.test>
    DATA
    Subject: virus

    x
    .
    QUIT
""", src="198.51.100.7")]
