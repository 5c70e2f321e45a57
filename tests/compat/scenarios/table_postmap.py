# SPDX-License-Identifier: Apache-2.0
"""postmap -q/-s/-d/-i/-r with hash, btree, cdb, lmdb; flags and errors."""
from harness.dsl import *

START = False
FILES = {"t": "# comment\nkey1 value one\nKEY2 value2\n  continued\nkey3\nkey1 dup\n\nlast   spaced   value  \n"}
STEPS = [s for t in ("hash", "btree", "lmdb", "cdb") for s in (
    cmd("postmap", f"{t}:@CONFIG@/t"), cmd("postmap", "-q", "key1", f"{t}:@CONFIG@/t"), cmd("postmap", "-q", "Key2", f"{t}:@CONFIG@/t"),
    cmd("postmap", "-q", "nokey", f"{t}:@CONFIG@/t"), cmd("postmap", "-s", f"{t}:@CONFIG@/t", sort=True), cmd("postmap", "-d", "key1", f"{t}:@CONFIG@/t"),
    cmd("postmap", "-q", "-", f"{t}:@CONFIG@/t", stdin="key1\nkey2\nlast\nnone\n"), cmd("postmap", "-i", f"{t}:@CONFIG@/t", stdin="new added\n"),
    cmd("postmap", "-r", f"{t}:@CONFIG@/t", stdin="key2 replaced\n"), cmd("postmap", "-q", "-", f"{t}:@CONFIG@/t", stdin="new\nkey2\n"),
    cmd("postmap", "-d", "-", f"{t}:@CONFIG@/t", stdin="new\nkey2\n"), cmd("postmap", "-f", "-q", "KEY2", f"{t}:@CONFIG@/t"), sh(f"ls @CONFIG@ | grep '^t'"))]
