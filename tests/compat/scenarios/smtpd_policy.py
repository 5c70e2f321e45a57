# SPDX-License-Identifier: Apache-2.0
"""Policy delegation: attributes sent at RCPT and at end of data, and the actions understood."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_restrictions": "reject_unauth_destination, check_policy_service inet:127.0.0.1:10030",
          "smtpd_end_of_data_restrictions": "check_policy_service inet:127.0.0.1:10030"}
PEERS = {"policy": policy(script={r"(?s)protocol_state=RCPT.*recipient=bob@": "REJECT no bob", r"recipient=carol@": "DEFER_IF_PERMIT greylisted",
                                  r"(?s)recipient=alice@.*": "PREPEND X-Policy: seen", r"recipient=u1@": "550 5.7.9 custom"})}
NORMALISE = [(r"^instance=.*", "instance=I"), (r"^client_port=\d+", "client_port=N"), (r"^size=.*", "size=N")]
STEPS = [client("""
    EHLO x.test
    MAIL FROM:<a@example.net> SIZE=1234
    RCPT TO:<bob@example.test>
    RCPT TO:<carol@example.test>
    RCPT TO:<u1@virt.test>
    RCPT TO:<alice@example.test>
    DATA
    Subject: policy

    x
    .
    QUIT
""", src="198.51.100.7")]
