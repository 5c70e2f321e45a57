# SPDX-License-Identifier: Apache-2.0
"""non_smtpd_milters for sendmail(1) mail, two milters in sequence, milter_mail_macros, internal_mail_filter_classes."""
from harness.dsl import *

CONFIG = {"milter_default_action": "tempfail", "non_smtpd_milters": "inet:127.0.0.1:10050, inet:127.0.0.1:10051", "internal_mail_filter_classes": "bounce", "milter_mail_macros": "i {mail_addr} {tls_version}", "milter_macro_daemon_name": "FILTER", "milter_connect_macros": "j {daemon_name} v"}
PEERS = {"one": milter(macros=True, script={"^eom": (("addheader", "X-One", "1"), "continue")}), "two": milter(port=10051, show=("header", "eom"), script={"^header Subject . stop": "reject", "^eom": (("addheader", "X-Two", "2"), "accept")})}
STEPS = [submit("Subject: local\n\nx\n", "-f", "carol@example.test", "u1@virt.test"), submit("Subject: stop\n\nx\n", "-f", "carol@example.test", "u1@virt.test")]
