# SPDX-License-Identifier: Apache-2.0
"""Mailboxes that cannot be used: FIFOs, links, directories, other owners, locks, a full one; odd senders and From lines."""
from harness.dsl import *

CONFIG = {"mailbox_size_limit": "5000", "message_size_limit": "4500", "transport_maps": "inline:{ {sink.test=discard:} }",
          "mailbox_delivery_lock": "dotlock, fcntl, flock", "deliver_lock_attempts": "1", "deliver_lock_delay": "1s"}
LINES = "Subject: from\n\nFrom here\n>From there\nFrom\n\nFrom again\n..dot\nend"
BIG = "Subject: big\n\n" + "x" * 990 + "\n" + "y" * 990
PREPARE = ["mkfifo alice", "mkdir alice", "ln -s nowhere alice", "touch x; chown alice x; ln -s x alice", "touch alice; ln alice second",
           "touch alice; chown bob alice; chmod 666 alice", "touch alice; chmod 000 alice", "ln -s /dev/null alice",
           "touch alice alice.lock", "printf 'no newline' >alice"]
STEPS = [msg("a b@sink.test", "alice@example.test"), msg('"a b"@sink.test', "alice@example.test", body=LINES), msg("", "alice@example.test", body=LINES)]
STEPS += [msg("s@sink.test", "bob@example.test", body=BIG)] * 3
for number, script in enumerate(PREPARE):
    owner = "" if "bob" in script else "; chown -h alice alice"
    STEPS += [sh(f"cd @TMP@/mail; rm -rf alice alice.lock second x; {script}{owner}", hide=True), msg("s@sink.test", "alice@example.test")]
STEPS += [cmd("postqueue", "-p")]
