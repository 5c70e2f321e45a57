# SPDX-License-Identifier: Apache-2.0
"""Outgoing encrypt: no STARTTLS offered, STARTTLS refused, handshake failure; none with a TLS-only server."""
from harness.dsl import *

CONFIG = {"smtp_tls_security_level": "encrypt", "smtp_tls_loglevel": "1", "smtp_tls_policy_maps": "inline:{ {none.test=none} {bad.test=frobnicate} {.sub.test=may} {opt.test=encrypt protocols=TLSv1.2 ciphers=high} }"}
ZONE = {f"{n}.test": {"A": f"192.0.2.{110 + i}"} for i, n in enumerate(("tls", "plain", "broken", "refuse", "none", "bad", "x.sub", "opt"))}
PEERS = {"tls": sink(addr="192.0.2.110", name="tls.test", cert="mx1", show_message=False), "plain": sink(addr="192.0.2.111", name="plain.test", show_message=False), "broken": sink(addr="192.0.2.112", name="broken.test", cert="mx1", script={"^TLS": "FAIL"}, show_message=False),
         "refuse": sink(addr="192.0.2.113", name="refuse.test", cert="mx1", script={"^STARTTLS": "454 4.7.0 not now"}, show_message=False), "none": sink(addr="192.0.2.114", name="none.test", cert="mx1", script={"^MAIL": "530 5.7.0 Must issue a STARTTLS command first"}, show_message=False),
         "bad": sink(addr="192.0.2.115", name="bad.test", cert="mx1"), "sub": sink(addr="192.0.2.116", name="x.sub.test", show_message=False), "opt": sink(addr="192.0.2.117", name="opt.test", cert="mx1", show_message=False)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in ("tls", "plain", "broken", "refuse", "none", "bad", "x.sub", "opt")] + [cmd("postqueue", "-p")]
