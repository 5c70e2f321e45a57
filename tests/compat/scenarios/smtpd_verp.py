# SPDX-License-Identifier: Apache-2.0
"""XVERP: who may ask for it, what it may say, and the addresses that it makes."""
from harness.dsl import *
MASTER = """
126 inet n - n - - smtpd
  -o smtpd_discard_ehlo_keywords=verp
127 inet n - n - - smtpd
  -o smtpd_authorized_verp_clients=
"""
CONFIG = {"smtpd_authorized_verp_clients": "127.0.0.1"}
SCRIPT = """
 EHLO x.test
 MAIL FROM:<a@example.net> XVERP
 RSET
 MAIL FROM:<a@example.net> XVERP=+=
 RSET
 MAIL FROM:<a@example.net> XVERP=++
 RSET
 MAIL FROM:<a@example.net> XVERP=+
 RSET
 MAIL FROM:<a@example.net> XVERP=
 RSET
 MAIL FROM:<a@example.net> XVERP=+=-
 RSET
 MAIL FROM:<a@example.net> XVERP=xy
 RSET
 MAIL FROM:<a@example.net> xverp=-=
 RSET
 MAIL FROM:<a@example.net> XVERP XVERP=-=
 RSET
 MAIL FROM:<> XVERP=-=
 RSET
 MAIL FROM:<> XVERP
 RSET
 MAIL FROM:<a@example.net> XVERP
 RCPT TO:<u1@virt.test>
 RCPT TO:<u2@virt.test>
 DATA
 Subject: x
 
 x
 .
 QUIT
"""
STEPS = [client(SCRIPT), client("EHLO x\nMAIL FROM:<a@example.net> XVERP\nQUIT", port=126),
         client("EHLO x\nMAIL FROM:<a@example.net> XVERP\nQUIT", port=127),
         client("EHLO x\nMAIL FROM:<a@example.net> XVERP\nQUIT", src="198.51.100.7"),
         client("HELO x\nMAIL FROM:<a@example.net> XVERP\nRCPT TO:<u1@virt.test>\nQUIT")]
