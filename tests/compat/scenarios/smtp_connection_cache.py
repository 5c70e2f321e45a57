# SPDX-License-Identifier: Apache-2.0
"""Connection cache: several messages, one session; destination list; per-destination limit."""
from harness.dsl import *

CONFIG = {"smtp_connection_cache_destinations": "dest.test", "smtp_connection_cache_time_limit": "20s"}
PEERS = {"mx1": sink(show_message=False)}
STEPS = [msg("a@example.net", f"u{n}@dest.test") for n in range(3)]
LOG_DROP = ["scache"]
