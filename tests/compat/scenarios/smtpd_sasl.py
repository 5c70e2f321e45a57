# SPDX-License-Identifier: Apache-2.0
"""SMTP AUTH through a Dovecot-protocol server: PLAIN, LOGIN, failure, abort, sender login maps."""
from harness.dsl import *

CONFIG = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth",
          "smtpd_sasl_local_domain": "realm.test", "smtpd_sasl_authenticated_header": "yes", "broken_sasl_auth_clients": "yes",
          "smtpd_sender_login_maps": "inline:{ {fred@example.net=fred} }",
          "smtpd_sender_restrictions": "reject_sender_login_mismatch",
          "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
          "smtpd_error_sleep_time": "0"}
PEERS = {"auth": dovecot_auth(users={"fred": "secret"}, tempfail=("temp",)), "mx1": sink()}
STEPS = [client("""
    EHLO x.test
    AUTH
    AUTH FOO
    AUTH PLAIN !!!
    @auth plain fred wrong
    @auth plain temp x
    AUTH LOGIN
    *
    MAIL FROM:<fred@example.net>
    RCPT TO:<u@dest.test>
    RSET
    @auth login fred secret
    @auth plain fred secret
    MAIL FROM:<other@example.net> AUTH=<>
    RCPT TO:<u@dest.test>
    RSET
    MAIL FROM:<fred@example.net>
    RCPT TO:<u@dest.test>
    DATA
    Subject: auth

    x
    .
    QUIT
""", src="198.51.100.7")]
