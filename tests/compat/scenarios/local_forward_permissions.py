# SPDX-License-Identifier: Apache-2.0
""".forward files that may not be used: whose they are, links, directories, FIFOs, unreadable ones; which stop the search."""
from harness.dsl import *

PREPARE = ["chown bob .forward", "chmod 666 .forward", "chmod 664 .forward; chown alice .forward", "chmod 600 .forward",
           "rm .forward; mkdir .forward", "rm .forward; mkfifo .forward", "mv .forward x; ln -s x .forward", "mv .forward x; ln x .forward",
           "chown alice .forward; echo carol >.forward+x; chown bob .forward+x", "echo '#' >.forward+x; chown alice .forward",
           "chown alice .forward; chmod 000 ."]
CONFIG = {"recipient_delimiter": "+", "transport_maps": "inline:{ {sink.test=discard:} }"}
STEPS = []
for number, script in enumerate(PREPARE):
    STEPS += [sh("cd @HOME@/alice; rm -rf .forward* x; echo bob >.forward; " + script, hide=True),
              msg(f"s{number}@sink.test", "alice+x@example.test", body=f"Subject: {number}\n\nx")]
STEPS += [cmd("postqueue", "-p")]
