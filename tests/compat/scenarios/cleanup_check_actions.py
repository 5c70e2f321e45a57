# SPDX-License-Identifier: Apache-2.0
"""header and body check actions with effect on the message: HOLD, DISCARD, REDIRECT, FILTER, BCC."""
from harness.dsl import *

CONFIG = {"header_checks": "regexp:@CONFIG@/h", "body_checks": "regexp:@CONFIG@/b"}
FILES = {"h": table("""
    /^Subject: hold/ HOLD for review
    /^Subject: discard/ DISCARD thrown
    /^Subject: redirect/ REDIRECT u2@virt.test
    /^Subject: filter/ FILTER smtp:[192.0.2.10]:2525
    /^Subject: bcc/ BCC u2@virt.test
    """), "b": table("""
    /reject me/ REJECT body says no
    /warn me/ WARN body
    /ignore me/ IGNORE
    /replace (me)/ REPLACE replaced ${1}!
    /prepend me/ PREPEND [a line before]
    """)}
PEERS = {"filter": sink(port=2525)}
STEPS = [msg("a@example.net", "u1@virt.test", body=f"Subject: {s}\n\nbody of {s}") for s in
         ("hold", "discard", "redirect", "filter", "bcc")] + [
    msg("a@example.net", "u1@virt.test", body="Subject: b1\n\nplease reject me"),
    msg("a@example.net", "u1@virt.test", body="Subject: b2\n\nwarn me\nignore me\nreplace me\nprepend me\nend"),
    cmd("postsuper", "-H", "ALL"), wait_idle()]
