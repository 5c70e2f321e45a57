# SPDX-License-Identifier: Apache-2.0
"""tls_dane_digests: another order, a digest with a number of its own, and words that mean nothing."""
import hashlib
import ssl

from harness.dsl import *

with open(f"{CERTS}/mx1.pem") as f:
    DER = ssl.PEM_cert_to_DER_cert(f.read())
CONFIG = {"smtp_tls_dane_insecure_mx_policy": "dane", "smtp_tls_security_level": "dane", "smtp_dns_support_level": "dnssec",
          "smtp_tls_loglevel": "1", "tls_dane_digests": "sha256 sha384=9"}
WRONG = {"sha256": "00" * 32, "sha512": "00" * 64}
GOOD = {name: hashlib.new(name, DER).hexdigest() for name in ("sha256", "sha384", "sha512")}
N = {"wrong512": [(3, 0, 2, WRONG["sha512"]), (3, 0, 1, GOOD["sha256"])],
     "wrong256": [(3, 0, 1, WRONG["sha256"]), (3, 0, 2, GOOD["sha512"])],
     "first": [(3, 0, 1, WRONG["sha256"]), (3, 0, 9, GOOD["sha384"])],
     "own": [(3, 0, 9, GOOD["sha384"])], "left": [(3, 0, 2, GOOD["sha512"])]}
ZONE, PEERS = {}, {}
for i, (n, tlsa) in enumerate(N.items()):
    ZONE[f"{n}.test"] = {"MX": [(10, f"mx.{n}.test")], "secure": True}
    ZONE[f"mx.{n}.test"] = {"A": f"192.0.2.{140 + i}", "secure": True}
    ZONE[f"_25._tcp.mx.{n}.test"] = {"TLSA": tlsa, "secure": True}
    PEERS[n] = sink(addr=f"192.0.2.{140 + i}", name=f"mx.{n}.test", cert="mx1", show_message=False)
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in N]
