# SPDX-License-Identifier: Apache-2.0
"""relocated_maps and transport_maps error: replies at SMTP time and bounce."""
from harness.dsl import *

CONFIG = {"relocated_maps": "texthash:@CONFIG@/relocated", "transport_maps": "inline:{ {err@dest.test=error:5.1.6 moved away} {def@dest.test=retry:4.3.0 come back} {dis@dest.test=discard:quietly} {.sub.dest.test=error:sub} }"}
FILES = {"relocated": "alice@example.test alice@new.example.org\nbob bob moved to the moon\n"}
STEPS = [client("EHLO x.test\nMAIL FROM:<carol@example.test>\n" + "\n".join(f"RCPT TO:<{r}>" for r in (
    "alice@example.test", "bob@example.test", "err@dest.test", "def@dest.test", "x@a.sub.dest.test")) + "\nQUIT"),
    submit("Subject: reloc\n\nx\n", "-f", "carol@example.test", "alice@example.test", "bob@example.test", "err@dest.test", "dis@dest.test"),
    submit("Subject: defer\n\nx\n", "-f", "carol@example.test", "def@dest.test")]
