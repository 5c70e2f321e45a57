# SPDX-License-Identifier: Apache-2.0
"""disable_vrfy_command, smtpd_banner, smtpd_noop_commands, forbidden commands."""
from harness.dsl import *

CONFIG = {"disable_vrfy_command": "yes", "smtpd_banner": "$myhostname ESMTP hello there",
          "smtpd_noop_commands": "FROB, HELP", "smtpd_forbidden_commands": "CONNECT GET POST USER"}
STEPS = [client("""
    EHLO client.example.net
    VRFY alice
    FROB x
    HELP
    USER fred
"""), client("""
    GET / HTTP/1.0
"""), client("""
    Subject: not a command
""")]
