# SPDX-License-Identifier: Apache-2.0
"""Outgoing verify and secure: good, wrong name, unknown CA, self-signed, expired; match attributes."""
from harness.dsl import *

CONFIG = {"smtp_tls_policy_maps": "inline:{ {v1.test=verify} {v2.test=verify} {v3.test=verify match=mx1.dest.test} {v4.test=verify match=mx1.dest.test} {v5.test=verify match=mx1.dest.test} {s1.test=secure} {s2.test=secure match=mx1.dest.test} {s3.test=secure match=nexthop:dot-nexthop} {s4.test=verify match=.dest.test servername=sni.test} }",
          "smtp_tls_CAfile": "@CERTS@/ca.pem", "smtp_tls_loglevel": "1"}
HOSTS = {"v1": "mx1", "v2": "wrong", "v3": "other", "v4": "self", "v5": "expired", "s1": "mx1", "s2": "mx1", "s3": "dest", "s4": "dest"}
ZONE = dict({f"{n}.test": {"MX": [(10, f"mx1.{n}.test")]} for n in HOSTS}, **{f"mx1.{n}.test": {"A": f"192.0.2.{120 + i}"} for i, n in enumerate(HOSTS)})
ZONE["v1.test"] = ZONE["v3.test"] = {"MX": [(10, "mx1.dest.test")]}
ZONE["v3.test"] = {"MX": [(10, "mx1.v3.test")]}
ZONE["mx1.dest.test"] = {"A": "192.0.2.120"}
PEERS = {n: sink(addr=f"192.0.2.{120 + i}", name=f"mx1.{n}.test", cert=c, show_message=False) for i, (n, c) in enumerate(HOSTS.items())}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in HOSTS] + [cmd("postqueue", "-p")]
