# SPDX-License-Identifier: Apache-2.0
"""Virtual mailboxes that cannot be used: FIFOs, links, owners, locks, directories that may not be written; bad uids."""
from harness.dsl import *

NAMES = ["fifo", "dir", "link", "dangling", "hard", "ro", "other", "sub/mb", "locked", "flat/x", "flat/", "rodir/", "/abs/x", "null", "flat"]
CONFIG = {"virtual_mailbox_maps": "inline:{ " + " ".join("{m%d@virt.test=%s}" % (i, n) for i, n in enumerate(NAMES)) + " {uid0@virt.test=flat} {baduid@virt.test=flat} }",
          "virtual_uid_maps": "inline:{ {uid0@virt.test=0} {baduid@virt.test=abc} {@virt.test=5000} }", "virtual_gid_maps": "static:5000",
          "transport_maps": "inline:{ {sink.test=discard:} }", "deliver_lock_attempts": "1", "deliver_lock_delay": "1s",
          "virtual_mailbox_lock": "fcntl, dotlock"}
NORMALISE = [(r"tmp/\d+\.P\d+\.", "tmp/NAME.")]
STEPS = [sh("cd @TMP@/vmail; mkfifo fifo; mkdir dir rodir; touch hard flat ro other locked locked.lock; ln -s flat link;"
            " ln -s nowhere dangling; ln hard hard2; ln -s /dev/null null; chown -h 5000:5000 . *; chmod 755 .; chmod 400 ro;"
            " chown 1 other; chmod 666 other; chmod 500 rodir", hide=True)]
STEPS += [msg("s@sink.test", f"m{i}@virt.test") for i in range(len(NAMES))]
STEPS += [msg("s@sink.test", f"{u}@virt.test") for u in ("uid0", "baduid")] + [cmd("postqueue", "-p")]
