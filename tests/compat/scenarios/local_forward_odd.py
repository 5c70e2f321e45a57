# SPDX-License-Identifier: Apache-2.0
""".forward lines that are seldom seen: unquoted commands, groups, bad addresses, stray quotes and brackets, ~ and NUL."""
from harness.dsl import *

LINES = ["| exit 0", "|/bin/true, bob", "\"|echo $EXTENSION >@OUT@/ext\"", "|\"exit 69\"", "@OUT@/plain b", "g: bob, carol;", "a:b", "bob@",
         "@", "!bob", "<bob", "bob>", "bob . x", "\"bob carol\"", "~", "\"~/x\"", ":include:/nonexistent/a b", "(none)", "bob\0carol"]
CONFIG = {"recipient_delimiter": "+", "allow_mail_to_commands": "alias,forward", "allow_mail_to_files": "alias,forward",
          "local_recipient_maps": "", "transport_maps": "inline:{ {sink.test=discard:} }", "alias_maps": "hash:@CONFIG@/aliases"}
FILES = {"aliases": aliases("mailer-daemon: /dev/null\n"),
         "~alice/.forward": {"text": "", "type": None, "command": "postmap", "mode": 0o644, "owner": "alice"}}
STEPS = []
for number, line in enumerate(LINES):
    text = (line + "\n").replace("@OUT@", "/tmp/mta/out").encode()
    STEPS += [sh("cat >@HOME@/alice/.forward; chown alice @HOME@/alice/.forward", stdin=text, hide=True),
              msg(f"s{number}@sink.test", f"alice+{number}@example.test", body=f"Subject: {number}\n\nx")]
STEPS += [cmd("postqueue", "-p")]
