# SPDX-License-Identifier: Apache-2.0
"""canonical, sender_canonical, recipient_canonical maps; canonical_classes; remote header rewriting."""
from harness.dsl import *

CONFIG = {"canonical_maps": "texthash:@CONFIG@/canonical", "sender_canonical_maps": "inline:{ {s@old.test=s@new.test} }",
          "recipient_canonical_maps": "inline:{ {r@old.test=u1@virt.test} }", "virtual_mailbox_domains": "virt.test",
          "local_header_rewrite_clients": "permit_inet_interfaces", "remote_header_rewrite_domain": "remote.invalid"}
FILES = {"canonical": "@old.test @mid.test\nalice alice.long@example.test\nalice.long@example.test bob@example.test\n"}
BODY = """
    Subject: canonical
    To: r@old.test, x@old.test, bare
    Cc: Alice <alice@example.test>, "q, s" <alice>
    Reply-To: s@old.test
    Sender: noat
    Resent-To: x@old.test

    x
    """
STEPS = [msg("s@old.test", "r@old.test", body=BODY), msg("s@old.test", "r@old.test", "alice@example.test", body=BODY, src="198.51.100.7")]
