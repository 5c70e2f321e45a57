# SPDX-License-Identifier: Apache-2.0
"""Connection cache with TLS: one handshake for several messages, and a policy may ask for none."""
from harness.dsl import *

CONFIG = {"smtp_tls_security_level": "may", "smtp_tls_loglevel": "1", "smtp_tls_CAfile": "@CERTS@/ca.pem",
          "smtp_tls_connection_reuse": "yes", "smtp_tls_policy_maps": "inline:{{no.test = encrypt connection_reuse=no}, {stricter.test = encrypt}}",
          "smtp_connection_cache_destinations": "dest.test no.test stricter.test",
          "smtp_connection_cache_time_limit": "20s", "connection_cache_ttl_limit": "20s"}
MASTER = "tlsproxy unix - - n - 0 tlsproxy\n"
ZONE = {name: {"MX": [(10, "mx1.dest.test")]} for name in ("no.test", "stricter.test")}
PEERS = {"mx1": sink(cert="mx1", show_message=False)}
STEPS = [msg("a@example.net", f"u{n}@{domain}.test") for domain in ("dest", "no", "stricter", "dest") for n in range(2)]
LOG_DROP = ["scache", "tlsproxy"]
