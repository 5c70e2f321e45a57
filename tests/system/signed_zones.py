# SPDX-License-Identifier: Apache-2.0
"""A small signed part of DNS: nsd serves zones that ldns-signzone signed, unbound resolves and validates.

Everything is below "test.", whose key is the trust anchor. A zone may be signed well, with signatures that have
expired, not signed, or missing at its name server ("gone"); and what was signed may be changed afterwards."""
import contextlib
import glob
import os
import socket
import struct
import subprocess

import clients

SERVER, RESOLVER = "127.0.0.54", "127.0.0.53"
EXPIRED = ["-i", "20200101000000", "-e", "20200201000000"]

NSD = """\
server:
  ip-address: {server}@53
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{root}"
  pidfile: "{root}/nsd.pid"
  xfrdfile: "{root}/xfrd.state"
  zonelistfile: "{root}/zone.list"
  xfrdir: "{root}"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
UNBOUND = """\
server:
  interface: {resolver}
  username: ""
  chroot: ""
  directory: "{root}"
  pidfile: ""
  use-syslog: no
  num-threads: 1
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  trust-anchor-file: "{root}/anchor"
  module-config: "validator iterator"
  local-zone: "test." nodefault
remote-control:
  control-enable: no
stub-zone:
  name: "test."
  stub-addr: {server}
"""


def library_path():
    """Where the unpacked programs' libraries are; the folder has the machine's name in it."""
    found = glob.glob(f"{clients.TREE}/usr/lib/*-linux-gnu*")
    return ":".join(found)


def program(name, *args):
    """argv of one of the unpacked programs."""
    path = next(p for p in (f"{clients.TREE}/usr/{d}/{name}" for d in ("sbin", "bin")) if os.path.exists(p))
    return ["/usr/bin/env", f"LD_LIBRARY_PATH={library_path()}", path, *args]


def run(root, name, *args):
    p = subprocess.run(program(name, *args), cwd=root, capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, f"{name}: {p.stdout}{p.stderr}"
    return p.stdout.strip()


class Zones:
    """Zones in ROOT: add() each, then write()."""

    def __init__(self, root):
        self.root, self.zones = root, {}

    def add(self, name, records, state="signed", change=None):
        """RECORDS are lines of a zone file; STATE signed, expired, unsigned or gone. CHANGE: pairs (old, new) of texts in
        the signed file, which make it bogus."""
        self.zones[name] = (records, state, change)

    def write(self):
        parent = []
        for name, (records, state, change) in self.zones.items():
            parent += [f"{name}. NS ns.test."]
            if state == "gone":
                continue
            parent += self._write(name, records, state, change)
        anchor = self._write("test", parent, "signed", None)
        with open(f"{self.root}/anchor", "w") as f:
            f.write("\n".join(anchor) + "\n")
        with open(f"{self.root}/nsd.conf", "w") as f:
            f.write(NSD.format(server=SERVER, root=self.root))
            # Of a zone that it should have and has not, nsd says SERVFAIL.
            for name in [*self.zones, "test"]:
                f.write(f"zone:\n  name: \"{name}\"\n  zonefile: \"{self.root}/{name}.zone\"\n")
        with open(f"{self.root}/unbound.conf", "w") as f:
            f.write(UNBOUND.format(server=SERVER, resolver=RESOLVER, root=self.root))

    def _write(self, name, records, state, change):
        """Returns the DS records."""
        head = [f"$ORIGIN {name}.", "$TTL 300", f"{name}. SOA ns.test. root.test. 1 300 300 300 300",
                f"{name}. NS ns.test."]
        if name == "test":
            head += [f"ns A {SERVER}"]
        target = f"{self.root}/{name}.zone"
        with open(target, "w") as f:
            f.write("\n".join(head + records) + "\n")
        if state == "unsigned":
            return []
        key = run(self.root, "ldns-keygen", "-a", "ECDSAP256SHA256", "-k", f"{name}.")
        run(self.root, "ldns-signzone", "-f", f"{target}.signed", *(EXPIRED if state == "expired" else []), target, key)
        with open(f"{target}.signed") as f:
            text = f.read()
        for old, new in change or []:
            assert old in text, f"{old} is not in {target}"
            text = text.replace(old, new)
        with open(target, "w") as f:
            f.write(text)
        with open(f"{self.root}/{key}.ds") as f:
            return f.read().splitlines()

    @contextlib.contextmanager
    def served(self):
        """nsd and unbound, until the end of the context."""
        with clients.daemon(program("nsd", "-d", "-c", f"{self.root}/nsd.conf"), f"{self.root}/nsd.log",
                            lambda: answer(SERVER, "test", 6)), \
                clients.daemon(program("unbound", "-d", "-c", f"{self.root}/unbound.conf"), f"{self.root}/unbound.log",
                               lambda: answer(RESOLVER, "test", 6) & 0x20):
            yield self


def answer(server, name, kind):
    """The flags of the answer to a question, 0 without one."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        try:
            # RD and AD: whoever sets AD wants to know.
            s.sendto(struct.pack("!6H", 1, 0x0120, 1, 0, 0, 0) + question + struct.pack("!2H", kind, 1), (server, 53))
            return struct.unpack("!6H", s.recv(4096)[:12])[1]
        except OSError:
            return 0
