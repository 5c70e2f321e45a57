# SPDX-License-Identifier: Apache-2.0
"""transport_maps lookups: address, domain, parent domain, nexthop forms, relayhost, sender_dependent_*, [literal]."""
from harness.dsl import *

CONFIG = {"transport_maps": "texthash:@CONFIG@/transport", "relayhost": "[relay.test]:2500", "sender_dependent_relayhost_maps": "inline:{ {sdr@example.net=[192.0.2.21]:2501} {@sdd.test=[192.0.2.21]:2501} }",
          "sender_dependent_default_transport_maps": "inline:{ {sdt@example.net=smtp:[192.0.2.22]:2502} }", "recipient_delimiter": "+"}
FILES = {"transport": table("""
    user@dest.test          smtp:[192.0.2.30]
    ext+x@dest.test         smtp:[192.0.2.31]
    dest.test               smtp:[192.0.2.32]
    .dest.test              smtp:[192.0.2.33]:2533
    empty.test              :
    nexthop.test            :[192.0.2.34]
    trans.test              relay:
    """)}
PEERS = {f"h{n}": sink(addr=f"192.0.2.{n}", port=p, show_message=False, name=f"h{n}.test") for n, p in
         ((20, 2500), (21, 2501), (22, 2502), (30, 25), (31, 25), (32, 25), (33, 2533), (34, 25), (10, 25))}
ZONE = {"empty.test": {"MX": [(10, "mx1.dest.test")]}, "trans.test": {"MX": [(10, "mx1.dest.test")]}, "other.test": {"MX": [(10, "mx1.dest.test")]}}
STEPS = [submit("Subject: t\n\nx\n", "-f", s, r) for s, r in (("a@example.net", "user@dest.test"), ("a@example.net", "user+e@dest.test"), ("a@example.net", "ext+x@dest.test"), ("a@example.net", "q@dest.test"),
         ("a@example.net", "q@sub.dest.test"), ("a@example.net", "q@empty.test"), ("a@example.net", "q@nexthop.test"), ("a@example.net", "q@trans.test"), ("a@example.net", "q@other.test"), ("sdr@example.net", "q@other.test"),
         ("z@sdd.test", "q@other.test"), ("sdt@example.net", "q@other.test"), ("a@example.net", "q@[192.0.2.34]"))]
