# SPDX-License-Identifier: Apache-2.0
"""LMTP over TLS at verify, secure and fingerprint, by parameter and by table; over a UNIX-domain socket; not offered."""
from harness.dsl import *

KEY = fingerprint("mx1", "pkey")
CONFIG = {"lmtp_tls_loglevel": "1", "lmtp_tls_CAfile": "@CERTS@/ca.pem",
          "transport_maps": "inline:{ {l1.test=verify:inet:[mx1.dest.test]:24} {l2.test=verify:inet:mx2.dest.test:24} {l3.test=secure:inet:dest.test:24} {l4.test=secure:inet:mx2.dest.test:24} {l5.test=print:inet:mx2.dest.test:24} {l6.test=table:mx2.dest.test:24} {l7.test=secure:unix:@TMP@/lmtp.sock} {l8.test=verify:inet:plain.dest.test} {l9.test=maytls:unix:@TMP@/lmtp.sock} {la.test=secure:unix:@TMP@/own.sock} {lb.test=keys:unix:@TMP@/own.sock} {lc.test=keys:inet:mx2.dest.test:24} {ld.test=keys:inet:[mx2.dest.test]:24} }"}
MASTER = f"""
verify unix - - n - - lmtp
  -o lmtp_tls_security_level=verify
secure unix - - n - - lmtp
  -o lmtp_tls_security_level=secure
print unix - - n - - lmtp
  -o lmtp_tls_security_level=fingerprint -o lmtp_tls_fingerprint_digest=sha256 -o lmtp_tls_fingerprint_cert_match={KEY}
table unix - - n - - lmtp
  -o {{ lmtp_tls_policy_maps = inline:{{{{mx2.dest.test:24=verify match=mx1.dest.test}}}} }}
keys unix - - n - - lmtp
  -o {{ lmtp_tls_policy_maps = inline:{{{{@TMP@/own.sock=encrypt}} {{mx2.dest.test:24=encrypt}}}} }}
maytls unix - - n - - lmtp
  -o lmtp_tls_security_level=may
"""
ZONE = {"mx1.dest.test": {"A": "192.0.2.21"}, "mx2.dest.test": {"A": "192.0.2.22"}, "dest.test": {"A": "192.0.2.23"}, "plain.dest.test": {"A": "192.0.2.24"}}
PEERS = {"mx1": sink(addr="192.0.2.21", port=24, cert="mx1", lmtp=True, show_message=False),
         "mx2": sink(addr="192.0.2.22", port=24, cert="mx1", lmtp=True, show_message=False, sort=True),
         "dest": sink(addr="192.0.2.23", port=24, cert="dest", lmtp=True, show_message=False),
         "plain": sink(addr="192.0.2.24", port=24, lmtp=True, show_message=False),
         "unix": sink(path="@TMP@/lmtp.sock", cert="mx1", lmtp=True, show_message=False, sort=True),
         "own": sink(path="@TMP@/own.sock", cert="mx", lmtp=True, show_message=False, sort=True)}
STEPS = [msg("box@virt.test", f"u@l{n}.test") for n in "123456789abcd"]
CHECK = ("peers", "log")
LOG = [r"^lmtp: "]
