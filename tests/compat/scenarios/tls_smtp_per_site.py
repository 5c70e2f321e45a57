# SPDX-License-Identifier: Apache-2.0
"""smtp_tls_per_site: NONE, MAY, MUST, MUST_NOPEERMATCH by next hop and by host, beside each general level; policy maps win."""
from harness.dsl import *

SITE = """n1.test NONE
n2.test may
n3.test MUST
n4.test must_nopeermatch
n5.test SOMETIMES
mx1.n6.test NONE
n7.test MAY
mx1.n7.test MUST
n8.test NONE
mx1.n8.test MUST_NOPEERMATCH
n9.test MUST
mx1.n9.test NONE
na.test MAY
mx1.na.test NONE
.up.test NONE
[192.0.2.32]:25 NONE
192.0.2.33 NONE
[192.0.2.33] MUST
nf.test MUST
mx1.nf.test MUST_NOPEERMATCH
mx1.ng.test SOMETIMES
"""
HOSTS = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "na", "nb", "x.up", "nc", "nd", "nf", "ng"]
LEVELS = {"none": [], "use": ["smtp_use_tls=yes"], "enforce": ["smtp_enforce_tls=yes"],
          "peer": ["smtp_enforce_tls=yes", "smtp_tls_enforce_peername=no"], "encrypt": ["smtp_tls_security_level=encrypt"]}
PAIRS = [("none", n) for n in HOSTS] + [(level, n) for level in ("enforce", "peer", "encrypt") for n in ("n1", "n2", "n3", "n4", "na", "nb", "x.up")]
PAIRS += [("use", "nb"), ("use", "n3"), ("wins", "n3"), ("fails", "n1")]
CONFIG = {"smtp_tls_per_site": "texthash:@CONFIG@/site", "smtp_tls_loglevel": "1", "smtp_tls_CAfile": "@CERTS@/ca.pem",
          "smtp_tls_security_level": ""}
MASTER = "".join(f"\n{name} unix - - n - - smtp\n" + "".join(f"  -o {o}\n" for o in options) for name, options in LEVELS.items())
MASTER += """
wins unix - - n - - smtp
  -o { smtp_tls_policy_maps = inline:{{n3.test=none}} }
fails unix - - n - - smtp
  -o smtp_tls_per_site=fail:closed
"""
CONFIG["transport_maps"] = "regexp:@CONFIG@/transport"
FILES = {"site": SITE, "transport": "/^none@nc/ none:[192.0.2.32]:25\n/^none@nd/ none:[192.0.2.33]\n"
         + "".join(f"/^{name}@/ {name}:\n" for name in (*LEVELS, "wins", "fails"))}
ZONE = {}
for i, n in enumerate(HOSTS):
    ZONE[f"{n}.test"] = {"MX": [(10, f"mx1.{n}.test")]}
    ZONE[f"mx1.{n}.test"] = {"A": f"192.0.2.{20 + i}"}
PEERS = {n: sink(addr=f"192.0.2.{20 + i}", name=f"mx1.{n}.test", cert="mx1", show_message=False) for i, n in enumerate(HOSTS)}
STEPS = [msg("box@virt.test", f"{level}@{n}.test") for level, n in PAIRS]
CHECK = ("log",)
LOG = [r"^smtp: "]
