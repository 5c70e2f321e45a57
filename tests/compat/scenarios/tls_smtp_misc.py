# SPDX-License-Identifier: Apache-2.0
"""Client certificate, wrapper mode (smtps), SNI, smtp_tls_note_starttls_offer, LMTP with TLS."""
from harness.dsl import *

CONFIG = {"smtp_tls_note_starttls_offer": "yes", "smtp_tls_loglevel": "1", "transport_maps": "inline:{ {cc.test=cc:} {wrap.test=wrap:[192.0.2.151]:465} {lm.test=lmtptls:inet:192.0.2.153:24} }", "lmtp_tls_security_level": "encrypt"}
MASTER = """
cc unix - - n - - smtp
  -o smtp_tls_security_level=encrypt -o smtp_tls_cert_file=@CERTS@/client.pem -o smtp_tls_key_file=@CERTS@/client.key -o smtp_tls_servername=hostname
wrap unix - - n - - smtp
  -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=encrypt
lmtptls unix - - n - - lmtp
"""
ZONE = {"cc.test": {"A": "192.0.2.150"}, "offer.test": {"A": "192.0.2.152"}}
PEERS = {"cc": sink(addr="192.0.2.150", name="cc.test", cert="mx1", ask_cert=True), "wrap": sink(addr="192.0.2.151", port=465, cert="mx1", wrapper=True, show_message=False),
         "offer": sink(addr="192.0.2.152", name="offer.test", cert="mx1", show_message=False), "lm": sink(addr="192.0.2.153", port=24, cert="mx1", lmtp=True, show_message=False)}
STEPS = [msg("box@virt.test", f"u@{n}.test") for n in ("cc", "wrap", "offer", "lm")]
