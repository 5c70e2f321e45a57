# SPDX-License-Identifier: Apache-2.0
"""Levels dane and dane-only while DNS lookups are not secure ones."""
from harness.dsl import *

HEX = fingerprint("mx1", "pkey").replace(":", "").lower()
CONFIG = {"smtp_tls_security_level": "dane", "smtp_tls_loglevel": "1",
          "smtp_tls_policy_maps": "inline:{ {only.test=dane-only} }"}
ZONE = {"mx.off.test": {"A": "192.0.2.140", "secure": True},
        "_25._tcp.mx.off.test": {"TLSA": [(3, 1, 1, HEX)], "secure": True}}
for n in ("may", "only"):
    ZONE[f"{n}.test"] = {"MX": [(10, "mx.off.test")], "secure": True}
PEERS = {"off": sink(addr="192.0.2.140", name="mx.off.test", cert="mx1", show_message=False)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in ("may", "only")]
