# SPDX-License-Identifier: Apache-2.0
""".forward files: addresses, backslash user, file, command, include, extension files, bad permissions."""
from harness.dsl import *

CONFIG = {"recipient_delimiter": "+", "allow_mail_to_files": "alias,forward", "allow_mail_to_commands": "alias,forward"}
FILES = {"~alice/.forward": "\\alice, u1@virt.test, \"|id -un > @OUT@/id; cat > @OUT@/piped\"\n",
         "~alice/.forward+x": "bob@example.test\n", "~bob/.forward": table("carol\n", mode=0o666),
         "~carol/.forward": "# nothing\n\n@HOME@/carol/mbox\n"}
STEPS = [msg("a@example.net", f"{r}@example.test", body=f"Subject: to {r}\n\nx") for r in ("alice", "alice+x", "alice+none", "bob", "carol")]
