# SPDX-License-Identifier: Apache-2.0
"""Outgoing may: after minimal_backoff_time a failed handshake falls back to plaintext; never with encrypt."""
from harness.dsl import *

CONFIG = {"smtp_tls_security_level": "may", "minimal_backoff_time": "2s", "smtp_tls_policy_maps": "inline:{ {enc.test=encrypt} }"}
ZONE = {"broken.test": {"A": "192.0.2.102"}, "enc.test": {"A": "192.0.2.103"}}
PEERS = {n: sink(addr=f"192.0.2.{102 + i}", name=f"{n}.test", cert="mx1", script={"^TLS": "FAIL"}, show_message=False) for i, n in enumerate(("broken", "enc"))}
STEPS = [msg("box@virt.test", "u@broken.test"), msg("box@virt.test", "u@enc.test"), cmd("postqueue", "-p"), sleep(2.2), retry(), cmd("postqueue", "-p")]
