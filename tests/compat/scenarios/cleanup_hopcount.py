# SPDX-License-Identifier: Apache-2.0
"""hopcount_limit: too many Received: headers."""
from harness.dsl import *

CONFIG = {"hopcount_limit": "3"}
STEPS = [msg("carol@example.test", "u1@virt.test", body="\n".join(f"Received: from h{i} by h{i+1}; Thu, 01 Jan 2026 00:00:00 +0000" for i in range(n)) + "\nSubject: hops\n\nx") for n in (2, 4)]
