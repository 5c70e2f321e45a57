# SPDX-License-Identifier: Apache-2.0
"""anvil under a real master: counts, rates, and what a dead client leaves behind."""
import shutil
import socket
import struct

from postern import DAEMONS
from test_master import system, wait        # noqa: F401 (a fixture)

LINE = "anvil unix - - n - 1 anvil\n"


class Client:
    """One process's connection to anvil: framed calls (length, id, attributes)."""

    def __init__(self, path, protocol="anvil_protocol"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(path)
        self.number = 0
        self.send(0xFFFFFFFF, protocol=protocol, version=1)

    def send(self, number, **attributes):
        """One frame."""
        text = "".join(f"{k}\0{v}\0" for k, v in attributes.items()) + "\0"
        self.socket.sendall(struct.pack(">II", len(text), number) + text.encode())

    def call(self, request, **attributes):
        """Sends a request, returns the attributes of the reply."""
        self.number += 1
        self.send(self.number, request=request, **attributes)
        length, number = struct.unpack(">II", self.receive(8))
        assert number == self.number
        words = self.receive(length).decode().split("\0")
        return {k: v for k, v in zip(words[0::2], words[1::2]) if k}

    def receive(self, count):
        """Exactly so many bytes."""
        got = b""
        while len(got) < count:
            more = self.socket.recv(count - len(got))
            assert more, "connection closed"
            got += more
        return got


def start(system, main=""):
    """A system whose only service is anvil; returns its socket."""
    shutil.copy(f"{DAEMONS}/anvil", f"{system.root}/libexec/")
    system.start(LINE, main)
    return f"{system.root}/queue/private/anvil"


def test_counts_and_rates(system):
    path = start(system, "anvil_rate_time_unit = 2s\nanvil_status_update_time = 1s\n")
    one, two = Client(path), Client(path)
    who = {"service": "smtp", "client": "192.0.2.1"}
    assert one.call("connect", **who, connection=7) == {"status": "ok", "count": "1", "rate": "1"}
    assert two.call("connect", **who, connection=7)["count"] == "2"
    assert one.call("connect", **who, connection=7)["count"] == "2"         # repeated, as after a lost connection
    assert one.call("count", **who, event=1)["rate"] == "1"
    assert two.call("count", **who, event=1)["rate"] == "2"
    assert one.call("lookup", **who)["mail"] == "2"
    # A worker that dies takes its connections along.
    two.socket.close()
    wait(lambda: one.call("lookup", **who)["count"] == "1")
    assert one.call("disconnect", connection=7)["count"] == "0"
    system.wait_log(r"statistics: max connection rate 2/2s for \(smtp:192.0.2.1\) at \w{3} [ \d]\d \d\d:\d\d:\d\d\n")
    wait(lambda: one.call("lookup", **who)["mail"] == "0")


def test_bad_requests_cost_only_their_connection(system):
    path = start(system)
    good = Client(path)
    assert good.call("count", service="a", client="b", event=99)["status"] != "ok"
    assert good.call("nosuch")["status"] != "ok"
    wrong = Client(path, protocol="tlsmgr_protocol")
    assert wrong.socket.recv(1) == b""
    assert good.call("lookup", service="a", client="b")["status"] == "ok"
