# SPDX-License-Identifier: Apache-2.0
"""NOTIFY=SUCCESS: delivered, relayed to a non-DSN host, expanded alias; NEVER; ORCPT and ENVID in the report."""
from harness.dsl import *

CONFIG = {"virtual_alias_maps": "inline:{ {exp@virt.test=u1@virt.test} }"}
PEERS = {"mx1": sink(show_message=False)}
STEPS = [msg("carol@example.test", "u1@virt.test", opts="ENVID=id123 RET=HDRS", ropts="NOTIFY=SUCCESS ORCPT=rfc822;first@orig.test"), msg("carol@example.test", "u@dest.test", opts="RET=FULL", ropts="NOTIFY=SUCCESS,FAILURE"),
         msg("carol@example.test", "exp@virt.test", ropts="NOTIFY=SUCCESS"), msg("carol@example.test", "alice@example.test", ropts="NOTIFY=NEVER")]
