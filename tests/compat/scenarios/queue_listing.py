# SPDX-License-Identifier: Apache-2.0
"""postqueue -p and -j, mailq, with active, deferred and held messages; empty queue."""
from harness.dsl import *

PEERS = {"mx1": sink(script={"^RCPT": "450 4.2.1 try later"}, show_message=False)}
CONFIG = {"smtpd_sender_restrictions": "check_sender_access inline:{{held@example.net=HOLD check}}"}
STEPS = [cmd("postqueue", "-p"), cmd("mailq"), cmd("postqueue", "-j"), msg("a@example.net", "u1@dest.test", "u2@dest.test"), msg("held@example.net", "u1@virt.test"), msg("", "u@dest.test"),
         cmd("postqueue", "-p"), cmd("mailq"), cmd("postqueue", "-j", sort=True), cmd("sendmail", "-bp"), cmd("postqueue", "-p", user="alice")]
