# SPDX-License-Identifier: Apache-2.0
"""tls_server_sni_maps: exact names, parent domains, misses, names that are none, a chain that is damaged."""
from harness.dsl import *

CONFIG = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": "@CERTS@/mx.key, @CERTS@/mx.pem", "smtpd_tls_loglevel": "1",
          "tls_server_sni_maps": "hash:@CONFIG@/sni"}
FILES = {"sni": """
mx1.dest.test @CERTS@/mx1.key, @CERTS@/mx1.pem
.dest.test @CERTS@/dest.key @CERTS@/dest.pem
other.test @CERTS@/other.key, @CERTS@/other.pem
wrong.test @CERTS@/wrong.pem
swapped.test @CERTS@/self.pem, @CERTS@/self.key
mixed.test @CERTS@/self.key, @CERTS@/wrong.pem
""", "sni-mk": "x"}


def hello(args):
    return client(f"EHLO x.test\n@starttls {args}\nEHLO x.test\nQUIT")


STEPS = [cmd("postmap", "-F", "hash:@CONFIG@/sni"), hello(""), hello("sni=mx1.dest.test"), hello("sni=MX1.Dest.Test max=1.2"),
         hello("sni=a.b.dest.test"), hello("sni=dest.test"), hello("sni=other.test"), hello("sni=sub.other.test"),
         hello("sni=nowhere.test max=1.2"), hello("sni=wrong.test"), hello("sni=swapped.test"), hello("sni=mixed.test"), hello("sni=bad_name.test")]
