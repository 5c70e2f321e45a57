# SPDX-License-Identifier: Apache-2.0
"""HELO restrictions: required, invalid, non-FQDN, unknown, access table."""
from harness.dsl import *

CONFIG = {"smtpd_helo_required": "yes", "smtpd_delay_reject": "no",
          "smtpd_helo_restrictions": "check_helo_access inline:{{bad.test=REJECT} {text.test=550 5.7.7 go away}}, "
          "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname, reject_unknown_helo_hostname"}
ZONE = {"servfail.test": "SERVFAIL", "mxonly.test": {"MX": [(10, "mx1.dest.test")]}}
STEPS = [client("""
    MAIL FROM:<x@example.net>
    EHLO bad.test
    EHLO text.test
    EHLO foo_bar-.test
    EHLO localname
    EHLO nosuch.example.org
    EHLO servfail.test
    EHLO mxonly.test
    EHLO [198.51.100.7]
    EHLO [300.1.2.3]
    EHLO 198.51.100.7
    HELO client.example.net
    QUIT
""", src="198.51.100.7")]
