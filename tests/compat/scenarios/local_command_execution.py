# SPDX-License-Identifier: Apache-2.0
"""Commands of aliases: with and without the shell, files that cannot be executed, unknown words, signals, own status codes."""
from harness.dsl import *

COMMANDS = ["/nonexistent/cmd arg", "nonexist a", "/etc/passwd x", "/etc", "exit 3", "/nonexistent/cmd $USER", "if", "@OUT@/noshebang a",
            "", " /bin/true  x ", "/bin/true~", "kill -9 $$", "echo 4.2.0 wait; exit 1", "echo out; echo err >&2; exit 70"]
CONFIG = {"alias_maps": "hash:@CONFIG@/aliases", "transport_maps": "inline:{ {sink.test=discard:} }", "local_recipient_maps": ""}
FILES = {"aliases": aliases("".join(f'c{i}: "|{c}"\n' for i, c in enumerate(COMMANDS)))}
STEPS = [sh("echo exit 0 >@OUT@/noshebang; chmod 755 @OUT@/noshebang", hide=True)]
STEPS += [msg("s@sink.test", f"c{i}@example.test") for i in range(len(COMMANDS))] + [cmd("postqueue", "-p")]
