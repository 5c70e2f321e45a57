# SPDX-License-Identifier: Apache-2.0
"""Which TLSA records count: usable and unusable ones mixed, digest agility, names and expiry at DANE-TA and DANE-EE."""
import hashlib
import ssl

from harness.dsl import *


def cert(name, kind="sha256"):
    """Digest (or all) of a certificate."""
    with open(f"{CERTS}/{name}.pem") as f:
        der = ssl.PEM_cert_to_DER_cert(f.read())
    return der.hex() if kind is None else hashlib.new(kind, der).hexdigest()


HEX = fingerprint("mx1", "pkey").replace(":", "").lower()
NO256, NO512 = "00" * 32, "00" * 64
CONFIG = {"smtp_tls_dane_insecure_mx_policy": "dane", "smtp_tls_security_level": "dane",
          "smtp_dns_support_level": "dnssec", "smtp_tls_loglevel": "1"}
# Domain: certificate of its server, TLSA records.
N = {"mixed": ("mx1", [(0, 0, 1, HEX), (3, 1, 1, HEX), (1, 1, 1, HEX), (3, 1, 7, HEX), (3, 7, 1, HEX), (7, 1, 1, HEX)]),
     "short": ("mx1", [(3, 1, 1, HEX[:-2]), (3, 1, 2, HEX), (3, 0, 0, "3003")]),
     "odd": ("mx1", [(3, 1, 7, HEX)]),
     "agile": ("mx1", [(3, 0, 2, NO512), (3, 0, 1, cert("mx1"))]),
     "agile2": ("mx1", [(3, 0, 2, cert("mx1", "sha512")), (3, 0, 1, NO256)]),
     "selectors": ("mx1", [(3, 0, 2, NO512), (3, 1, 1, HEX)]),
     "full": ("mx1", [(3, 0, 2, NO512), (3, 0, 0, cert("mx1", None))]),
     "expired": ("expired", [(3, 0, 1, cert("expired"))]),
     "wrongname": ("wrong", [(3, 0, 1, cert("wrong"))]),
     "ta": ("mx1", [(2, 0, 0, cert("ca", None))]),
     "taother": ("other", [(2, 0, 0, cert("ca", None))]),
     "taleaf": ("mx1", [(2, 0, 1, cert("mx1"))]),
     "tanosend": ("mx1", [(2, 0, 1, cert("ca"))]),
     "taorself": ("self", [(2, 0, 0, cert("ca", None)), (3, 0, 1, cert("self"))])}
ZONE, PEERS = {}, {}
for i, (n, (name, tlsa)) in enumerate(N.items()):
    ZONE[f"{n}.test"] = {"MX": [(10, f"mx.{n}.test")], "secure": True}
    ZONE[f"mx.{n}.test"] = {"A": f"192.0.2.{140 + i}", "secure": True}
    ZONE[f"_25._tcp.mx.{n}.test"] = {"TLSA": tlsa, "secure": True}
    PEERS[n] = sink(addr=f"192.0.2.{140 + i}", name=f"mx.{n}.test", cert=name, show_message=False)
# Names at DANE-TA: the exchanger's, the domain's, neither.
CA = (2, 0, 0, cert("ca", None))
ZONE["tahost.test"] = {"MX": [(10, "mx1.dest.test")], "secure": True}
ZONE["mx1.dest.test"] = {"A": "192.0.2.160", "secure": True}
ZONE["dest.test"] = {"MX": [(10, "mx.tahost.test")], "secure": True}
ZONE["sub.dest.test"] = {"MX": [(10, "mx.tahost.test")], "secure": True}
ZONE["mx.tahost.test"] = {"A": "192.0.2.161", "secure": True}
ZONE["_25._tcp.mx.tahost.test"] = ZONE["_25._tcp.mx1.dest.test"] = {"TLSA": [CA], "secure": True}
PEERS["tahost"] = sink(addr="192.0.2.160", name="mx1.dest.test", cert="mx1", show_message=False)
PEERS["dest"] = sink(addr="192.0.2.161", name="mx.tahost.test", cert="dest", show_message=False)
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in list(N) + ["tahost", "dest", "sub.dest"]]
