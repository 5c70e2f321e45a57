# SPDX-License-Identifier: Apache-2.0
"""smtp_tls_fallback_delay: the second failed handshake with a destination, and only that, leads to cleartext."""
import glob
import os
import re
import signal
import socket
import time

import pytest

from debian import Debian, Ours
from postern import PACKAGE
from harness.peers import SmtpSink

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="Postfix has no such parameter")]

FAILED = r"to=<u@%s>.* status=deferred \(Cannot start TLS: handshake failure\)"
SENT = r"to=<u@%s>.* status=sent"


def sink(addr, name, broken=True):
    server = SmtpSink(addr, 25, name=name, cert="mx1", script={"^TLS": "FAIL"} if broken else {}, show_message=False)
    server.start()
    return server


def clear_mail(server):
    return sum("C: STARTTLS" not in session and any(line.startswith("C: MAIL") for line in session)
               for session in server.sessions)


@pytest.fixture
def broken(zone):
    """Two servers that cannot do the handshake that they offer."""
    zone["broken.test"] = {"A": "192.0.2.60"}
    zone["other.test"] = {"A": "192.0.2.61"}
    servers = [sink("192.0.2.60", "broken.test"), sink("192.0.2.61", "other.test")]
    yield servers
    for server in servers:
        server.stop()


def settings(delay, **more):
    return dict({"smtp_tls_security_level": "may", "smtp_tls_fallback_delay": delay}, **more)


def flush(inst):
    assert inst.run([inst.command("postqueue"), "-f"])[0] == 0


def test_time_of_the_next_attempt(make, broken):
    """Not the back-off's, which would be five minutes, nor that of the next scan."""
    inst = make(settings("2s"), "tlsproxy unix - - n - 0 tlsproxy\n")
    before = time.time()
    inst.send("u@broken.test")
    inst.wait_log(SENT % "broken.test")
    assert time.time() - before >= 2
    assert len(inst.wait_log(FAILED % "broken.test")) == 1 and clear_mail(broken[0]) == 1
    inst.wait(lambda: not inst.queue_ids(), 20, "the queue to be empty")


def test_an_earlier_attempt_changes_nothing(make, broken):
    inst = make(settings("1h"), "tlsproxy unix - - n - 0 tlsproxy\n")
    inst.send("u@broken.test")
    inst.wait_log(FAILED % "broken.test")
    path, = glob.glob(f"{inst.queue}/deferred/*/*")
    first = os.stat(path)
    assert abs(first.st_mtime - time.time() - 3600) < 60
    flush(inst)
    inst.wait_log(FAILED % "broken.test", 2)
    inst.wait(lambda: glob.glob(f"{inst.queue}/deferred/*/*"), 20, "the message to be deferred again")
    path, = glob.glob(f"{inst.queue}/deferred/*/*")
    # The time runs from the first failure, and what is remembered stands there once.
    assert abs(os.stat(path).st_mtime - first.st_mtime) <= 1 and os.stat(path).st_size == first.st_size
    assert clear_mail(broken[0]) == 0


def test_survives_a_restart(make, broken):
    inst = make(settings("3s", queue_run_delay="1s"), "tlsproxy unix - - n - 0 tlsproxy\n")
    inst.send("u@broken.test")
    inst.wait_log(FAILED % "broken.test")
    inst.wait(lambda: glob.glob(f"{inst.queue}/deferred/*/*"), 20, "the message to be deferred")
    assert inst.stop() == 0
    inst.start(settle=False)
    inst.wait(lambda: re.search(SENT % "broken.test", inst.log_text()), 40, "the second attempt")
    assert clear_mail(broken[0]) == 1
    assert len(re.findall(FAILED % "broken.test", inst.log_text())) == 1


def test_each_destination_for_itself(make, broken):
    """A message to two destinations: the first failure of one says nothing about the other."""
    healthy = {"transport_maps": "inline:{ {other.test=smtp:[192.0.2.99]} }"}
    inst = make(settings("2s", smtp_connect_timeout="2s", **healthy), "tlsproxy unix - - n - 0 tlsproxy\n")
    inst.send(["u@broken.test", "u@other.test"])
    inst.wait_log(SENT % "broken.test")
    inst.wait_log(r"to=<u@other.test>.* status=deferred")
    # Now the other one is there, and its handshake fails for the first time.
    inst.reload(transport_maps="")
    flush(inst)
    inst.wait_log(FAILED % "other.test")
    inst.wait_log(SENT % "other.test")
    assert clear_mail(broken[1]) == 1


def old_mail(make, **config):
    """A message that has waited for longer than minimal_backoff_time when it meets its first broken handshake."""
    inst = make(dict({"smtp_tls_security_level": "may", "minimal_backoff_time": "1s", "maximal_backoff_time": "1s",
                      "smtp_connect_timeout": "1s", "transport_maps": "inline:{ {broken.test=smtp:[192.0.2.99]} }"},
                     **config), "tlsproxy unix - - n - 0 tlsproxy\n")
    inst.send("u@broken.test")
    inst.wait_log(r"to=<u@broken.test>.* status=deferred \(connect to")
    inst.wait(lambda: glob.glob(f"{inst.queue}/deferred/*/*"), 20, "the message to be deferred")
    time.sleep(1.1)
    inst.reload(transport_maps="")
    flush(inst)
    return inst


def test_old_mail_with_a_delay_of_its_own(make, broken):
    """The age that counts with Postfix does not when the delay is another than minimal_backoff_time."""
    inst = old_mail(make, smtp_tls_fallback_delay="1h")
    inst.wait_log(FAILED % "broken.test")
    assert clear_mail(broken[0]) == 0


def test_default_as_postfix(make, broken):
    """Mail that has waited minimal_backoff_time for something else goes in the clear at its first failure."""
    inst = old_mail(make)
    inst.wait_log(SENT % "broken.test")
    assert clear_mail(broken[0]) == 1 and not re.search(FAILED % "broken.test", inst.log_text())


def test_trouble_of_our_own(make, zone):
    """A handshake that did not take place says nothing about the server: no cleartext, and the usual back-off."""
    zone["broken.test"] = {"A": "192.0.2.60"}
    server = sink("192.0.2.60", "broken.test", broken=False)
    inst = make(settings("1s", smtp_tls_cert_file="/absent.pem"), "tlsproxy unix - - n - 0 tlsproxy\n")
    inst.send("u@broken.test")
    inst.wait_log(r"to=<u@broken.test>.* status=deferred \(TLS is not available")
    inst.wait(lambda: glob.glob(f"{inst.queue}/deferred/*/*"), 20, "the message to be deferred")
    path, = glob.glob(f"{inst.queue}/deferred/*/*")
    assert os.stat(path).st_mtime > time.time() + 60
    server.stop()
    assert clear_mail(server) == 0


@pytest.mark.alarms
def test_a_tlsproxy_that_dies_says_nothing_about_the_server(make, zone):
    """Killed in the handshake with a server that is slow to answer: no cleartext later."""
    zone["broken.test"] = {"A": "192.0.2.60"}
    with socket.create_server(("192.0.2.60", 25)) as server:
        inst = make(settings("1s"), "tlsproxy unix - - n - 0 tlsproxy\n")
        inst.send("u@broken.test")
        conn, _ = server.accept()
        with conn:
            for reply in (b"220 broken.test\r\n", b"250-broken.test\r\n250 STARTTLS\r\n", b"220 go\r\n"):
                conn.sendall(reply)
                assert conn.recv(4096)                      # the last of them is a ClientHello
            for pid in inst.workers("tlsproxy"):
                os.kill(pid, signal.SIGKILL)
            inst.wait_log(r"to=<u@broken.test>.* status=deferred \(TLS is not available")
    inst.wait(lambda: glob.glob(f"{inst.queue}/deferred/*/*"), 20, "the message to be deferred")
    with open(glob.glob(f"{inst.queue}/deferred/*/*")[0], "rb") as f:
        assert b"tls_failed" not in f.read()


def test_what_is_remembered_bothers_no_other_reader(make, broken):
    """Debian's programs list, show and deliver a message whose failed handshake stands behind its end."""
    inst = make(settings("1h"), "tlsproxy unix - - n - 0 tlsproxy\n")
    inst.send("u@broken.test", text="Subject: both\n\nfor both\n")
    inst.wait_log(FAILED % "broken.test")
    inst.wait(lambda: glob.glob(f"{inst.queue}/deferred/*/*"), 20, "the message to be deferred")
    path, = glob.glob(f"{inst.queue}/deferred/*/*")
    with open(path, "rb") as f:
        assert re.search(rb"E\0A.tls_failed=\d+ broken.test\Z", f.read(), re.S)
    assert inst.stop() == 0
    theirs, ours = Debian(inst), Ours(inst)
    shown = theirs.run("postcat", path)
    assert shown[0] == 0 and "for both" in shown[1] and "tls_failed" not in shown[1] and not shown[2], shown
    assert "tls_failed" not in ours.run("postcat", path)[1]
    # It goes to the first server that offers no TLS at all.
    broken[0].cert = None
    inst.configure(smtp_tls_fallback_delay="")
    theirs.start()
    assert theirs.run("postqueue", "-f")[0] == 0
    inst.wait_log(SENT % "broken.test")
    inst.wait(lambda: not inst.queue_ids(), 20, "the queue to be empty")
    theirs.stop()
    inst.started = False
