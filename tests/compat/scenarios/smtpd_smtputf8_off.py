# SPDX-License-Identifier: Apache-2.0
"""smtputf8_enable = no: keyword absent, parameter refused."""
from harness.dsl import *

CONFIG = {"smtputf8_enable": "no"}
STEPS = [client("""
    EHLO client.example.net
    MAIL FROM:<x@example.net> SMTPUTF8
    MAIL FROM:<jörg@example.net>
    RCPT TO:<älice@example.test>
    QUIT
""")]
