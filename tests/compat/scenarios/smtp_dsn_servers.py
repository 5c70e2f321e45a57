# SPDX-License-Identifier: Apache-2.0
"""DSN parameters and NOTIFY to servers with and without DSN; notices about what was relayed."""
from harness.dsl import *

ZONE = {"dsn.test": {"A": "192.0.2.60"}, "nodsn.test": {"A": "192.0.2.61"}, "box.test": {"A": "192.0.2.62"}}
def s(a, ehlo): return sink(addr=f"192.0.2.{a}", name=f"s{a}.test", ehlo=ehlo, sort=True, script={"^RCPT.*c@": "550 5.1.1 no", "^RCPT.*d@": "450 4.1.1 no"}, show_message=False)
PEERS = {"dsn": s(60, ["DSN", "8BITMIME", "SIZE"]), "nodsn": s(61, ["PIPELINING"]), "box": sink(addr="192.0.2.62", name="box.test", sort=True)}
STEPS = [msg("x@box.test", f"a@{d}.test", f"c@{d}.test", f"d@{d}.test", opts=o, ropts=r) for d in ("dsn", "nodsn") for o, r in (("RET=FULL ENVID=x+3Dy", "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;o+40b@q.test"), ("", "NOTIFY=NEVER"), ("RET=HDRS", "NOTIFY=FAILURE"), ("", "ORCPT=x400;/C+3Dx"))] + [submit("Subject: x\n\nx\n", "-f", "x@box.test", "-N", "success", "-V", "my id", f"a@{d}.test") for d in ("dsn", "nodsn")] + [msg("", "a@nodsn.test", "c@nodsn.test", ropts="NOTIFY=SUCCESS,FAILURE"), cmd("postqueue", "-p")]
