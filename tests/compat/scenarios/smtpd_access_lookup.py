# SPDX-License-Identifier: Apache-2.0
"""Access lookup order: address, localpart@, domain, parent domain, IP prefixes, null sender."""
from harness.dsl import *

CONFIG = {"smtpd_delay_reject": "yes", "smtpd_null_access_lookup_key": "<>",
          "smtpd_client_restrictions": "check_client_access texthash:@CONFIG@/client",
          "smtpd_sender_restrictions": "check_sender_access texthash:@CONFIG@/sender",
          "recipient_delimiter": "+"}
FILES = {"client": table("""
    198.51.100.21       REJECT exact ip
    198.51.100          WARN class c
    203.0.113           REJECT net
    named.host.test     REJECT exact name
    dom.test            REJECT parent domain
    """), "sender": table("""
    exact@example.net   REJECT exact
    user@               REJECT localpart
    example.org         REJECT domain
    .example.org        REJECT never: parent matches are implicit here
    <>                  REJECT null sender
    ext@example.com     REJECT without extension
    """)}
ZONE = {"named.host.test": {"A": "198.51.100.31"}, "a.b.dom.test": {"A": "198.51.100.32"}}
STEPS = [client("EHLO x.test\nMAIL FROM:<ok@example.net>\nRCPT TO:<alice@example.test>\nQUIT", src=s)
         for s in ("198.51.100.21", "198.51.100.22", "203.0.113.5", "198.51.100.31", "198.51.100.32")] + [
    client("EHLO x.test\n" + "\n".join(f"MAIL FROM:<{s}>\nRCPT TO:<alice@example.test>\nRSET" for s in (
        "exact@example.net", "EXACT@Example.NET", "user@other.test", "x@example.org", "x@sub.example.org", "",
        "ext+foo@example.com", "ok@example.com")) + "\nQUIT")]
