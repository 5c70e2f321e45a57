# SPDX-License-Identifier: Apache-2.0
"""smtp_dns_resolver_options: which names of hosts are completed with the search list of resolv.conf."""
from harness.dsl import *

SERVICES = {"none": "", "def": "res_defnames", "all": "res_dnsrch", "both": "res_defnames,res_dnsrch"}
MASTER = "".join(f"{n} unix - - n - - smtp -o smtp_dns_resolver_options={v}\n" for n, v in SERVICES.items())
# Next hops: a host of the first domain, one with a dot, a domain with MX, a host of the second domain, a full name.
HOPS = {"one": "[mx1]", "dot": "[sub.x]", "mx": "dom", "two": "[second]", "full": "[mx1.dest.test]"}
CONFIG = {"transport_maps": "inline:{ " + " ".join(
    f"{{{hop}.{s}.test={s}:{next}}}" for s in SERVICES for hop, next in HOPS.items()) + " }"}
ZONE = {"mx1.dest.test": {"A": "192.0.2.140"}, "sub.x.dest.test": {"A": "192.0.2.140"},
        "dom.dest.test": {"MX": [(10, "mx1.dest.test")]}, "second.more.test": {"A": "192.0.2.140"}}
PEERS = {"p": sink(addr="192.0.2.140", name="p.test", show_message=False)}
CHECK = ["log"]
LOG = [r"^smtp: |^(none|def|all|both)/smtp: "]
STEPS = [sh("echo 'search dest.test more.test' >> /etc/resolv.conf")]
STEPS += [msg("carol@example.test", *(f"u@{hop}.{s}.test" for hop in HOPS)) for s in SERVICES]
