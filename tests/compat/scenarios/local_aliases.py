# SPDX-License-Identifier: Apache-2.0
"""aliases: lists, :include:, |command, /file, owner-, nested, extension, unknown, null."""
from harness.dsl import *

CONFIG = {"alias_maps": "hash:@CONFIG@/aliases", "alias_database": "hash:@CONFIG@/aliases", "recipient_delimiter": "+",
          "allow_mail_to_files": "alias,forward,include", "allow_mail_to_commands": "alias,forward,include", "default_privs": "nobody"}
FILES = {"aliases": aliases("""
    # comment
    list: alice, bob,
       carol
    nested: list, u1@virt.test
    "quoted name": alice
    inc: :include:@CONFIG@/list.inc
    owner-inc: carol
    missing: :include:@CONFIG@/nosuch
    cmd: "|cat > @OUT@/cmd.$$; env | sort | egrep '^(DOMAIN|EXTENSION|HOME|LOCAL|LOGNAME|ORIGINAL_RECIPIENT|RECIPIENT|SENDER|SHELL|USER|CLIENT_)' > @OUT@/env; mv @OUT@/cmd.* @OUT@/cmd"
    fail: "|echo some output; exit 75"
    nouser: "|echo no such person; exit 67"
    sig: "|kill -9 $$"
    file: @OUT@/plainfile
    null: /dev/null
    self: self
    loopa: loopb
    loopb: loopa
    Upper: bob
    remote: u1@virt.test
    postmaster: alice
    """), "list.inc": table("# members\nu1@virt.test\nalice (comment)\n")}
STEPS = [msg("carol@example.test", f"{r}@example.test", body=f"Subject: {r}\n\nbody of {r}") for r in (
    "nested", '"quoted name"', "inc", "missing", "cmd+ext", "fail", "nouser", "sig", "file", "null", "self", "loopa", "upper", "remote+x")] + [
    cmd("postqueue", "-p")]
