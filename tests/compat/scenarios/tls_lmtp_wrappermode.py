# SPDX-License-Identifier: Apache-2.0
"""LMTP in wrapper mode: too low a level, over a UNIX-domain socket; port 465 without it; STARTTLS offers that are noted."""
from harness.dsl import *
CONFIG = {"lmtp_tls_wrappermode": "yes",
          "transport_maps": "inline:{ {l1.test=lmtp:inet:mx1.dest.test:24} {l2.test=l2:inet:mx1.dest.test:465} {l3.test=l3:unix:@TMP@/lmtp.sock} {l4.test=l4:unix:@TMP@/lmtp.sock} }"}
MASTER = """
l2 unix - - n - - lmtp
  -o lmtp_tls_wrappermode=no -o lmtp_tls_note_starttls_offer=yes
l3 unix - - n - - lmtp
  -o lmtp_tls_security_level=encrypt
l4 unix - - n - - lmtp
  -o lmtp_tls_wrappermode=no -o lmtp_tls_note_starttls_offer=yes
"""
ZONE = {"mx1.dest.test": {"A": "192.0.2.51"}}
PEERS = {"l1": sink(addr="192.0.2.51", port=24, cert="mx1", lmtp=True, show_message=False),
         "l2": sink(addr="192.0.2.51", port=465, cert="mx1", lmtp=True, show_message=False),
         "unix": sink(path="@TMP@/lmtp.sock", cert="mx1", lmtp=True, show_message=False)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in ("l1", "l2", "l3", "l4")]
CHECK = ("log",)
LOG = [r"^lmtp: "]
