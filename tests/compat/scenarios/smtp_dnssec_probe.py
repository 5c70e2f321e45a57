# SPDX-License-Identifier: Apache-2.0
"""dnssec_probe: when a process that wants secure answers gets an insecure one first; and host lookups that DNS fails to answer."""
from harness.dsl import *

# Services, each a process of its own, with their probes.
PROBES = {"root": None, "empty": "", "gone": "a:gone.test", "fail": "a:fail.test", "good": "mx:good.test",
          "plain": "ns:host.test", "sure": "ns:.", "nomx": "ns:."}
HOPS = {"sure": "[good.test]", "nomx": "good.test"}
MASTER = "".join(f"{n} unix - - n - - smtp" + ("" if v is None else f" -o dnssec_probe={v}") + "\n" for n, v in PROBES.items())
MASTER += "off unix - - n - - smtp -o smtp_dns_support_level=enabled\n"
CONFIG = {"smtp_dns_support_level": "dnssec", "smtp_host_lookup": "dns, native",
          "transport_maps": "inline:{ " + " ".join(f"{{{n}.test={n}:{HOPS.get(n, '[host.test]')}}}" for n in PROBES) +
                            " {two.test=root:[host.test]} {never.test=root:[fail.test]} {off.test=off:[fail.test]} }"}
ZONE = {"host.test": {"A": "192.0.2.140", "NS": ["ns.test"]}, "fail.test": "SERVFAIL",
        "good.test": {"A": "192.0.2.140", "secure": True}}
PEERS = {"p": sink(addr="192.0.2.140", name="p.test", show_message=False)}
CHECK = ["log"]
LOG = ["^smtp: "]
STEPS = [sh("echo '192.0.2.140 fail.test' >> /etc/hosts")]
STEPS += [msg("box@virt.test", f"u@{n}.test") for n in (*PROBES, "two", "never", "off")]
