# SPDX-License-Identifier: Apache-2.0
"""Many sessions at once: in how many processes, in how much memory, and where the limit is."""
import os
import resource
import select
import socket

import pytest

from postern import PACKAGE, SANITIZED, process_file

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="the package has a process per session")]
SESSIONS, BATCH = 5000, 200
OPEN_ANVIL = {"smtpd_client_connection_count_limit": "0", "smtpd_timeout": "300s"}


class Crowd:
    """Clients that have said EHLO and then say nothing."""

    def __init__(self, inst):
        self.inst, self.sockets = inst, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.sockets:
            client.close()

    def join(self, sources):
        """One session from each address, all waited for."""
        new = [socket.create_connection((self.inst.address, self.inst.port), 30, (source, 0)) for source in sources]
        self.sockets += new
        for client in new:
            assert read_reply(client).startswith(b"220 ")
            client.sendall(b"EHLO client.example.net\r\n")
        for client in new:
            assert b"250 " in read_reply(client)


def read_reply(client):
    """One reply, as far as its last line; each is its own segment here."""
    got = b""
    while not (got.endswith(b"\r\n") and got.split(b"\r\n")[-2][3:4] == b" "):
        piece = client.recv(4096)
        assert piece, f"closed after {got!r}"
        got += piece
    return got


def memory(inst):
    """Proportional set size of all processes, in kB."""
    total = 0
    for pid in inst.pids():
        lines = process_file(pid, "smaps_rollup").splitlines()
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total


@pytest.fixture
def descriptors():
    """As many as we may have, for us and, by inheritance, for the system under test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(before[1], 2 * SESSIONS + 2000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer needs memory of its own")
def test_idle_sessions(make, descriptors, capsys):
    """5,000 sessions from 5,000 addresses: at most one smtpd per core, under 64 kB each, and mail still flows."""
    inst = make({"smtpd_timeout": "300s"})
    inst.send("u1@virt.test")
    inst.wait_mail("vmail/u1")
    sources = [f"127.9.{n // 250}.{n % 250 + 1}" for n in range(SESSIONS)]
    with Crowd(inst) as crowd:
        before = memory(inst)
        for at in range(0, SESSIONS, BATCH):
            crowd.join(sources[at:at + BATCH])
        each = (memory(inst) - before) / SESSIONS
        workers = inst.workers("smtpd")
        with capsys.disabled():
            print(f"\n{SESSIONS} sessions in {len(workers)} smtpd, {each:.1f} kB each")
        assert len(workers) <= os.cpu_count()
        assert each < 64
        for client in crowd.sockets[::50]:
            client.sendall(b"NOOP\r\n")
            assert read_reply(client) == b"250 2.0.0 Ok\r\n"
        inst.send("u1@virt.test", text="Subject: in between\n\nbody\n")
        inst.wait_mail("vmail/u1", 2)
    inst.wait_log("disconnect from", SESSIONS, 60)


def test_maxproc_limits_sessions_exactly(make):
    """With maxproc 20: twenty sessions, each in a process of its own; who comes later waits in the backlog."""
    inst = make(OPEN_ANVIL, "127.0.0.1:2526 inet n - n - 20 smtpd\n")
    waiting = [socket.create_connection(("127.0.0.1", 2526), 30) for _ in range(30)]
    served = []

    def greeted(timeout):
        ready = select.select(waiting, [], [], timeout)[0]
        for client in ready:
            assert read_reply(client).startswith(b"220 ")
            waiting.remove(client)
            served.append(client)
        return ready
    try:
        inst.wait(lambda: greeted(0.1) and False or len(served) >= 20, 20, "20 sessions")
        assert len(inst.workers("smtpd")) == 20
        while waiting:
            assert not greeted(0.3), "one session too many"
            leaving = served.pop(0)
            leaving.sendall(b"QUIT\r\n")
            assert read_reply(leaving).startswith(b"221 ")
            leaving.close()
            inst.wait(lambda: greeted(0.1), 20, "the next in the backlog")
            assert len(served) == 20
    finally:
        for client in waiting + served:
            client.close()
