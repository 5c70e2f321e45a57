# SPDX-License-Identifier: Apache-2.0
"""defer_transports, then release; qmgr "mail transport unavailable"."""
from harness.dsl import *

CONFIG = {"defer_transports": "smtp", "transport_maps": "inline:{ {nt@dest.test=nosuchtransport:} }"}
PEERS = {"mx1": sink(show_message=False)}
STEPS = [msg("a@example.net", "u@dest.test"), msg("a@example.net", "nt@dest.test"), cmd("postqueue", "-p"), reload("defer_transports="), cmd("postqueue", "-f", hide=True), wait_log("status=sent"), wait_idle()]
