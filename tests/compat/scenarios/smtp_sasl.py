# SPDX-License-Identifier: Apache-2.0
"""SMTP client AUTH: password maps, mechanisms, failure, sender-dependent, required but not offered."""
from harness.dsl import *

CONFIG = {"smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": "inline:{ {a1.test=user:pass} {a2.test=user:wrong} {a3.test=user:pass} {[192.0.2.163]=lit:pw} {s@example.net=sender:spw} {a5.test=u:p} }", "smtp_sasl_security_options": "noanonymous", "smtp_sender_dependent_authentication": "yes", "smtp_sasl_mechanism_filter": "!login, static:all"}
ZONE = {f"a{n}.test": {"A": f"192.0.2.{160 + n}"} for n in (1, 2, 3, 4, 5)}
E = ["AUTH PLAIN LOGIN", "PIPELINING"]
PEERS = {"a1": sink(addr="192.0.2.161", name="a1.test", ehlo=E, show_message=False), "a2": sink(addr="192.0.2.162", name="a2.test", ehlo=E, script={"^AUTH": "535 5.7.8 bad credentials"}, show_message=False), "a3": sink(addr="192.0.2.163", name="a3.test", show_message=False),
         "a4": sink(addr="192.0.2.164", name="a4.test", ehlo=E, show_message=False), "a5": sink(addr="192.0.2.165", name="a5.test", ehlo=["AUTH LOGIN"], show_message=False)}
STEPS = [msg("box@virt.test", f"u@a{n}.test") for n in (1, 2, 3, 4, 5)] + [msg("s@example.net", "u@a4.test"), msg("box@virt.test", "u@[192.0.2.163]"), cmd("postqueue", "-p")]
