# SPDX-License-Identifier: Apache-2.0
"""header_checks actions: REJECT, IGNORE, REPLACE, PREPEND, WARN, INFO, STRIP, DUNNO, folded headers."""
from harness.dsl import *

CONFIG = {"header_checks": "pcre:@CONFIG@/header_checks"}
FILES = {"header_checks": table(r"""
    /^Subject: reject$/         REJECT bad subject
    /^Subject: code/            REJECT 5.7.25 with code
    /^X-Ignore:/                IGNORE
    /^X-Replace: (.*)/          REPLACE X-Replaced: <$1>
    /^X-Prepend:/               PREPEND X-Before: this
    /^X-Warn:/                  WARN look here
    /^X-Info:/                  INFO fyi
    /^X-Strip:/                 STRIP gone
    /^X-Fold:.*two/             PREPEND X-Saw-Fold: yes
    /^X-Dunno:/                 DUNNO
    /^X-Dunno:/                 REJECT never
    """)}
STEPS = [msg("a@example.net", "u1@virt.test", body="""
    Subject: many
    X-Ignore: me
    X-Replace: some value
    X-Prepend: here
    X-Warn: w
    X-Info: i
    X-Strip: s
    X-Fold: one
     two
    X-Dunno: d

    X-Ignore: in body stays
    """), msg("a@example.net", "u1@virt.test", body="Subject: reject\n\nx"),
    msg("a@example.net", "u1@virt.test", body="Subject: code\n\nx"),
    submit("From: a@example.net\nTo: u1@virt.test\nSubject: reject\n\nx\n", "-f", "alice@example.test", "-t")]
