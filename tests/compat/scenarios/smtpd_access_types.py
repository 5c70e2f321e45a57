# SPDX-License-Identifier: Apache-2.0
"""The same access check through many table types."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_restrictions": "check_recipient_access hash:@CONFIG@/h, check_recipient_access btree:@CONFIG@/b, "
          "check_recipient_access cdb:@CONFIG@/c, check_recipient_access lmdb:@CONFIG@/l, "
          "check_recipient_access texthash:@CONFIG@/t, check_recipient_access pcre:@CONFIG@/p, "
          "check_recipient_access regexp:@CONFIG@/r, check_client_access cidr:@CONFIG@/cidr, "
          "check_recipient_access unionmap:{inline:{{un@example.test=WARN first}},inline:{{un@example.test=second}}}, "
          "check_recipient_access pipemap:{inline:{{pii@example.test=next}},inline:{{next=REJECT piped}}}, "
          "check_recipient_access randmap:{REJECT}"}
FILES = {"h": table("h@example.test REJECT hash\n", "hash"), "b": table("b@example.test REJECT btree\n", "btree"),
         "c": table("c@example.test REJECT cdb\n", "cdb"), "l": table("l@example.test REJECT lmdb\n", "lmdb"),
         "t": table("t@example.test REJECT texthash\n"),
         "p": table("""
             /^p(.)@example\\.test$/ REJECT pcre group $1
             if /^q/
             !/2@/ REJECT not two
             endif
             """), "r": table("/^r([0-9]+)@/ REJECT regexp ${1} $$\n"),
         "cidr": table("""
             198.51.100.8/29 REJECT cidr $1
             2001:db8::/32 REJECT v6
             if 198.51.100.0/24
             !198.51.100.0/26 REJECT high half
             endif
             """)}
STEPS = [client("EHLO x.test\nMAIL FROM:<a@example.net>\n" + "\n".join(f"RCPT TO:<{u}@example.test>" for u in (
    "h", "b", "c", "l", "t", "pX", "q1", "q2", "r42", "un", "pii", "alice")) + "\nQUIT"),
    client("EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<zed@example.test>\nQUIT", src="198.51.100.9"),
    client("EHLO x.test\nMAIL FROM:<a@example.net>\nRCPT TO:<zed@example.test>\nQUIT", src="198.51.100.99")]
