# SPDX-License-Identifier: Apache-2.0
"""local_login_sender_maps: which envelope senders a user may give to sendmail."""
from harness.dsl import *

CONFIG = {"local_login_sender_maps": "inline:{ {alice = alice@example.test, second@example.test} {bob = @example.test bob <>} "
                                     "{carol = *} {empty = *} {uid:5999 = x@example.test} }",
          "recipient_delimiter": "+"}
TEXT = "Subject: x\n\nx\n"


def mail(user, sender):
    """Submits as USER; what sendmail says."""
    return submit(TEXT, "-f", sender, "u1@virt.test", user=user, idle=False)


STEPS = [mail("alice", sender) for sender in
         ("alice@example.test", "ALICE@Example.Test", "second@example.test", "alice+ext@example.test", "alice",
          "other@example.test", "<>")]
STEPS += [mail("bob", sender) for sender in
          ("x@example.test", "X@EXAMPLE.TEST", "x@sub.example.test", "bob", "bob@other.test", "bob+e", "<>", "other")]
STEPS += [mail("carol", sender) for sender in ("x@y.test", "<>")]
STEPS += [mail("vmail", "vmail@example.test"), mail("vmail", "<>"), mail(None, "root@example.test"),
          # What Postfix refuses it leaves in maildrop, half written.
          sh("find @QUEUE@/maildrop -type f ! -perm -u+x -delete", hide=True)]
