# SPDX-License-Identifier: Apache-2.0
"""Outgoing fingerprint: certificate and key digests, wrong ones, several, none at all, without colons; the general list and its default use."""
from harness.dsl import *

CERT, KEY, OTHER = fingerprint("mx1"), fingerprint("mx1", "pkey"), fingerprint("other")
POLICY = f"""f1.test fingerprint match={CERT}
f2.test fingerprint match={KEY.lower()}
f3.test fingerprint match={OTHER}
f4.test fingerprint match={OTHER}|{KEY} ciphers=high
f5.test fingerprint match={OTHER} match={CERT}
f6.test fingerprint
f7.test fingerprint match={CERT.replace(":", "")}
f8.test fingerprint match=zz:{CERT[3:]}
"""
NAMES = [f"f{n}" for n in range(1, 9)] + ["g1"]
CONFIG = {"smtp_tls_policy_maps": "texthash:@CONFIG@/policy", "smtp_tls_loglevel": "1", "smtp_tls_fingerprint_digest": "sha256",
          "transport_maps": "inline:{ {g1.test=general:} }"}
MASTER = f"""
general unix - - n - - smtp
  -o smtp_tls_security_level=fingerprint
  -o {{ smtp_tls_fingerprint_cert_match = {OTHER}, {KEY} }}
"""
FILES = {"policy": POLICY}
ZONE = {f"{n}.test": {"A": f"192.0.2.{20 + i}"} for i, n in enumerate(NAMES)}
PEERS = {n: sink(addr=f"192.0.2.{20 + i}", name=f"{n}.test", cert="mx1", show_message=False) for i, n in enumerate(NAMES)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in NAMES] + [cmd("postqueue", "-p")]
CHECK = ("peers", "out", "log")
