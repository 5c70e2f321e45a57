# SPDX-License-Identifier: Apache-2.0
"""Policies that are refused: unknown or misplaced attributes, bad values, no table; each defers with a warning."""
from harness.dsl import *

POLICY = """p1.test encrypt match=mx1.dest.test
p2.test may servername=hostname match=hostname
p3.test verify color=red
p4.test verify match
p5.test verify match=
p6.test none ciphers=high match=x
p7.test encrypt ciphers=best
p8.test encrypt protocols=TLSv9
p9.test encrypt tafile=/no/such/file
pa.test verify tafile=@CERTS@/nosuch.pem
pb.test encrypt ciphers=high ciphers=medium
pc.test encrypt connection_reuse=maybe
pd.test half-dane
pe.test verify match=mx1.dest.test::hostname
pf.test encrypt exclude=NOSUCH
pg.test may protocols=!TLSv1.3 ciphers=null
ph.test VERIFY MATCH=MX1.DEST.TEST
pi.test ,encrypt,,ciphers=high
pk.test ,
pl.test verify match=hostname|mx1.dest.test
pj.test encrypt servername=not..a..name
"""
NAMES = [line.split(".")[0] for line in POLICY.splitlines()] + ["pz"]
CONFIG = {"smtp_tls_policy_maps": "texthash:@CONFIG@/policy", "smtp_tls_loglevel": "1", "smtp_tls_CAfile": "@CERTS@/ca.pem",
          "transport_maps": "inline:{ {pz.test=broken:} }"}
MASTER = """
broken unix - - n - - smtp
  -o smtp_tls_policy_maps=fail:closed
"""
FILES = {"policy": POLICY}
ZONE = {f"{n}.test": {"A": f"192.0.2.{20 + i}"} for i, n in enumerate(NAMES)}
ZONE["p1.test"] = {"MX": [(10, "mx1.p1.test"), (20, "mx2.p1.test")]}
ZONE["mx1.p1.test"] = ZONE["mx2.p1.test"] = {"A": "192.0.2.20"}
PEERS = {n: sink(addr=f"192.0.2.{20 + i}", name=f"{n}.test", cert="mx1", show_message=False) for i, n in enumerate(NAMES)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in NAMES] + [cmd("postqueue", "-p")]
CHECK = ("peers", "out", "log")
