# SPDX-License-Identifier: Apache-2.0
"""Access table actions: OK, REJECT, DEFER, codes, DUNNO, WARN, HOLD, DISCARD, REDIRECT, PREPEND, BCC, FILTER, INFO."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_restrictions": "check_recipient_access texthash:@CONFIG@/access, permit_mynetworks, reject"}
FILES = {"access": table("""
    ok@example.test         OK
    reject@example.test     REJECT
    text@example.test       REJECT we do not like you
    code@example.test       554 5.1.9 custom text
    plain@example.test      551 no enhanced code
    temp@example.test       450 4.7.9 later
    defer@example.test      DEFER
    defertext@example.test  DEFER 4.3.3 busy
    deferif@example.test    DEFER_IF_PERMIT not now
    deferrej@example.test   DEFER_IF_REJECT hmm
    dunno@example.test      DUNNO
    warn@example.test       WARN careful
    info@example.test       INFO just noting
    pre@example.test        PREPEND X-Access: yes
    bad@example.test        FROBNICATE
    num@example.test        12345
    drop@example.test       521 5.7.1 bye bye
    bcc@example.test        BCC bob@example.test
    hup@example.test        421 4.3.2 hang up
    """)}
STEPS = [client("\n".join(["EHLO client.example.net", "MAIL FROM:<x@example.net>"] + [
    f"RCPT TO:<{u}@example.test>" for u in ("ok reject text code plain temp defer defertext deferif deferrej "
                                            "dunno warn info pre bcc bad num drop hup").split()] + ["QUIT"])),
    ]
