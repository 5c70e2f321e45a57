# SPDX-License-Identifier: Apache-2.0
"""receive_override_options for smtpd and for pickup."""
from harness.dsl import *

CONFIG = {"header_checks": "regexp:@CONFIG@/hc", "virtual_alias_maps": "inline:{a@dest.test=b@dest.test}", "always_bcc": "bcc@dest.test"}
FILES = {"hc": table("/^Subject: (.*)/ WARN seen\n")}
PEERS = {"mx1": sink(show_message=False, sort=True)}


def both():
    return [submit("Subject: x\n\nx\n", "-f", "alice@example.test", "a@dest.test"), msg("c@example.net", "a@dest.test", body="Subject: x\n\nx")]


STEPS = both()
for options in ("no_header_body_checks", "no_address_mappings", "no_header_body_checks, no_address_mappings, no_milters, no_unknown_recipient_checks"):
    STEPS += [cmd("postconf", "-e", "receive_override_options=" + options, hide=True), cmd("postfix", "reload", hide=True)] + both()
