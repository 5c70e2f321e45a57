# SPDX-License-Identifier: Apache-2.0
"""From: headers that cleanup makes, in both forms, and those of notices."""
from harness.dsl import *


def all_of_them():
    names = ["Alice", "Alice B. Cee", 'Al "x" (y)', "Al, Bee", "A=?b", "(c) x", "a.b", "", "A_B <z>", "x@y"]
    return [submit("Subject: x\n\nx\n", "-F", name, "-f", "alice@example.test", "u@dest.test") for name in names] + [
        submit("Subject: x\n\nx\n", "-F", "Me", "-f", "<>", "u@dest.test"), submit("Subject: x\nResent-To: x\n\nx\n", "-F", "Me", "-f", "ab@example.test", "u@dest.test"),
        msg("box@virt.test", "nosuch@virt.test")]


PEERS = {"mx1": sink()}
CONFIG = {"virtual_mailbox_maps": "inline:{box@virt.test=box}", "smtpd_reject_unlisted_recipient": "no"}
STEPS = all_of_them() + [cmd("postconf", "-e", "header_from_format=obsolete", hide=True), cmd("postfix", "reload", hide=True)] + all_of_them()
