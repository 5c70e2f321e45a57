# SPDX-License-Identifier: Apache-2.0
"""smtp_tls_loglevel = 2: the steps of a handshake with a trusted server, and with an unknown one."""
from harness.dsl import *

CONFIG = {"smtp_tls_security_level": "may", "smtp_tls_CAfile": "@CERTS@/ca.pem", "smtp_tls_loglevel": "2",
          "tls_medium_cipherlist": "HIGH:!aDSS:@STRENGTH", "relay_domains": "good.test self.test"}
ZONE = {f"{n}.test": {"A": f"192.0.2.{100 + i}"} for i, n in enumerate(("good", "self"))}
PEERS = {"good": sink(addr="192.0.2.100", name="good.test", cert="mx1", show_message=False),
         "self": sink(addr="192.0.2.101", name="self.test", cert="self", tls_max="1.2", show_message=False)}
# What comes after the handshake is not among its steps here.
LOG_DROP = ["initializing the client-side TLS engine", "negotiation finished|server session ticket"]
STEPS = [msg("a@example.net", "u@good.test"), msg("a@example.net", "u@self.test")]
