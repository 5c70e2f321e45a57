# SPDX-License-Identifier: Apache-2.0
"""TLS connections that are left with scache: used again where the same is asked for, and given up where anything is
different or wrong. The peer counts: one session is one handshake."""
import os
import shutil
import signal
import socket

import pytest

from harness.instance import CERTS
from harness.peers import SmtpSink

pytestmark = pytest.mark.root

CONFIG = {"smtp_tls_security_level": "encrypt", "smtp_tls_loglevel": "1", "smtp_tls_CAfile": f"{CERTS}/ca.pem",
          "smtp_connection_cache_destinations": "dest.test other.test", "smtp_connection_cache_time_limit": "60s",
          "connection_cache_ttl_limit": "60s"}


class Server(SmtpSink):
    """The sink, whose TLS connections a test may close."""

    def __init__(self, **kw):
        super().__init__("192.0.2.10", cert="mx1", **kw)
        self.tls = []

    def serve(self, conn, log):
        try:
            super().serve(conn, log)
        finally:
            for sock, of in self.tls:
                if of is log:
                    sock.close()

    def _handshake(self, conn, log):
        secure = super()._handshake(conn, log)
        self.tls.append((secure, log))
        return secure

    def commands(self):
        return [line[3:] for session in self.sessions for line in session if line.startswith("C: ")]


@pytest.fixture
def server(request):
    peer = Server(**getattr(request, "param", {}))
    peer.start()
    yield peer
    peer.stop()


def deliver(inst, recipient="u@dest.test"):
    """Send one message and wait until it has left; returns its line of the log."""
    before = len(inst.log_text()) - inst.log_start
    inst.send(recipient, sender="a@example.test")
    inst.wait_idle()
    line, = [m for m in inst.wait_log(r"postfix/smtp\[\d+\]: .* to=<.*") if m.start() > before]
    return line[0]


def test_two_messages_one_handshake(make, server):
    inst = make(CONFIG)
    assert "conn_use" not in deliver(inst)
    assert ", conn_use=2, " in deliver(inst)
    assert ", conn_use=3, " in deliver(inst)
    assert len(server.tls) == 1
    inst.wait_log(r"smtp\[\d+\]: Trusted TLS connection established to mx1\.dest\.test\[192\.0\.2\.10\]:25: TLSv1\.3 ")
    inst.wait_log(r"smtp\[\d+\]: Trusted TLS connection reused to mx1\.dest\.test\[192\.0\.2\.10\]:25: TLSv1\.3 ", 2)
    assert server.commands().count("RSET") == 2


def test_another_domain_of_the_same_server(make, server, zone):
    zone["other.test"] = {"MX": [(10, "mx1.dest.test")]}
    inst = make(CONFIG)
    deliver(inst)
    assert ", conn_use=2, " in deliver(inst, "u@other.test")
    assert len(server.tls) == 1


@pytest.mark.parametrize("policy", [
    "may", "encrypt ciphers=high", "encrypt protocols=TLSv1.3", "encrypt servername=mx1.dest.test",
    "verify match=mx1.dest.test", "secure match=wrong.test", "fingerprint match=" + ":".join(["5A"] * 32)])
def test_policies_do_not_share(make, server, zone, policy):
    zone["other.test"] = {"MX": [(10, "mx1.dest.test")]}
    inst = make({**CONFIG, "smtp_tls_policy_maps": "inline:{{other.test = %s}}" % policy})
    deliver(inst)
    line = deliver(inst, "u@other.test")
    assert len(server.tls) == 2 and "conn_use" not in line
    wrong = "wrong" in policy or "fingerprint" in policy
    assert ("status=deferred (Server certificate not verified)" if wrong else "status=sent") in line
    # Nor in the other direction; the first one is still there.
    assert ", conn_use=2, " in deliver(inst)
    assert len(server.tls) == 2


@pytest.mark.parametrize("settings", [{"smtp_tls_connection_reuse": "no"},
                                      {"smtp_tls_policy_maps": "inline:{{dest.test = encrypt connection_reuse=no}}"}])
def test_no_reuse(make, server, settings):
    inst = make({**CONFIG, **settings})
    assert "conn_use" not in deliver(inst) + deliver(inst)
    assert len(server.tls) == 2 and server.commands().count("QUIT") == 2


def test_count_limit(make, server):
    inst = make({**CONFIG, "smtp_connection_reuse_count_limit": "2"})
    lines = [deliver(inst) for _ in range(4)]
    assert ["conn_use=2" in line for line in lines] == [False, True, False, True]
    assert len(server.tls) == 2


def test_peer_that_closes_while_its_connection_is_kept(make, server):
    inst = make(CONFIG)
    deliver(inst)
    server.tls[0][0].shutdown(socket.SHUT_RDWR)
    line = deliver(inst)
    assert "status=sent" in line and "conn_use" not in line
    assert len(server.tls) == 2


@pytest.mark.parametrize("server", [{"script": {"^RSET": "DROP"}}, {"script": {"^RSET": "421 4.3.2 going"}}],
                         indirect=True)
def test_peer_that_does_not_go_on(make, server):
    inst = make(CONFIG)
    deliver(inst)
    line = deliver(inst)
    assert "status=sent" in line and "conn_use" not in line
    assert len(server.tls) == 2


@pytest.mark.alarms
@pytest.mark.parametrize("program", ["tlsproxy", "scache", "smtp"])
def test_killed_while_connections_are_kept(make, server, program):
    inst = make(CONFIG)
    deliver(inst)
    pids = inst.workers(program)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    inst.wait(lambda: not set(pids) & set(inst.workers(program)), 20, "the end")
    line = deliver(inst)
    assert "status=sent" in line
    # A connection needs the tlsproxy that it runs through and the scache that holds it; nobody else.
    assert (", conn_use=2, " in line) == (program == "smtp")
    assert ", conn_use=" in deliver(inst)


def test_renewed_certificate_wants_a_new_connection(make, server):
    inst = make(CONFIG, start=False)
    for name in ("client", "stranger"):
        for kind in ("pem", "key"):
            shutil.copy(f"{CERTS}/{name}.{kind}", f"{inst.root}/{name}.{kind}")
    inst.configure(smtp_tls_cert_file=f"{inst.root}/client.pem", smtp_tls_key_file=f"{inst.root}/client.key",
                   tls_key_check_interval="1s")
    inst.start()
    deliver(inst)
    assert ", conn_use=2, " in deliver(inst)
    for kind in ("key", "pem"):
        os.replace(f"{inst.root}/stranger.{kind}", f"{inst.root}/client.{kind}")
    # Once tlsproxy works with the new ones, and never before a message has left.
    inst.wait(lambda: "conn_use" not in deliver(inst), 30, "a new connection")
    assert ", conn_use=2, " in deliver(inst)
    assert len(server.tls) == 2


@pytest.mark.parametrize("server", [{"script": {"^TLS": "FAIL"}, "sort": True}], indirect=True)
def test_plaintext_that_one_message_was_allowed_is_not_for_others(make, server):
    inst = make({**CONFIG, "smtp_tls_security_level": "may", "minimal_backoff_time": "1s", "queue_run_delay": "1s"})
    inst.send("old@dest.test", sender="a@example.test")
    inst.wait_log(r"to=<old@dest\.test>, .*status=deferred \(Cannot start TLS: handshake failure\)")
    inst.wait_log(r"to=<old@dest\.test>, .*status=sent")
    inst.send("new@dest.test", sender="a@example.test")
    line, *_ = inst.wait_log(r"to=<new@dest\.test>, .*")
    assert "status=deferred (Cannot start TLS: handshake failure)" in line[0]
