# SPDX-License-Identifier: Apache-2.0
"""postcat: whole file, envelope, headers, body, offsets, by queue id."""
from harness.dsl import *

CONFIG = {"smtpd_sender_restrictions": "check_sender_access inline:{{a@example.net=HOLD check}}"}
STEPS = [msg("a@example.net", "u1@virt.test", "alice@example.test", opts="RET=HDRS ENVID=e1", ropts="NOTIFY=NEVER ORCPT=rfc822;x@y.test", body="Subject: cat\n folded\n\nbody\n\nend"), cmd("postcat", "-q", "@QID1@"), cmd("postcat", "-eq", "@QID1@"), cmd("postcat", "-hq", "@QID1@"),
         cmd("postcat", "-bq", "@QID1@"), cmd("postcat", "-bhq", "@QID1@"), cmd("postcat", "-q", "NOSUCH1"), cmd("postcat", "/etc/hosts")]
NORMALISE = [(r"^message_size: .*", "message_size: N"), (r"message_arrival_time: .*", "message_arrival_time: T"), (r"create_time=.*", "create_time=T"), (r"client_port=\d+", "client_port=N"), (r"hold/\w/?", "hold/"), (r"^pointer_record: .*", "pointer_record: N")]
