# SPDX-License-Identifier: Apache-2.0
"""Headers at the edge of the syntax: blanks before the colon, none behind it, no name, folds that begin a message, mbox lines."""
from harness.dsl import *

HEADS = ["Subject : sp\nX-Foo\t : v\nTo : a@b.test\nReceived : x\n\nc", "Subject:nosp\n\nc", "Subject:\n\nc", ": empty\n\nc", "Sub ject: sp\n\nc",
         "not a header\nSubject: x\n\nb", "Subject: a\n : b\n\nc", " leading fold\nSubject: y\n\nz", ">From x\nSubject: z\n\nb",
         "From alice Mon\nSubject: z\n\nb", "Subject: tail sp   \nX-Tab:\tv\t\nX-Empty:   \n\nb", "", "Subject: only header", "\nbody at once",
         "MIME-Version: 1.0\nContent-Type: message/rfc822\n\nSubject : inner\nX-In : v\n\nbody"]
CONFIG = {"transport_maps": "inline:{ {sink.test=discard:} }", "header_checks": "regexp:{ {/^subject: sp/ WARN seen} {/^x-foo : v/ WARN not seen} }"}
STEPS = [client(f"EHLO x.test\nMAIL FROM:<s@sink.test>\nRCPT TO:<u1@virt.test>\nDATA\n{h}\n.\nQUIT") for h in HEADS]
