# SPDX-License-Identifier: Apache-2.0
"""Files that aliases name: FIFOs, links, hard links, devices, directories, executables, other owners, locks, a full one."""
from harness.dsl import *

NAMES = ["fifo", "dir", "link", "dangling", "hard", "ro", "other", "sub/mb", "locked", "flat/x", "new/", "null", "flat", "exec", "big"]
CONFIG = {"alias_maps": "hash:@CONFIG@/aliases", "transport_maps": "inline:{ {sink.test=discard:} }", "default_privs": "alice",
          "deliver_lock_attempts": "1", "deliver_lock_delay": "1s", "mailbox_delivery_lock": "dotlock, fcntl",
          "local_recipient_maps": "", "mailbox_size_limit": "3000", "message_size_limit": "2900"}
FILES = {"aliases": aliases("".join(f"a{i}: @TMP@/f/{n}\n" for i, n in enumerate(NAMES)) + "dn: /dev/null\ndf: /dev/full\n")}
STEPS = [sh("mkdir @TMP@/f; cd @TMP@/f; mkfifo fifo; mkdir dir; touch hard flat ro other locked locked.lock exec; ln -s flat link;"
            " ln -s nowhere dangling; ln hard hard2; ln -s /dev/null null; head -c 2990 /dev/zero >big; chown -h alice . *;"
            " chmod 400 ro; chown bob other; chmod 755 exec", hide=True)]
STEPS += [msg("s@sink.test", f"a{i}@example.test") for i in range(len(NAMES))]
STEPS += [msg("s@sink.test", f"{u}@example.test") for u in ("dn", "df")] + [cmd("postqueue", "-p")]
