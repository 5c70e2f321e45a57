# SPDX-License-Identifier: Apache-2.0
"""Trust anchors by policy (tafile) and by parameter: CA, other CA, both, the server's own certificate, a bare key, no such file; SNI by strategy."""
from harness.dsl import *

PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEnaga9tQeJZ5SWBaPERoy4/QG4Dse
RZN5GB12CaUDnNtA4qrYcaErSX7bDgFDytLxl2Cj/NnzUMr7qv4zlSqrjw==
-----END PUBLIC KEY-----
"""
POLICY = """t1.test verify match=mx1.dest.test tafile=@CERTS@/ca.pem
t2.test verify match=mx1.dest.test tafile=@CERTS@/otherca.pem
t3.test verify match=mx1.dest.test tafile=@CERTS@/otherca.pem tafile=@CERTS@/ca.pem
t4.test verify tafile=@CERTS@/ca.pem
t5.test secure match=mx1.dest.test tafile=@CERTS@/mx1.pem
t6.test secure match=mx1.dest.test tafile=@CONFIG@/key.pem
t7.test verify match=mx1.dest.test servername=hostname
t8.test verify match=mx1.dest.test servername=nexthop
t9.test encrypt servername=other.test
"""
NAMES = [f"t{n}" for n in range(1, 10)] + ["g1", "g2", "g3", "g4"]
CONFIG = {"smtp_tls_loglevel": "1", "smtp_tls_policy_maps": "texthash:@CONFIG@/policy",
          "transport_maps": "inline:{ {g1.test=both:} {g2.test=none:} {g3.test=unused:} {g4.test=other:} }"}
MASTER = """
both unix - - n - - smtp
  -o { smtp_tls_trust_anchor_file = @CERTS@/otherca.pem, @CERTS@/ca.pem } -o { smtp_tls_policy_maps = inline:{{g1.test=verify match=mx1.dest.test}} }
none unix - - n - - smtp
  -o smtp_tls_trust_anchor_file=@CERTS@/nosuch.pem -o smtp_tls_security_level=verify
unused unix - - n - - smtp
  -o smtp_tls_trust_anchor_file=@CERTS@/nosuch.pem -o smtp_tls_security_level=encrypt
other unix - - n - - smtp
  -o smtp_tls_trust_anchor_file=@CERTS@/ca.pem -o smtp_tls_CAfile=@CERTS@/otherca.pem -o smtp_tls_security_level=verify -o smtp_tls_verify_cert_match=mx1.dest.test
"""
FILES = {"policy": POLICY, "key.pem": PUBLIC_KEY}
ZONE = {}
for i, n in enumerate(NAMES):
    ZONE[f"{n}.test"] = {"MX": [(10, f"mx1.{n}.test")]}
    ZONE[f"mx1.{n}.test"] = {"A": f"192.0.2.{20 + i}"}
PEERS = {n: sink(addr=f"192.0.2.{20 + i}", name=f"mx1.{n}.test", cert="other" if n == "g4" else "mx1", show_message=False)
         for i, n in enumerate(NAMES)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in NAMES]
CHECK = ("peers", "log")
LOG = [r"^smtp: "]
