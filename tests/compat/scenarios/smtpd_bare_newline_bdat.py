# SPDX-License-Identifier: Apache-2.0
"""smtpd_forbid_bare_newline = reject and BDAT: the chunk that has the bare LF is refused."""
from harness.dsl import *
CONFIG = {"smtpd_forbid_bare_newline": "reject", "mynetworks": "192.0.2.250"}
STEPS = [client(r"""
    EHLO client.example.net
    MAIL FROM:<x@example.net>
    RCPT TO:<u1@virt.test>
    @bdat - Subject: x\n\nbody\n
    @bdat - more\r\n
    @bdat - LAST more\r\n
    MAIL FROM:<x@example.net>
    RCPT TO:<u1@virt.test>
    @bdat - Subject: x\r\n\r\nbody\r\n
    @bdat - fine\r
    @bdat - \nfine\r\n
    @bdat - bad
    @bdat - \nfine\r\n
    MAIL FROM:<x@example.net>
    RSET
    MAIL FROM:<x@example.net>
    RCPT TO:<u1@virt.test>
    @bdat - Subject: x\r\n\r\nbody
    @bdat - LAST \n
    QUIT
"""), client(r"""
    EHLO client.example.net
    MAIL FROM:<x@example.net>
    RCPT TO:<u1@virt.test>
    @bdat - Subject: x\n\nbody\n
    @close
""")]
# When cleanup sees the header of a message that is never completed is its own affair.
LOG_DROP = ["message-id="]
