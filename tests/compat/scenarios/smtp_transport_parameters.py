# SPDX-License-Identifier: Apache-2.0
"""Parameters of one transport: bind address, HELO name, quoting, line length, QUIT, soft_bounce, 5xx greeting."""
from harness.dsl import *

O = {"bind": "smtp_bind_address=192.0.2.5", "bindbad": "smtp_bind_address=10.9.9.9", "bindenf": "smtp_bind_address=10.9.9.9 -o smtp_bind_address_enforce=yes", "helo": "smtp_helo_name=[192.0.2.5]", "noskip": "smtp_skip_5xx_greeting=no", "noquote": "smtp_quote_rfc821_envelope=no", "never": "smtp_never_send_ehlo=yes", "waitquit": "smtp_skip_quit_response=no", "line50": "smtp_line_length_limit=50", "line0": "smtp_line_length_limit=0", "soft": "soft_bounce=yes", "size": "smtp_discard_ehlo_keywords=silent-discard,size,foo", "myh": "myhostname=other.test", "bindall": "smtp_bind_address=0.0.0.0"}
MASTER = "".join(f"{n} unix - - n - - smtp -o {v}\n" for n, v in O.items())
CONFIG = {"transport_maps": "inline:{ " + " ".join("{%s.test=%s:[192.0.2.60]} {g%s.test=%s:[192.0.2.61]}" % (n, n, n, n) for n in O) + " }", "recipient_delimiter": "+", "allow_min_user": "yes"}
PEERS = {"ok": sink(addr="192.0.2.60", name="good.test", sort=True, script={"^RCPT.*u4@": "450 4.9.9 x", "^RCPT.*u5@": "550 5.9.9 x"}), "g5": sink(addr="192.0.2.61", script={"^CONNECT": "554 5.7.1 no greeting"}, sort=True)}
B = "Subject: x\n\n" + "a" * 49 + "\n" + "b" * 50 + "\n" + "c" * 51 + "\n" + "." + "d" * 120 + "\n\n" + ("e" * 49 + ".") * 3 + "\n"
STEPS = [submit(B, "-f", '"a b"@example.test' if n == "noquote" else "carol@example.test", f'"x y"@{n}.test' if n == "noquote" else f"u@{n}.test", f"u4@{n}.test", f"u5@{n}.test", idle=False) for n in O] + [submit("Subject: x\n\nx\n", "-f", "carol@example.test", f"u@g{n}.test", idle=False) for n in ("noskip", "soft")] + [wait_idle(), cmd("postqueue", "-p")]
