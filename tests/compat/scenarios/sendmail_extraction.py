# SPDX-License-Identifier: Apache-2.0
"""sendmail -t with groups, Resent- blocks, Bcc alone, folds and duplicates; -N, -R and -V that are wrong; odd recipients."""
from harness.dsl import *

CONFIG = {"transport_maps": "inline:{ {sink.test=discard:} {bad.test=error:5.1.2 no} }"}
HEADS = ["To: g: u1@virt.test, u2@virt.test;\nSubject: grp\n\nx\n", "To: undisclosed-recipients:;\nBcc: u1@virt.test\n\nx\n",
         "Bcc: u1@virt.test,\n u2@virt.test\n\nx\n", "To: u1@virt.test\nResent-To: u2@virt.test\n\nx\n", "To: u1@virt.test\nResent-From: joe\n\nx\n",
         "TO:u1@virt.test\n\nx\n", "To : u1@virt.test\n\nx\n", "To: \"A, B\" <u1@virt.test> (c)\nCc: u1@virt.test\n\nx\n",
         "Subject: none\n\nTo: u1@virt.test\n", "To:\n u1@virt.test\n\nx\n", "X: y\nTo: u1@virt.test", "To: u1@virt.test, u1@VIRT.test\n\nx\n"]
STEPS = [submit(h, "-t", "-f", "s@sink.test", user="bob") for h in HEADS]
STEPS += [submit("Subject: n\n\nx\n", "-f", "s@sink.test", *a, "u1@virt.test") for a in
          (["-N", "bad"], ["-N", "never,success"], ["-N", "success,bad"], ["-R", "x"], ["-V", "a" * 101], ["-XVabc"], ["-f", "a@sink.test b@sink.test"],
           ["u1@VIRT.test"], ["-bv", "-t"], ["-t", "-i"])]
