# SPDX-License-Identifier: Apache-2.0
"""Protocol and cipher limits of the client: by parameter at each kind of level and by policy; an old server."""
from harness.dsl import *

POLICY = """c1.test encrypt protocols=TLSv1.2
c2.test encrypt protocols=!TLSv1.3
c3.test encrypt protocols=>=TLSv1.3
c4.test encrypt protocols=<=TLSv1.2
c5.test encrypt protocols=TLSv1.2:TLSv1.3
c6.test encrypt protocols=TLSv1.3
c7.test may protocols=TLSv1.3
c8.test encrypt protocols=TLSv1.2 exclude=ECDHE
c9.test encrypt protocols=TLSv1.2 exclude=ECDHE:DHE ciphers=high
ca.test may protocols=TLSv1.2 ciphers=null
"""
OLD = ("c3", "c6", "c7", "d2")              # servers that know TLSv1.2 only
NAMES = [line.split(".")[0] for line in POLICY.splitlines()] + ["d1", "d2"]
CONFIG = {"smtp_tls_policy_maps": "texthash:@CONFIG@/policy", "smtp_tls_loglevel": "1",
          "transport_maps": "inline:{ {d1.test=optional:} {d2.test=mandatory:} }"}
MASTER = """
optional unix - - n - - smtp
  -o smtp_tls_security_level=may -o smtp_tls_protocols=!TLSv1.3 -o smtp_tls_mandatory_protocols=TLSv1.3
mandatory unix - - n - - smtp
  -o smtp_tls_security_level=encrypt -o smtp_tls_protocols=!TLSv1.3 -o smtp_tls_mandatory_protocols=TLSv1.3
"""
FILES = {"policy": POLICY}
ZONE = {f"{n}.test": {"A": f"192.0.2.{20 + i}"} for i, n in enumerate(NAMES)}
PEERS = {n: sink(addr=f"192.0.2.{20 + i}", name=f"{n}.test", cert="mx1", show_message=False,
                 tls_max="1.2" if n in OLD else None) for i, n in enumerate(NAMES)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in NAMES]
CHECK = ("peers", "log")
LOG = [r"^smtp: "]
