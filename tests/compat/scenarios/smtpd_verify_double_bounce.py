# SPDX-License-Identifier: Apache-2.0
"""Probes of the double-bounce address here and elsewhere, and mail to it."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_restrictions": "reject_unverified_recipient, reject_unverified_sender, permit", "unverified_recipient_reject_code": "550", "unverified_sender_reject_code": "550", "address_verify_map": "", "address_verify_poll_delay": "1s"}
ZONE = {"d.test": {"A": "192.0.2.60"}}
PEERS = {"d": sink(addr="192.0.2.60", name="d.test", sort=True)}
STEPS = [client(f"EHLO x\nMAIL FROM:<{s}>\nRCPT TO:<{r}>\nQUIT") for s, r in (("double-bounce@example.test", "carol@example.test"), ("double-bounce@d.test", "carol@example.test"), ("double-bounce@other.test", "carol@example.test"), ("carol@example.test", "double-bounce@d.test"), ("carol@example.test", "double-bounce@other.test"), ("double-bounce@virt.test", "carol@example.test"), ("carol@example.test", "double-bounce@virt.test"))] + [submit("Subject: x\n\nx\n", "-f", "carol@example.test", r) for r in ("double-bounce", "double-bounce@mx.example.test", "double-bounce@d.test", "DOUBLE-bounce")] + [cmd("sendmail", "-bv", "-f", "carol@example.test", "double-bounce"), wait_idle(), cmd("postqueue", "-p")]
