# SPDX-License-Identifier: Apache-2.0
"""Relay control: mynetworks, authorised destinations, relay_domains, permit_mx_backup."""
from harness.dsl import *

CONFIG = {"relay_domains": "relayed.test, sub.relayed.test"}
ZONE = {"relayed.test": {"MX": [(10, "mx1.dest.test")]}}
PEERS = {"mx1": sink()}
DIALOGUE = """
    EHLO client.example.net
    MAIL FROM:<x@example.net>
    RCPT TO:<u@dest.test>
    RCPT TO:<u@relayed.test>
    RCPT TO:<u@deep.sub.relayed.test>
    RCPT TO:<alice@example.test>
    RCPT TO:<u@dest.test@example.test>
    RCPT TO:<u%dest.test@example.test>
    RCPT TO:<dest.test!u@example.test>
    QUIT
"""
STEPS = [client(DIALOGUE, src="198.51.100.7"), client(DIALOGUE)]
