# SPDX-License-Identifier: Apache-2.0
"""postqueue -f, -i, -s and ETRN flush; fast flush cache."""
from harness.dsl import *

CONFIG = {"fast_flush_domains": "dest.test", "relay_domains": "dest.test"}
PEERS = {"mx1": sink(script={"^RCPT": ["450 4.2.1 later", "450 4.2.1 later", "250 ok"]}, show_message=False)}
STEPS = [msg("a@example.net", "u1@dest.test"), cmd("postqueue", "-i", "@QID1@"), wait_log("status=deferred", 2), wait_idle(), cmd("postqueue", "-s", "dest.test"), wait_log("status=sent"), wait_idle(),
         cmd("postqueue", "-s", "nosuch.test"), cmd("postqueue", "-i", "ABC"), cmd("postqueue", "-s", "bad domain"), cmd("postqueue", "-f")]
