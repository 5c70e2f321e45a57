# SPDX-License-Identifier: Apache-2.0
"""MX records that are this system, null, IP addresses, aliases, no host names, or have no address; which hosts remain and what is said."""
from harness.dsl import *

CONFIG = {"smtp_randomize_addresses": "no", "proxy_interfaces": "203.0.113.9", "inet_interfaces": "127.0.0.1, 203.0.113.1", "smtp_mx_address_limit": "3"}
MX = {"loopbest": [(10, "self.test"), (20, "good.test")], "loopsecond": [(10, "dead.test"), (20, "self.test"), (30, "good.test")], "loopequal": [(10, "good.test"), (10, "proxy.test")],
      "loopwithout": [(10, "noaddr.test"), (20, "self.test")], "loopfail": [(10, "fail.test"), (20, "self.test")], "literal": [(10, "192.0.2.60")], "literaldead": [(10, "192.0.2.61"), (20, "good.test")],
      "alias": [(10, "cname.test")], "missing": [(10, "nohost.test"), (20, "good.test")], "allmissing": [(10, "nohost.test"), (20, "noaddr.test")], "null": [(0, ".")], "null10": [(10, ".")],
      "nullfirst": [(0, "."), (10, "good.test")], "nullsecond": [(5, "good.test"), (10, ".")], "fail": "SERVFAIL", "addrfail": [(10, "fail.test")], "failmissing": [(10, "fail.test"), (20, "nohost.test")],
      "missingfail": [(10, "nohost.test"), (20, "fail.test")], "failgood": [(10, "fail.test"), (20, "good.test")], "onlysix": [(10, "six.test")], "many": [(10, "dead4.test"), (20, "good.test")],
      "underscore": [(10, "us_er.test")], "hyphen": [(10, "-x.test")], "hyphengood": [(10, "-x.test"), (20, "good.test")], "blank": [(10, "a b.test")]}
ZONE = {f"mx{n}.test": {"MX": records} for n, records in MX.items()} | {
    "good.test": {"A": "192.0.2.60"}, "us_er.test": {"A": "192.0.2.60"}, "dead.test": {"A": "192.0.2.61"}, "dead4.test": {"A": [f"192.0.2.{n}" for n in range(61, 65)]}, "self.test": {"A": "203.0.113.1"},
    "proxy.test": {"A": "203.0.113.9"}, "lo.test": {"A": "127.0.0.1"}, "fail.test": "SERVFAIL", "noaddr.test": {"TXT": ["x"]}, "six.test": {"AAAA": "2001:db8::10"}, "cname.test": {"CNAME": "good.test"},
    "aliased.test": {"CNAME": "mxmissing.test"}, "dangling.test": {"CNAME": "nothing.test"}, "two.test": {"A": ["192.0.2.61", "192.0.2.60"]}}
PEERS = {"good": sink(addr="192.0.2.60", name="good.test", show_message=False, sort=True)}
CHECK = ["log"]
LOG = ["^smtp: "]
# Postfix also says what its check of host names dislikes.
LOG_DROP = ["valid_hostname: "]
DOMAINS = [*(f"mx{n}.test" for n in MX), "self.test", "proxy.test", "lo.test", "noaddr.test", "six.test", "aliased.test", "dangling.test", "two.test", "good.test", "nosuch.test", "nodot", "x_y.test",
           "[192.0.2.60]", "[192.0.2.61]", "[203.0.113.1]", "[127.0.0.1]", "[IPv6:2001:db8::10]"]
STEPS = [submit("Subject: x\n\nx\n", "-f", "carol@example.test", *[f"u@{d}" for d in DOMAINS])]
