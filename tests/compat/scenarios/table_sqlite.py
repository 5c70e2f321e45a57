# SPDX-License-Identifier: Apache-2.0
"""sqlite table with query, result_format, expansion and domain limits."""
from harness.dsl import *

START = False
FILES = {"s.cf": table("""
    dbpath = @CONFIG@/s.db
    query = SELECT v FROM t WHERE k = '%s'
    result_format = <%s>
    expansion_limit = 3
    domain = virt.test, other.test
    """), "u.cf": "dbpath = @CONFIG@/s.db\nquery = SELECT v FROM t WHERE k = '%u' OR k = '%d'\n"}
def make(ctx):
    import sqlite3
    db = sqlite3.connect(ctx.inst.path("s.db"))
    db.execute("CREATE TABLE t (k TEXT, v TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [("a@virt.test", "one"), ("m@virt.test", "r1"), ("m@virt.test", "r2"), ("q'x@virt.test", "quote"),
                                                   ("a", "local"), ("virt.test", "dom")] + [("big@virt.test", str(i)) for i in range(5)])
    db.commit()
STEPS = [call(make)] + [cmd("postmap", "-q", k, "sqlite:@CONFIG@/s.cf") for k in ("a@virt.test", "m@virt.test", "q'x@virt.test", "none@virt.test", "a@elsewhere.test", "a", "big@virt.test")] + [
    cmd("postmap", "-q", k, "sqlite:@CONFIG@/u.cf") for k in ("a@virt.test", "nodomain", "a")] + [cmd("postmap", "-q", "x", "sqlite:@CONFIG@/missing.cf")]
