# SPDX-License-Identifier: Apache-2.0
"""smtp_reply_filter, smtp_delivery_status_filter, smtp_header_checks, default_delivery_status_filter, smtp_dns_reply_filter."""
from harness.dsl import *

CONFIG = {"smtp_reply_filter": "pcre:@CONFIG@/reply", "smtp_delivery_status_filter": "pcre:@CONFIG@/status", "smtp_header_checks": "pcre:@CONFIG@/hc", "smtp_body_checks": "pcre:@CONFIG@/bc",
          "smtp_dns_reply_filter": "pcre:@CONFIG@/dns", "default_delivery_status_filter": "inline:{ {5.1.1 mailbox unknown=4.1.1 softened} }"}
FILES = {"reply": "/^550 5\\.9\\.9 (.*)/ 450 4.9.9 filtered: $1\n", "status": "/^5\\.7\\.1 .*blocked/ 4.7.1 temporarily blocked\n", "hc": "/^X-Drop:/ IGNORE\n/^Subject: (.*)/ REPLACE Subject: [$1]\n", "bc": "/secret/ REPLACE ******\n",
         "dns": r"/^dest\.test\.\s+\d+\s+IN\s+MX\s+10/ IGNORE" + "\n"}
ZONE = {"dest.test": {"MX": [(10, "mx1.dest.test"), (20, "mx2.dest.test")]}}
PEERS = {"mx2": sink(addr="192.0.2.11", name="mx2.dest.test", script={"^RCPT.*a@": "550 5.9.9 odd", "^RCPT.*b@": "554 5.7.1 you are blocked"})}
STEPS = [msg("carol@example.test", "a@dest.test", "b@dest.test", "c@dest.test", body="Subject: filter\nX-Drop: y\n\nthe secret word"), cmd("postqueue", "-p")]
