# SPDX-License-Identifier: Apache-2.0
"""Delivery over IPv6, address preference, IPv6 literal."""
from harness.dsl import *

CONFIG = {"inet_protocols": "all", "smtp_address_preference": "ipv6", "inet_interfaces": "127.0.0.1, ::1"}
ZONE = {"six.test": {"AAAA": "2001:db8::10"}, "both.test": {"AAAA": "2001:db8::11", "A": "192.0.2.10"}}
PEERS = {"six": sink(addr="2001:db8::10", show_message=False, sort=True), "four": sink(addr="192.0.2.10", show_message=False)}
STEPS = [msg("box@virt.test", r) for r in ("u@six.test", "u@[IPv6:2001:db8::10]", "u@both.test")]
