# SPDX-License-Identifier: Apache-2.0
"""Error sleep, soft and hard error limit, junk command limit."""
from harness.dsl import *

CONFIG = {"smtpd_soft_error_limit": "2", "smtpd_hard_error_limit": "4", "smtpd_error_sleep_time": "0",
          "smtpd_junk_command_limit": "3"}
STEPS = [client("""
    EHLO client.example.net
    FOO1
    FOO2
    FOO3
    FOO4
    FOO5
"""), client("""
    EHLO client.example.net
    NOOP
    NOOP
    NOOP
    NOOP
    NOOP
    NOOP
    NOOP
    NOOP
    QUIT
""")]
