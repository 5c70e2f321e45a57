# SPDX-License-Identifier: Apache-2.0
"""smtp_generic_maps in envelope and headers of outgoing mail only."""
from harness.dsl import *

CONFIG = {"smtp_generic_maps": "inline:{ {alice@example.test=alice.ext@public.test} {@local.lan=public+lan@public.test} }"}
PEERS = {"mx1": sink()}
STEPS = [msg("alice@example.test", "u@dest.test", "u1@virt.test", "x@local.lan", body="Subject: g\nTo: alice@example.test\nCc: <x@local.lan>, (c) other@example.test\n\nalice@example.test"),
         cmd("postqueue", "-p")]
