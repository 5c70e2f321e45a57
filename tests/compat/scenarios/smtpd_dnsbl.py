# SPDX-License-Identifier: Apache-2.0
"""reject_rbl_client, reject_rhsbl_*, permit_dnswl_client, reply filters, rbl_reply_maps, TXT reason."""
from harness.dsl import *

CONFIG = {"smtpd_recipient_restrictions": "permit_dnswl_client white.bl.test, reject_rbl_client one.bl.test, "
          "reject_rbl_client two.bl.test=127.0.0.[2..4;9], reject_rhsbl_sender dom.bl.test, reject_rhsbl_helo dom.bl.test, "
          "reject_rhsbl_reverse_client dom.bl.test, reject_rbl_client down.bl.test",
          "rbl_reply_maps": "inline:{ {two.bl.test=$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using "
          "$rbl_domain${rbl_reason?; $rbl_reason} from $client_name} }", "maps_rbl_reject_code": "553"}
ZONE = {"50.100.51.198.one.bl.test": {"A": "127.0.0.2", "TXT": ["Listed for $client, see http://bl.test/"]},
        "51.100.51.198.two.bl.test": {"A": "127.0.0.3"}, "52.100.51.198.two.bl.test": {"A": "127.0.0.8"},
        "53.100.51.198.two.bl.test": {"A": ["127.0.0.8", "127.0.0.9"], "TXT": ["nine"]},
        "50.100.51.198.white.bl.test": {"TXT": ["x"]}, "54.100.51.198.white.bl.test": {"A": "127.0.0.1"},
        "54.100.51.198.one.bl.test": {"A": "127.0.0.2"}, "spam.test.dom.bl.test": {"A": "127.0.1.2", "TXT": ["spam domain"]},
        "55.100.51.198.down.bl.test": "SERVFAIL", "198.51.100.56": "ptr.spam.test"}
STEPS = [client(f"EHLO {h}\nMAIL FROM:<a@{d}>\nRCPT TO:<alice@example.test>\nQUIT", src=f"198.51.100.{n}")
         for n, h, d in ((50, "x.test", "ok.test"), (51, "x.test", "ok.test"), (52, "x.test", "ok.test"), (53, "x.test", "ok.test"),
                         (54, "x.test", "ok.test"), (55, "x.test", "ok.test"), (56, "spam.test", "ok.test"),
                         (57, "spam.test", "spam.test"), (58, "spam.test", "ok.test"))]
