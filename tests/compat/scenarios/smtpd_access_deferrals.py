# SPDX-License-Identifier: Apache-2.0
"""access_map_defer_code and access_map_reject_code with every action that refuses, and entries without a value."""
from harness.dsl import *

CONFIG = {"access_map_defer_code": "455", "access_map_reject_code": "559", "smtpd_recipient_restrictions":
          "check_sender_access inline:{ {a@=REJECT} {b@=DEFER} {c@=DEFER_IF_PERMIT} {d@=DEFER_IF_PERMIT 4.7.9 maybe later} {e@=DEFER_IF_REJECT x}"
          " {f@=451 4.7.1 try} {g@=} {h@=DEFER 5.7.2 class} {i@=REJECT 4.7.3 class} {<>=REJECT null} },"
          " check_recipient_access inline:{ {u4@virt.test=REJECT} {u3@virt.test=DEFER_IF_REJECT too late} }, reject_unauth_destination"}
STEPS = [msg(s, "u1@virt.test", "u4@virt.test", "u3@virt.test", "x@relay.test", src="203.0.113.9")
         for s in [f"{c}@ok.test" for c in "abcdefghij"] + [""]]
CHECK = ["steps", "log"]
