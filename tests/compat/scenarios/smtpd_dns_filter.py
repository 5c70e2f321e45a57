# SPDX-License-Identifier: Apache-2.0
"""smtpd_dns_reply_filter: records that are ignored, all of them or some, and what the restrictions make of it."""
from harness.dsl import *


def service(port, restrictions, *settings):
    return f"{port} inet n - n - - smtpd\n  -o {{ smtpd_recipient_restrictions = {restrictions} }}\n" + \
        "".join(f"  -o {{ {s} }}\n" for s in settings)


ZONE = {"gone.test": {"A": ["192.0.2.66"]}, "half.test": {"A": ["192.0.2.66", "192.0.2.67"]},
        "mx.test": {"MX": [(10, "bad.test"), (20, "good.test")]}, "bad.test": {"A": ["192.0.2.68"]}, "good.test": {"A": ["192.0.2.69"]},
        "onlybad.test": {"MX": [(10, "bad.test")]}}
FILTER = r"""
/ IN A 192\.0\.2\.66$/ ignore
/ MX 10 bad\.test\.$/ IGNORE
/^onlybad\.test\. .* MX / IGNORE
/ 192\.0\.2\.70$/ nonsense
"""
ZONE["nonsense.test"] = {"A": ["192.0.2.70"]}
MASTER = (service(126, "reject_unknown_sender_domain, reject_unauth_destination") +
          service(127, "reject_unknown_helo_hostname, reject_unauth_destination") +
          service(128, "check_sender_mx_access inline:{bad.test=REJECT}, check_sender_a_access inline:{192.0.2.66=REJECT}, "
                       "reject_unauth_destination"))
CONFIG = {"smtpd_dns_reply_filter": "regexp:@CONFIG@/filter", "unknown_address_reject_code": "550", "unknown_hostname_reject_code": "550"}
FILES = {"filter": FILTER.lstrip()}
DOMAINS = ("gone.test", "half.test", "mx.test", "onlybad.test", "nonsense.test", "good.test")
STEPS = [client(f"EHLO {d}\nMAIL FROM:<a@{d}>\nRCPT TO:<u1@virt.test>\nQUIT", port=port) for port in (126, 127, 128) for d in DOMAINS]
# How often a name is asked for before the answer is given up is not compared.
LOG_DROP = ["unknown DNS filter action"]
