# SPDX-License-Identifier: Apache-2.0
"""XCLIENT: keyword list, attributes, errors, effect on logging and access."""
from harness.dsl import *

CONFIG = {"smtpd_authorized_xclient_hosts": "127.0.0.1, 203.0.113.0/24", "smtpd_client_restrictions": "check_client_access inline:{{203.0.113.9=REJECT xclient works}}"}
STEPS = [client("""
    EHLO x.test
    XCLIENT
    XCLIENT FOO=bar
    XCLIENT ADDR=nonsense
    XCLIENT NAME=spike.test ADDR=203.0.113.8 HELO=spike.helo PROTO=ESMTP
    EHLO again.test
    MAIL FROM:<a@example.net>
    RCPT TO:<u1@virt.test>
    DATA
    Subject: xclient

    x
    .
    XCLIENT NAME=[UNAVAILABLE] ADDR=203.0.113.9 DESTADDR=198.51.100.1 DESTPORT=2525
    EHLO again.test
    MAIL FROM:<a@example.net>
    RCPT TO:<u1@virt.test>
    XCLIENT NAME=[TEMPUNAVAIL] ADDR=IPV6:2001:db8::7 LOGIN=fred
    MAIL FROM:<a@example.net>
    XCLIENT NAME=x
    QUIT
"""), client("EHLO x.test\nXCLIENT NAME=x\nQUIT", src="198.51.100.7")]
