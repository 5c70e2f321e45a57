# SPDX-License-Identifier: Apache-2.0
"""MAIL FROM and RCPT TO syntax errors, sequence errors, odd addresses."""
from harness.dsl import *

CONFIG = {"smtpd_hard_error_limit": "50"}
STEPS = [client("""
    MAIL FROM
    MAIL FROM:
    MAIL FROM:x@example.net
    RSET
    MAIL FROM:<x@example.net
    RSET
    MAIL FROM: <x@example.net>
    RSET
    MAIL FROM <x@example.net>
    MAIL TO:<x@example.net>
    MAIL FROM:<x@example.net> SIZE=100
    MAIL FROM:<again@example.net>
    RSET
    EHLO client.example.net
    RCPT TO:<alice@example.test>
    DATA
    MAIL FROM:<x@example.net> FOO=bar
    MAIL FROM:<x@example.net> SIZE=abc
    MAIL FROM:<x@example.net> BODY=9BIT
    MAIL FROM:<x@example.net> body=8bitmime size=10
    RSET
    MAIL FROM:<>
    RSET
    MAIL FROM:<@a.test,@b.test:x@example.net>
    RSET
    MAIL FROM:<"quoted local"@example.net>
    RCPT TO
    RCPT TO:
    RCPT TO:<>
    RCPT TO:alice
    RCPT TO:<alice>
    RCPT TO:<postmaster>
    RCPT TO:<@relay.test:alice@example.test>
    RCPT TO:<"alice"@example.test>
    RCPT TO:<alice@[127.0.0.1]>
    RCPT TO:<alice@example.test> FOO
    RCPT TO:<alice@example.test> NOTIFY=MAYBE
    RCPT TO:<alice@@example.test>
    RCPT TO:<alice@example..test>
    RCPT TO:<alice@.example.test>
    RCPT TO:<alice%example.net@example.test>
    RCPT TO:<alice!bob@example.test>
    RCPT FROM:<alice@example.test>
    QUIT
""")]
