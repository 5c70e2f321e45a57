# SPDX-License-Identifier: Apache-2.0
"""Delayed mail warning after delay_warning_time, and bounce when the message is too old."""
from harness.dsl import *

CONFIG = {"delay_warning_time": "1s", "confirm_delay_cleared": "yes"}
PEERS = {"mx1": sink(script={"^RCPT": ["450 4.2.1 not yet", "450 4.2.1 not yet", "250 ok"]}, show_message=False)}
STEPS = [msg("carol@example.test", "u@dest.test"), sleep(1.3), retry(), retry()]
