# SPDX-License-Identifier: Apache-2.0
"""Outgoing may: TLS used when offered, plaintext otherwise, handshake failure defers."""
from harness.dsl import *

CONFIG = {"smtp_tls_security_level": "may", "smtp_tls_loglevel": "1", "smtp_tls_CAfile": "@CERTS@/ca.pem"}
ZONE = {f"{n}.test": {"A": f"192.0.2.{100 + i}"} for i, n in enumerate(("tls", "plain", "broken", "refuse", "old", "selfs"))}
PEERS = {"tls": sink(addr="192.0.2.100", name="tls.test", cert="mx1"), "plain": sink(addr="192.0.2.101", name="plain.test", show_message=False), "broken": sink(addr="192.0.2.102", name="broken.test", cert="mx1", script={"^TLS": "FAIL"}, show_message=False),
         "refuse": sink(addr="192.0.2.103", name="refuse.test", cert="mx1", script={"^STARTTLS": "454 4.7.0 not now"}, show_message=False), "old": sink(addr="192.0.2.104", name="old.test", cert="mx1", tls_max="1.2", show_message=False),
         "selfs": sink(addr="192.0.2.105", name="selfs.test", cert="self", show_message=False)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in PEERS] + [cmd("postqueue", "-p")]
