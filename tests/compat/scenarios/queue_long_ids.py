# SPDX-License-Identifier: Apache-2.0
"""enable_long_queue_ids: same behaviour with the other queue id form."""
from harness.dsl import *

CONFIG = {"enable_long_queue_ids": "yes"}
PEERS = {"mx1": sink(script={"^RCPT": "450 4.2.1 later"}, show_message=False)}
STEPS = [msg("a@example.net", "u1@virt.test"), msg("a@example.net", "u@dest.test"), cmd("postqueue", "-p"), cmd("postsuper", "-h", "ALL"), cmd("postqueue", "-p"), cmd("postsuper", "-d", "ALL"), cmd("postqueue", "-p")]
