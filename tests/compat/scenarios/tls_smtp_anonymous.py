# SPDX-License-Identifier: Apache-2.0
"""Servers without a certificate: anonymous key exchange where none is asked for. Depth of chains."""
import ssl

from harness.dsl import *
from harness.peers import SmtpSink


class AnonymousServer(SmtpSink):
    """Has no certificate at all."""

    def _handshake(self, conn, log):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.set_ciphers("aNULL:@SECLEVEL=0")
        ctx.set_ecdh_curve("prime256v1")
        ctx.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            conn = ctx.wrap_socket(conn, server_side=True)
        except (ssl.SSLError, OSError) as e:
            log.append("[TLS failed]")
            raise EOFError from e
        log.append(f"[TLS {conn.version()}]")
        return conn


POLICY = """a1.test may
a2.test encrypt
a3.test verify match=mx1.dest.test
a4.test encrypt exclude=aNULL
d1.test verify match=mx1.dest.test
d2.test encrypt
"""
NAMES = ("a1", "a2", "a3", "a4", "d1", "d2")
CONFIG = {"smtp_tls_loglevel": "1", "smtp_tls_CAfile": "@CERTS@/ca.pem", "smtp_tls_policy_maps": "texthash:@CONFIG@/policy",
          "smtp_tls_scert_verifydepth": "0"}
FILES = {"policy": POLICY}
ZONE = {f"{n}.test": {"A": f"192.0.2.{20 + i}"} for i, n in enumerate(NAMES)}
PEERS = {n: (AnonymousServer if n[0] == "a" else sink)(addr=f"192.0.2.{20 + i}", name=f"{n}.test", cert="mx1", show_message=False)
         for i, n in enumerate(NAMES)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in NAMES]
CHECK = ("peers", "log")
LOG = [r"^smtp: "]
