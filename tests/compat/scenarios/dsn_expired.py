# SPDX-License-Identifier: Apache-2.0
"""maximal_queue_lifetime = 0: first deferral bounces; bounce_queue_lifetime for the null sender."""
from harness.dsl import *

CONFIG = {"maximal_queue_lifetime": "0", "bounce_queue_lifetime": "0"}
PEERS = {"mx1": sink(script={"^RCPT": "450 4.2.1 not yet"}, show_message=False)}
STEPS = [msg("carol@example.test", "u@dest.test"), msg("", "u@dest.test")]
