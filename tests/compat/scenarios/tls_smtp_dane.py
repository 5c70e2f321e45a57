# SPDX-License-Identifier: Apache-2.0
"""Outgoing dane and dane-only with TLSA records over a secure zone: match, mismatch, unusable, no TLSA."""
from harness.dsl import *

CONFIG = {"smtp_tls_dane_insecure_mx_policy": "${{$smtp_tls_security_level} == {dane} ? {dane} : {may}}", "smtp_tls_security_level": "dane", "smtp_dns_support_level": "dnssec", "smtp_tls_loglevel": "1", "smtp_tls_policy_maps": "inline:{ {only.test=dane-only} }"}
HEX = fingerprint("mx1", "pkey").replace(":", "").lower()
N = {"good": (3, 1, 1, HEX), "bad": (3, 1, 1, "00" * 32), "unus": (0, 0, 1, HEX), "none": None, "only": None}
ZONE = {}
for i, (n, t) in enumerate(N.items()):
    ZONE[f"{n}.test"] = {"MX": [(10, f"mx.{n}.test")], "secure": True}
    ZONE[f"mx.{n}.test"] = {"A": f"192.0.2.{140 + i}", "secure": True}
    if t:
        ZONE[f"_25._tcp.mx.{n}.test"] = {"TLSA": [t], "secure": True}
PEERS = {n: sink(addr=f"192.0.2.{140 + i}", name=f"mx.{n}.test", cert="mx1", show_message=False) for i, n in enumerate(N)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in N] + [cmd("postqueue", "-p")]
