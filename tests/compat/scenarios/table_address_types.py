# SPDX-License-Identifier: Apache-2.0
"""Domain lists: mydestination and relay_domains with tables, patterns, negation, parent domain matching; mynetworks with CIDR and tables."""
from harness.dsl import *

CONFIG = {"mydestination": "example.test, !no.deep.test, .deep.test, texthash:@CONFIG@/dest, @CONFIG@/list", "mynetworks": "!198.51.100.9, 198.51.100.8/29, cidr:@CONFIG@/nets", "relay_domains": "rel.test", "parent_domain_matches_subdomains": "", "local_recipient_maps": ""}
FILES = {"dest": "fromhash.test x\n", "list": "fromlist.test,\n  other.fromlist.test\n", "nets": "198.51.100.64/26 x\n"}
STEPS = [client("EHLO x.test\nMAIL FROM:<a@example.net>\n" + "\n".join(f"RCPT TO:<a@{d}>" for d in ("example.test", "x.deep.test", "no.deep.test", "deep.test", "fromhash.test", "fromlist.test", "other.fromlist.test", "rel.test", "sub.rel.test", "out.test")) + "\nQUIT", src=s)
         for s in ("198.51.100.7", "198.51.100.9", "198.51.100.10", "198.51.100.70")]
