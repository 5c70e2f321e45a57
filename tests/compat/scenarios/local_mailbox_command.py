# SPDX-License-Identifier: Apache-2.0
"""mailbox_command with its environment, mailbox_command_maps, exit status handling."""
from harness.dsl import *

CONFIG = {"mailbox_command": "env | sort | egrep '^(DOMAIN|EXTENSION|HOME|LOCAL|LOGNAME|ORIGINAL_RECIPIENT|RECIPIENT|SENDER|SHELL|USER|PATH)' > @OUT@/env; cat > @OUT@/msg",
          "mailbox_command_maps": "inline:{ {bob=exit 75} {carol=echo nope >&2; exit 69} }", "recipient_delimiter": "+"}
STEPS = [msg("a@example.net", "alice+foo@example.test", "bob@example.test", "carol@example.test"), cmd("postqueue", "-p")]
