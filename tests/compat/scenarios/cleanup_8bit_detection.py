# SPDX-License-Identifier: Apache-2.0
"""Which mail needs 8BITMIME: by its headers, and detect_8bit_encoding_header."""
from harness.dsl import *


def all_of_them():
    out = []
    for head in ("", "Content-Transfer-Encoding: 8bit\nMIME-Version: 1.0\n", "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n"):
        for body in ("h\xe9\n", "--b\nContent-Transfer-Encoding: 8bit\n\ntext\n--b--\n"):
            out += [submit("Subject: x\n" + head + "\n" + body, "-f", "alice@example.test", f"u@{name}.test") for name in ("dest", "seven")]
    return out + [msg("a@example.net", "u@dest.test", body="Subject: x\n\nh\xe9"), msg("a@example.net", "u@dest.test", body="Subject: x\n\nh\xe9", opts="BODY=8BITMIME")]


ZONE = {"seven.test": {"MX": [(10, "mx2.dest.test")]}}
PEERS = {"mx1": sink(), "mx2": sink(addr="192.0.2.11", name="mx2.dest.test", ehlo=["PIPELINING"])}
STEPS = all_of_them() + [cmd("postconf", "-e", "detect_8bit_encoding_header=no", hide=True), cmd("postfix", "reload", hide=True)] + all_of_them()
