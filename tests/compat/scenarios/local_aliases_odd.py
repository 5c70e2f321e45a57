# SPDX-License-Identifier: Apache-2.0
"""Right-hand sides of aliases that name nobody, bad addresses, several things; :include: files that may not be used."""
from harness.dsl import *

VALUES = ["bob@-x.test", "bob@x..test", "-bob", "a@b@example.test", "bob%", "%bob", ":error:x", ":include:", "bob;carol", "(c)", "<>",
          "\"\"", "bob(c)", "a b c", "~bob/x", ":include:@CONFIG@/open", ":include:@CONFIG@", ":include:relative", ":include:@CONFIG@/carols", "/dev/null"]
CONFIG = {"alias_maps": "hash:@CONFIG@/aliases", "transport_maps": "inline:{ {sink.test=discard:} }", "local_recipient_maps": ""}
FILES = {"open": table("bob\n", mode=0o666), "carols": table("carol\n\"|exit 0\"\n", owner="carol"),
         "aliases": aliases("".join(f"c{i}: {v}\n" for i, v in enumerate(VALUES)) + "mailer-daemon: /dev/null\n")}
STEPS = [msg(f"s{i}@sink.test", f"c{i}@example.test", body=f"Subject: {i}\n\nx") for i in range(len(VALUES))] + [cmd("postqueue", "-p")]
