# SPDX-License-Identifier: Apache-2.0
"""Wrapper mode and what can go wrong with it: too low a level, a server without TLS, a broken handshake, a wrong name, port 465 without it."""
from harness.dsl import *

CONFIG = {"smtp_tls_loglevel": "1", "smtp_tls_CAfile": "@CERTS@/ca.pem", "smtp_helo_timeout": "2s", "smtp_starttls_timeout": "2s",
          "transport_maps": "inline:{ {w1.test=low:[192.0.2.21]:465} {w2.test=none:[192.0.2.22]:465} {w3.test=encrypt:[192.0.2.23]:465} {w4.test=encrypt:[192.0.2.24]:465} {w5.test=verify:[mx1.dest.test]:465} {w6.test=verify:[mx2.dest.test]:465} {w7.test=plain:[192.0.2.27]:465} {w8.test=policy:[mx3.dest.test]:465} }",
          "smtp_tls_policy_maps": ""}
MASTER = """
low unix - - n - - smtp
  -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=may
none unix - - n - - smtp
  -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=none
encrypt unix - - n - - smtp
  -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=encrypt
verify unix - - n - - smtp
  -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=verify
plain unix - - n - - smtp
  -o smtp_tls_security_level=encrypt
policy unix - - n - - smtp
  -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=encrypt -o { smtp_tls_policy_maps = inline:{{[mx3.dest.test]:465=may}} }
"""
ZONE = {"mx1.dest.test": {"A": "192.0.2.25"}, "mx2.dest.test": {"A": "192.0.2.26"}, "mx3.dest.test": {"A": "192.0.2.28"}}
PEERS = {"w1": sink(addr="192.0.2.21", port=465, cert="mx1", wrapper=True, show_message=False),
         "w2": sink(addr="192.0.2.22", port=465, cert="mx1", wrapper=True, show_message=False),
         "w3": sink(addr="192.0.2.23", port=465, show_message=False),
         "w4": sink(addr="192.0.2.24", port=465, cert="mx1", script={"^CONNECT": "DROP"}, show_message=False),
         "w5": sink(addr="192.0.2.25", port=465, cert="mx1", wrapper=True, show_message=False),
         "w6": sink(addr="192.0.2.26", port=465, cert="mx1", wrapper=True, show_message=False),
         "w7": sink(addr="192.0.2.27", port=465, cert="mx1", wrapper=True, show_message=False),
         "w8": sink(addr="192.0.2.28", port=465, cert="mx1", wrapper=True, show_message=False)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in PEERS]
CHECK = ("log",)
LOG = [r"^smtp: "]
