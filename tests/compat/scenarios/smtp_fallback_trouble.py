# SPDX-License-Identifier: Apache-2.0
"""smtp_fallback_relay that refuses, is dead, has no host or is this system, after each kind of trouble; smtp_mx_session_limit and soft_bounce with it."""
from harness.dsl import *

MASTER = "f9 unix - - n - - smtp -o smtp_fallback_relay=sf.test\nf10 unix - - n - - smtp -o smtp_fallback_relay=self.test\nf2 unix - - n - - smtp -o smtp_fallback_relay=[dead.test],[relay.test]:26\nf3 unix - - n - - smtp -o smtp_fallback_relay=nohost.test\nf4 unix - - n - - smtp -o smtp_fallback_relay=[r4.test]\nf5 unix - - n - - smtp -o smtp_fallback_relay=[r5.test]\nf6 unix - - n - - smtp -o smtp_fallback_relay=null.test -o smtp_mx_session_limit=1\nf7 unix - - n - - smtp -o smtp_fallback_relay=[relay.test] -o smtp_mx_session_limit=1\nf8 unix - - n - - smtp -o smtp_fallback_relay=dead.test -o soft_bounce=yes\n"
D = ("d4", "d5", "nohost", "dead", "null", "self", "two4", "mixr", "dropd", "ok", "sf")
CONFIG = {"smtp_randomize_addresses": "no", "transport_maps": "inline:{ " + " ".join("{f%d.%s.test=f%d:%s.test}" % (n, d, n, d) for n in range(2, 11) for d in D) + " }"}
ZONE = {"d4.test": {"A": "192.0.2.60"}, "dead.test": {"A": "192.0.2.61"}, "r4.test": {"A": "192.0.2.62"}, "r5.test": {"A": "192.0.2.63"}, "null.test": {"MX": [(0, ".")]}, "self.test": {"A": "127.0.0.1"}, "d5.test": {"A": "192.0.2.64"}, "two4.test": {"MX": [(10, "d4.test"), (20, "d4b.test"), (30, "ok.test")]}, "d4b.test": {"A": "192.0.2.65"}, "mixr.test": {"A": "192.0.2.66"}, "dropd.test": {"A": "192.0.2.67"}, "ok.test": {"A": "192.0.2.68"}, "sf.test": "SERVFAIL"}
def s(a, script=None, **k): return sink(addr=f"192.0.2.{a}", name=f"s{a}.test", script=script or {}, show_message=False, sort=True, **k)
PEERS = {"d4": s(60, {"^RCPT": "450 4.1.0 d4"}), "r4": s(62, {"^RCPT": "450 4.1.0 r4"}), "r5": s(63, {"^RCPT": "550 5.1.0 r5"}), "d5": s(64, {"^RCPT": "550 5.1.0 d5"}), "d4b": s(65, {"^MAIL": "450 4.1.0 d4b"}), "mixr": s(66, {"^RCPT.*a@": "450 4.1.0 mixr"}), "dropd": s(67, {"^DOT": "DROP"}), "ok": s(68), "relay26": s(20, port=26), "relay": s(20)}
CHECK = ["log"]
LOG = ["smtp: "]
STEPS = [submit("Subject: x\n\nx\n", "-f", "carol@example.test", *[f"{u}@f{n}.{d}.test" for d in D for u in "ab"], idle=False) for n in range(2, 11)] + [wait_idle()]
