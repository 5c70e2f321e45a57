# SPDX-License-Identifier: Apache-2.0
"""Milter changes: add, insert, change and delete headers, add and delete recipients, change sender, replace body."""
from harness.dsl import *

CONFIG = {"milter_default_action": "tempfail", "smtpd_milters": "inet:127.0.0.1:10050", "milter_header_checks": "regexp:@CONFIG@/mhc"}
FILES = {"mhc": "/^X-Added: drop/ IGNORE\n/^X-Added: warn/ WARN seen\n"}
PEERS = {"milter": milter(script={"^eom": (("addheader", "X-Added", "one"), ("addheader", "X-Added", "drop me"), ("addheader", "X-Added", "warn me"), ("insheader", 0, "X-First", "top"), ("insheader", 1, "X-Second", "second"), ("insheader", 99, "X-Last", "end"),
         ("chgheader", 1, "Subject", "changed"), ("chgheader", 2, "X-Dup", ""), ("chgheader", 1, "X-New", "appended by change"), ("addheader", "X-Multi", "line one\n\tline two"), ("addrcpt", "<u2@virt.test>"), ("delrcpt", "<alice@example.test>"),
         ("chgfrom", "<new@example.net>"), ("replbody", "new body\r\n"), ("replbody", "second part\r\n"), "accept")})}
STEPS = [msg("a@example.net", "u1@virt.test", "alice@example.test", body="Subject: old\nX-Dup: 1\nX-Dup: 2\nX-Dup: 3\n\nold body")]
