# SPDX-License-Identifier: Apache-2.0
"""Servers that know TLSv1.1 or TLSv1 only: good enough where no certificate is asked for, unless the protocol is limited."""
import ssl
import warnings

from harness.dsl import *
from harness.instance import CERTS
from harness.peers import SmtpSink

CONFIG = {"smtp_tls_loglevel": "1", "smtp_tls_CAfile": "@CERTS@/ca.pem",
          "smtp_tls_policy_maps": "inline:{ {o1.test=may} {o2.test=encrypt} {o3.test=verify match=mx1.dest.test} {o4.test=may protocols=>=TLSv1.2} {o5.test=encrypt ciphers=high} {o6.test=may} {o7.test=verify match=mx1.dest.test} }"}


class OldServer(SmtpSink):
    """Knows no protocol after TLSv1.1."""

    def _handshake(self, conn, log):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.set_ciphers("ALL:@SECLEVEL=0")
        ctx.load_cert_chain(f"{CERTS}/{self.cert}.pem", f"{CERTS}/{self.cert}.key")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            ctx.minimum_version = ssl.TLSVersion.TLSv1
            ctx.maximum_version = ssl.TLSVersion.TLSv1 if self.name in ("o6.test", "o7.test") else ssl.TLSVersion.TLSv1_1
        try:
            conn = ctx.wrap_socket(conn, server_side=True)
        except (ssl.SSLError, OSError) as e:
            log.append("[TLS failed]")
            raise EOFError from e
        log.append(f"[TLS {conn.version()}]")
        return conn


NAMES = [f"o{n}" for n in range(1, 8)]
ZONE = {f"{n}.test": {"A": f"192.0.2.{20 + i}"} for i, n in enumerate(NAMES)}
PEERS = {n: OldServer(addr=f"192.0.2.{20 + i}", name=f"{n}.test", cert="mx1", show_message=False) for i, n in enumerate(NAMES)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in NAMES]
CHECK = ("peers", "log")
LOG = [r"^smtp: "]
