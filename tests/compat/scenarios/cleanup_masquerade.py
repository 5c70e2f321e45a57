# SPDX-License-Identifier: Apache-2.0
"""masquerade_domains, exceptions and classes; append_at_myorigin and append_dot_mydomain."""
from harness.dsl import *

CONFIG = {"masquerade_domains": "!keep.example.test example.test", "masquerade_exceptions": "root", "masquerade_classes": "envelope_sender, header_sender, header_recipient",
          "append_dot_mydomain": "yes", "mydestination": "localhost"}
PEERS = {"mx1": sink()}
STEPS = [msg(s, "u@dest.test", body="Subject: m\nTo: x@host.example.test, y@deep.keep.example.test, z@short\nCc: bare, root@h.example.test\n\nx")
         for s in ("user@host.example.test", "root@host.example.test", "user@a.keep.example.test", "user")]
