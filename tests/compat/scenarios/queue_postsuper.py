# SPDX-License-Identifier: Apache-2.0
"""postsuper -h, -H, -r, -d, on one id and ALL; unknown ids."""
from harness.dsl import *

PEERS = {"mx1": sink(script={"^RCPT": ["450 4.2.1 try later", "450 4.2.1 try later", "250 ok"]}, show_message=False)}
STEPS = [msg("a@example.net", "u1@dest.test"), cmd("postsuper", "-h", "@QID1@"), cmd("postqueue", "-p"), cmd("postsuper", "-H", "@QID1@"), cmd("postqueue", "-p"), cmd("postsuper", "-r", "@QID1@"), cmd("postkick", "public", "pickup", "W", hide=True), wait_log("status=deferred", 2), wait_idle(),
         msg("b@example.net", "u2@dest.test"), cmd("postsuper", "-d", "NOSUCH123"), cmd("postsuper", "-h", "ALL"), cmd("postqueue", "-p"), cmd("postsuper", "-d", "ALL", "hold"), cmd("postqueue", "-p"), cmd("postsuper", "-x"), cmd("postsuper", "-d", "@QID1@", user="alice")]
LOG_DROP = ["name_mask"]
