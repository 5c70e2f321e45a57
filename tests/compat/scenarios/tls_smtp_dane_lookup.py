# SPDX-License-Identifier: Apache-2.0
"""DANE when DNS does not give all it takes: TLSA lookup errors, insecure hosts, insecure exchangers, no MX at all."""
from harness.dsl import *

HEX = fingerprint("mx1", "pkey").replace(":", "").lower()
GOOD, BAD, OLD = (3, 1, 1, HEX), (3, 1, 1, "00" * 32), (0, 0, 1, HEX)
CONFIG = {"smtp_tls_dane_insecure_mx_policy": "dane", "smtp_tls_security_level": "dane",
          "smtp_dns_support_level": "dnssec", "smtp_tls_loglevel": "1",
          "smtp_tls_policy_maps": "inline:{ {fail-only.test=dane-only} {host-only.test=dane-only} {mx-only.test=dane-only} "
                                  "{old-only.test=dane-only} {[bracket-only.test]=dane-only} {[192.0.2.155]=dane-only} }",
          "transport_maps": "inline:{ {bracket.test=smtp:[bracket.test]} {bracket-only.test=smtp:[bracket-only.test]} "
                            "{lit.test=smtp:[192.0.2.155]} }"}
# Domain: is the MX record secure, the host's address, the TLSA records.
N = {"fail": (True, True, "SERVFAIL"), "fail-only": (True, True, "SERVFAIL"),
     "host": (True, False, GOOD), "host-only": (True, False, GOOD),
     "mx": (False, True, GOOD), "mx-bad": (False, True, BAD), "mx-only": (False, True, GOOD),
     "mx-none": (False, True, None),
     "tlsa": (True, True, GOOD), "old": (True, True, OLD), "old-only": (True, True, OLD)}
ZONE, PEERS = {}, {}
for i, (n, (mx, host, tlsa)) in enumerate(N.items()):
    ZONE[f"{n}.test"] = {"MX": [(10, f"mx.{n}.test")], "secure": mx}
    ZONE[f"mx.{n}.test"] = {"A": f"192.0.2.{140 + i}", "secure": host}
    if tlsa:
        ZONE[f"_25._tcp.mx.{n}.test"] = {"TLSA": [tlsa] if isinstance(tlsa, tuple) else tlsa, "secure": n != "tlsa"}
    PEERS[n] = sink(addr=f"192.0.2.{140 + i}", name=f"mx.{n}.test", cert="mx1", show_message=False)
for i, n in enumerate(("plain.test", "bracket.test", "bracket-only.test")):
    ZONE[n] = {"A": f"192.0.2.{160 + i}", "secure": True}
    ZONE[f"_25._tcp.{n}"] = {"TLSA": [GOOD], "secure": True}
    PEERS[n] = sink(addr=f"192.0.2.{160 + i}", name=n, cert="mx1", show_message=False)
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in list(N) + ["plain", "bracket", "bracket-only", "lit"]]
