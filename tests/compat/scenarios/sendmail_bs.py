# SPDX-License-Identifier: Apache-2.0
"""sendmail -bs: SMTP on standard input, and -bd/-q refusals."""
from harness.dsl import *

STEPS = [cmd("sendmail", "-bs", stdin="EHLO x.test\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<u1@virt.test>\r\nDATA\r\nSubject: bs\r\n\r\nx\r\n.\r\nQUIT\r\n"), wait_idle(), cmd("sendmail", "-bs", stdin="HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<u@dest.test>\r\nQUIT\r\n", user="alice"), cmd("sendmail", "-bz"), cmd("sendmail", "-bt"), cmd("sendmail", "-q"), cmd("sendmail", "-I"),
         cmd("sendmail", "-G", "-f", "a@example.net", "u2@virt.test", stdin="Subject: G\n\nx\n"), wait_idle(), cmd("sendmail", "-qRdest.test"), cmd("sendmail", "-qIABC")]
LOG_DROP = ["qmgr:"]
