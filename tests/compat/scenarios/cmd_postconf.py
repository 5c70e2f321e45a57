# SPDX-License-Identifier: Apache-2.0
"""postconf: -n, -h, -x, -d for some names, -H, -p, -o, -P, -M, -F, unknown names."""
from harness.dsl import *

START = False
CONFIG = {"foo": "bar $baz", "baz": "qux", "unused_thing": "1", "smtpd_banner": "$myhostname ESMTP $mail_name", "relay_domains": "a.test,\n  b.test", "cond": "${baz?yes}${nosuch:no} ${{$baz} == {qux} ? {eq} : {ne}}", "smtpd_recipient_restrictions": "$foo, reject", "in_flow_delay": "0", "nested": "$(cond) $$x"}
MASTER = """
submission inet n - n - 5 smtpd
  -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt
  -o { smtpd_client_restrictions = permit_mynetworks, reject }
  -o mypar=$foo
"""
STEPS = [cmd("postconf", "-n", stderr=False), cmd("postconf", "-n"), cmd("postconf", "-h", "myhostname", "mydestination"), cmd("postconf", "-x", "smtpd_banner", "cond", "nested", "foo"), cmd("postconf", "-hx", "cond"), cmd("postconf", "-d", "smtpd_banner", "message_size_limit", "mynetworks_style", "smtpd_relay_restrictions", "maximal_queue_lifetime", "local_recipient_maps"),
         cmd("postconf", "-dx", "smtpd_banner", "virtual_transport", "relay_transport", "fallback_transport"), cmd("postconf", "-H", "myhostname", "relay_domains"), cmd("postconf", "relay_domains", "nosuchparam", "baz"), cmd("postconf", "-o", "myhostname=other.test", "-x", "smtpd_banner"), cmd("postconf", "-M"), cmd("postconf", "-M", "smtp/unix", "submission/inet"), cmd("postconf", "-M", "submission"),
         cmd("postconf", "-F", "submission/inet"), cmd("postconf", "-F", "*/inet/command"), cmd("postconf", "-P"), cmd("postconf", "-P", "submission/inet/mypar", "submission/inet/syslog_name"), cmd("postconf", "-Px", "submission/inet/mypar"), cmd("postconf", "-fM", "submission/inet"), cmd("postconf", "-nf", "relay_domains"), cmd("postconf", "-C", "builtin", "-h", "myhostname"), cmd("postconf", "-p", "-h", "queue_directory")]
