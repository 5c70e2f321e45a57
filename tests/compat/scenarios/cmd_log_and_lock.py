# SPDX-License-Identifier: Apache-2.0
"""postlog, postlock, postkick; exit statuses."""
from harness.dsl import *

STEPS = [cmd("postlog", "-t", "mytag", "hello", "world"), cmd("postlog", "-p", "warn", "-t", "mytag", stdin="line one\nline two\n"), cmd("postlog", "-p", "bogus", "x"), cmd("postlock", "@HOME@/alice/box", "echo", "locked"), cmd("postlock", "@HOME@/alice/box", "false"), cmd("postlock", "-l", "dotlock", "@HOME@/alice/box", "ls", "@HOME@/alice"), cmd("postlock", "@HOME@"),
         cmd("postkick", "public", "nosuch", "W"), cmd("mailq"), cmd("newaliases")]
LOG = ["mytag", "postdrop", "postlo", "postkick"]
