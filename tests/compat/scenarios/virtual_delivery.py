# SPDX-License-Identifier: Apache-2.0
"""virtual(8): maildir, mbox, catch-all, extension, missing map entries, size limit, uid minimum."""
from harness.dsl import *

CONFIG = {"virtual_mailbox_maps": "texthash:@CONFIG@/vm", "virtual_uid_maps": "inline:{ {low@virt.test=5} {nouid@virt.test=x} {md@virt.test=61009} {mb@virt.test=61009} {@any.test=61009} {toobig@virt.test=61009} }",
          "virtual_minimum_uid": "100", "virtual_mailbox_domains": "virt.test, any.test", "recipient_delimiter": "+", "virtual_mailbox_limit": "8100", "message_size_limit": "8000"}
FILES = {"vm": "md@virt.test md/\nmb@virt.test sub/mb\nlow@virt.test low/\nnouid@virt.test nouid/\n@any.test any/\ntoobig@virt.test toobig\ndots@virt.test ../dots/\n"}
STEPS = [msg("box@virt.test", r, body=f"Subject: {r}\n\nFrom x\n.") for r in ("md@virt.test", "md+ext@virt.test", "low@virt.test", "whoever@any.test", "mb@virt.test")] + [
    msg("carol@example.test", "toobig@virt.test", body="Subject: big\n\n" + ("x" * 72 + "\n") * 55) for _ in (1, 2)] + [cmd("postqueue", "-p")]
