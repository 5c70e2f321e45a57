# SPDX-License-Identifier: Apache-2.0
"""postfix start, status, reload, check, flush, stop, abort, with and without a running system."""
from harness.dsl import *

START = False
def ps(*a, **k): return cmd("postfix", "-c", "@CONFIG@", *a, **k)
STEPS = [ps("status"), ps("stop"), sh("@COMMANDS@/postfix -c @CONFIG@ start >@TMP@/ns/o 2>&1; echo status $?; cat @TMP@/ns/o", name="start"), sleep(0.3), ps("status"), ps("check"), sh("@COMMANDS@/postfix -c @CONFIG@ start >@TMP@/ns/o 2>&1; echo status $?; cat @TMP@/ns/o", name="start again"),
         ps("flush"), ps("reload"), sleep(0.4), ps("nosuch"), ps("stop"), ps("status"), cmd("postfix", "-c", "/nonexistent", "status"), cmd("postfix")]
LOG = ["postfix-script: [^w]", "master: (reload|daemon|terminat|warn|fatal)", "fatal"]
NORMALISE = [(r"(PID|pid)[ :]+\d+", r"\1 N"), (r"the MAILNAME mail", "the mail"), (r"(waiting for the).*", r"\1")]
