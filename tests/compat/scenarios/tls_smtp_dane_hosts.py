# SPDX-License-Identifier: Apache-2.0
"""DANE host by host: several exchangers of one domain, the attributes of a policy, hosts in unsigned zones that are asked about."""
from harness.dsl import *

HEX = fingerprint("mx1", "pkey").replace(":", "").lower()
GOOD, BAD, OLD = (3, 1, 1, HEX), (3, 1, 1, "00" * 32), (0, 0, 1, HEX)
CONFIG = {"smtp_tls_dane_insecure_mx_policy": "encrypt", "smtp_tls_security_level": "dane",
          "smtp_dns_support_level": "dnssec", "smtp_tls_loglevel": "1", "smtp_tls_force_insecure_host_tlsa_lookup": "yes",
          "smtp_tls_policy_maps": "inline:{ {all-only.test=dane-only} {match.test=dane match=foo.test} "
                                  "{name.test=dane servername=foo.test protocols=TLSv1.2} {half.test=half-dane} }"}
HOSTS = {"fail": "SERVFAIL", "good": [GOOD], "insec": [GOOD], "bad": [BAD], "none": None, "old": [OLD], "plain": [GOOD]}
DOMAINS = {"next": ["fail", "good"], "way": ["bad", "none"], "all-only": ["none", "old", "good"], "match": ["good"],
           "name": ["good"], "half": ["good"], "force": ["insec"], "force-mx": ["insec"], "notls": ["plain"]}
ZONE, PEERS = {}, {}
for i, (n, tlsa) in enumerate(HOSTS.items()):
    ZONE[f"mx.{n}.test"] = {"A": f"192.0.2.{140 + i}", "secure": n != "insec"}
    if tlsa:
        ZONE[f"_25._tcp.mx.{n}.test"] = {"TLSA": tlsa, "secure": True}
    PEERS[n] = sink(addr=f"192.0.2.{140 + i}", name=f"mx.{n}.test", cert=None if n == "plain" else "mx1", show_message=False)
for n, hosts in DOMAINS.items():
    ZONE[f"{n}.test"] = {"MX": [(10 + k, f"mx.{h}.test") for k, h in enumerate(hosts)], "secure": n != "force-mx"}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in DOMAINS]
