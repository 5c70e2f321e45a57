# SPDX-License-Identifier: Apache-2.0
"""Which name holds the TLSA records of a mail exchanger that is an alias: secure and insecure chains."""
from harness.dsl import *

CONFIG = {"smtp_tls_dane_insecure_mx_policy": "dane", "smtp_tls_security_level": "dane",
          "smtp_dns_support_level": "dnssec", "smtp_tls_loglevel": "1"}
HEX = fingerprint("mx1", "pkey").replace(":", "").lower()
GOOD, BAD, OLD = (3, 1, 1, HEX), (3, 1, 1, "00" * 32), (0, 0, 1, HEX)
# Domain: is the alias secure, is its target, TLSA at the alias, TLSA at the target.
N = {"target": (True, True, None, GOOD), "alias": (True, True, GOOD, None), "both": (True, True, GOOD, BAD),
     "half": (True, False, GOOD, BAD), "lost": (True, False, None, BAD), "open": (False, True, BAD, BAD),
     "old": (True, True, GOOD, OLD), "fail": (True, True, GOOD, "SERVFAIL"), "fail2": (True, False, "SERVFAIL", GOOD)}
ZONE, PEERS = {}, {}
for i, (n, (alias, target, old, new)) in enumerate(N.items()):
    ZONE[f"{n}.test"] = {"MX": [(10, f"mx.{n}.test")], "secure": True}
    ZONE[f"mx.{n}.test"] = {"CNAME": f"host.{n}.test", "secure": alias}
    ZONE[f"host.{n}.test"] = {"A": f"192.0.2.{140 + i}", "secure": target}
    for name, tlsa in (("mx", old), ("host", new)):
        if tlsa:
            ZONE[f"_25._tcp.{name}.{n}.test"] = {"TLSA": tlsa if tlsa == "SERVFAIL" else [tlsa], "secure": True}
    PEERS[n] = sink(addr=f"192.0.2.{140 + i}", name=f"mx.{n}.test", cert="mx1", show_message=False)
# The name of the records may be an alias, too.
ZONE["records.test"] = {"MX": [(10, "mx.records.test")], "secure": True}
ZONE["mx.records.test"] = {"A": "192.0.2.160", "secure": True}
ZONE["_25._tcp.mx.records.test"] = {"CNAME": "_tlsa.records.test", "secure": True}
ZONE["_tlsa.records.test"] = {"TLSA": [GOOD], "secure": True}
PEERS["records"] = sink(addr="192.0.2.160", name="mx.records.test", cert="mx1", show_message=False)
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in [*N, "records"]]
