# SPDX-License-Identifier: Apache-2.0
"""What a hostile or unlucky peer can do around TLS: nothing said in plaintext counts behind it, nothing half-received
is queued, nothing acknowledged is lost, and others go on meanwhile."""
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from harness.instance import CERTS
from postern import PACKAGE, TOP, unverified

pytestmark = pytest.mark.root
TLS = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": f"{CERTS}/mx.pem", "smtpd_tls_key_file": f"{CERTS}/mx.key",
       "smtpd_tls_loglevel": "1"}
ours = pytest.mark.skipif(PACKAGE is not None, reason="looks at our own programs")


class Plain:
    """A client that says exactly what it is told, byte by byte if need be."""

    def __init__(self, inst, greet=True, timeout=20):
        self.socket = socket.create_connection((inst.address, inst.port), timeout=timeout)
        self.buffer = b""
        if greet:
            assert self.reply() == 220
            assert self.say(b"EHLO client.example.net\r\n") == 250

    def recv(self):
        return self.socket.recv(65536)

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            try:
                more = self.recv()
            except (ConnectionResetError, ssl.SSLError):
                more = b""
            if not more:
                return b""
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def reply(self):
        """The code of the next reply; None at the end of the connection."""
        while line := self.line():
            if line[3:4] != b"-":
                return int(line[:3])
        return None

    def say(self, data):
        self.send(data)
        return self.reply()


class Tls(Plain):
    """The same over TLS, with the records in our hands: after close() bytes go out as they are."""

    def __init__(self, inst, first=b"STARTTLS\r\n", context=None, session=None):
        self.tls = None
        super().__init__(inst)
        assert self.say(first) == 220
        assert self.buffer == b"", "there was more than one reply in plaintext"
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or unverified()).wrap_bio(self.incoming, self.outgoing, session=session)
        self.repeat(self.tls.do_handshake)

    def repeat(self, call, *args):
        while True:
            try:
                result = call(*args)
                self.push()
                return result
            except ssl.SSLWantReadError:
                self.push()
                data = self.socket.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def push(self):
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())

    def recv(self):
        return self.repeat(self.tls.read, 65536) if self.tls else super().recv()

    def send(self, data):
        if self.tls:
            self.repeat(self.tls.write, data)
        else:
            super().send(data)

    def close(self):
        """Send close_notify, without waiting for the other one's."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.push()


def transaction(client):
    assert client.say(b"MAIL FROM:<a@example.net>\r\n") == 250
    assert client.say(b"RCPT TO:<u1@virt.test>\r\n") == 250


def tls_workers(inst):
    return inst.workers("tlsproxy")


def assert_nothing_queued(inst):
    inst.wait_idle()
    assert "(queue active)" not in inst.log_text()
    assert inst.queue_ids() == [] and inst.maildir("vmail/u1") == []


def test_what_follows_starttls_in_its_segment_is_discarded(make):
    inst = make({**TLS, "smtpd_helo_required": "yes", "smtpd_forbid_unauth_pipelining": "no"})
    injected = [b"NOOP\r\n", b"EHLO evil\r\nMAIL FROM:<evil@b.test>\r\nRCPT TO:<u1@virt.test>\r\n", b"\x16\x03\x01", b"\n"]
    for count, early in enumerate(injected, 1):
        client = Tls(inst, b"STARTTLS\r\n" + early)
        # Neither executed before nor after the handshake; and what was said before it is forgotten.
        assert client.say(b"MAIL FROM:<a@example.net>\r\n") == 503
        assert client.say(b"EHLO client.example.net\r\n") == 250
        transaction(client)
        assert client.say(b"QUIT\r\n") == 221
        inst.wait_log(r"disconnect from \S+ ehlo=2 starttls=1 mail=1/2 rcpt=1 quit=1 commands=6/7$", count)
    assert "evil" not in inst.log_text()


@pytest.mark.parametrize("moment", ["data", "bdat", "bdat last", "command"])
def test_cleartext_after_close_notify_is_nothing(make, moment):
    """close_notify in the middle of a message, then bytes without TLS that would complete it."""
    inst = make(TLS)
    for count, cleartext in enumerate((b".\r\nQUIT\r\n", b"x", b"\r\n.\r\n", b"body\r\n.\r\nMAIL FROM:<evil@b.test>\r\n"), 1):
        half_a_message(inst, moment, cleartext)
        stage = {"data": r"DATA \(\d+ bytes\)", "command": "RCPT"}.get(moment, r"BDAT \(\d+ bytes\)")
        inst.wait_log(rf"lost connection after {stage} from ", count)
        inst.wait_log(r"disconnect from ", count)
    assert "evil" not in inst.log_text()
    assert_nothing_queued(inst)


def half_a_message(inst, moment, cleartext):
    client = Tls(inst)
    assert client.say(b"EHLO client.example.net\r\n") == 250
    transaction(client)
    if moment == "data":
        assert client.say(b"DATA\r\n") == 354
        client.send(b"Subject: half\r\n\r\nbody")
    elif moment.startswith("bdat"):
        size = 20 + len(cleartext)
        client.send(b"BDAT %d%s\r\n" % (size, b" LAST" if moment.endswith("last") else b"") + b"Subject: half\r\n\r\nbod")
    else:
        client.send(b"VRFY u1@virt.tes")
    client.close()
    client.socket.sendall(cleartext)
    try:
        while client.socket.recv(65536):
            pass
    except ConnectionResetError:
        pass


def test_cut_connection_in_a_message(make):
    """FIN without close_notify, a truncation that anybody on the way can do."""
    inst = make(TLS)
    client = Tls(inst)
    assert client.say(b"EHLO client.example.net\r\n") == 250
    transaction(client)
    assert client.say(b"DATA\r\n") == 354
    client.send(b"Subject: half\r\n\r\nbody\r\n.\r")
    client.socket.shutdown(socket.SHUT_WR)
    inst.wait_log(r"lost connection after DATA \(\d+ bytes\) from ")
    assert_nothing_queued(inst)


def test_renegotiation_is_refused(make):
    inst = make(TLS)
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"{inst.address}:{inst.port}", "-starttls", "smtp", "-tls1_2"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in client.stdout:
        if line.startswith("---") and client.stdin:
            break
    inst.wait_log(r"TLS connection established from \S+: TLSv1\.2")
    text, _ = client.communicate("R\n", timeout=30)
    assert "RENEGOTIATING" in text and "no renegotiation" in text, text
    inst.wait_log(r"disconnect from ")
    assert inst.log_text().count("TLS connection established") == 1
    assert "queued as" in inst.send("u1@virt.test", starttls=True)


@pytest.mark.skipif(PACKAGE is not None, reason="there the limit is for each wait, and bytes now and then keep a session")
def test_dribbled_handshake_runs_into_the_limit(make):
    """A byte now and then keeps no session beyond smtpd_starttls_timeout, and nobody else waits for it."""
    inst = make({**TLS, "smtpd_starttls_timeout": "2s"})
    client = Plain(inst)
    assert client.say(b"STARTTLS\r\n") == 220
    hello = first_flight()
    closed, sent = False, 0
    for sent, byte in enumerate(hello):
        try:
            client.socket.sendall(bytes([byte]))
            client.socket.settimeout(0.2)
            closed = client.socket.recv(65536) == b""
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            closed = True
        if closed:
            break
        if sent == 3:
            assert "queued as" in inst.send("u1@virt.test", starttls=True)
    assert closed and sent < len(hello) - 1
    inst.wait_log(r"SSL_accept error from \S+: Connection timed out$")
    inst.wait_log(r"lost connection after STARTTLS from ")
    assert "queued as" in inst.send("u1@virt.test", starttls=True)


def test_new_sessions_are_limited_and_resumed_ones_are_not(make):
    """Full handshakes are what costs: beyond the limit 421 behind one, then 454 instead of one."""
    inst = make({**TLS, "smtpd_client_new_tls_session_rate_limit": "1", "smtpd_client_event_limit_exceptions": "",
                 "anvil_rate_time_unit": "600s"})
    context, session = unverified(), None
    for reused in (False, True, True, True):
        client = Tls(inst, context=context, session=session)
        assert client.say(b"EHLO client.example.net\r\n") == 250
        assert client.tls.session_reused == reused
        assert client.say(b"QUIT\r\n") == 221
        session = client.tls.session
    assert Tls(inst).reply() == 421
    inst.wait_log(r"warning: New TLS session rate limit exceeded: 2 from ")
    refused = Plain(inst)
    assert refused.say(b"STARTTLS\r\n") == 454
    assert refused.say(b"QUIT\r\n") == 221
    inst.wait_log(r"warning: Refusing STARTTLS request from ")


def test_unfinished_handshakes_count_on_a_wrapped_port(make):
    """One client cannot hold any number of connections by never beginning the handshake."""
    inst = make({**TLS, "smtpd_client_connection_count_limit": "3", "smtpd_client_event_limit_exceptions": ""},
                master="127.0.0.1:465 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n")
    held = [socket.create_connection(("127.0.0.1", 465), 20) for _ in range(3)]
    inst.wait_log("connect from localhost", 3)
    with socket.create_connection(("127.0.0.1", 465), 20) as one_more:
        assert one_more.recv(100) == b""
    inst.wait_log(r"warning: Connection concurrency limit exceeded: 4 from localhost\[127\.0\.0\.1\] for service ")
    held.pop().close()
    inst.wait(lambda: shakes_hands(465), 30, "room for another")
    for sock in held:
        sock.close()


def shakes_hands(port):
    """Whether a wrapped port serves us."""
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as sock, unverified().wrap_socket(sock) as tls:
            return tls.recv(100).startswith(b"220")
    except OSError:
        return False


def first_flight():
    """The bytes of a ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = unverified().wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


# --- tlsproxy is not there ---------------------------------------------------------------------------


@ours
def test_stopped_tlsproxy_is_a_454_and_no_more(make):
    inst = make({**TLS, "smtpd_starttls_timeout": "2s"})
    assert "queued as" in inst.send("u1@virt.test", starttls=True)
    stopped = tls_workers(inst)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        client = Plain(inst)
        assert client.say(b"STARTTLS\r\n") == 454
        # The session goes on in plaintext, and other sessions do not notice.
        assert client.say(b"NOOP\r\n") == 250
        assert "queued as" in inst.send("u1@virt.test")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    inst.wait_log(r"warning: TLS is not available for \S+: private/tlsproxy: no reply in time")
    inst.wait(lambda: "queued as" in inst.send("u1@virt.test", starttls=True), 20, "TLS again")
    assert client.say(b"QUIT\r\n") == 221


@ours
def test_absent_tlsproxy_is_a_454(make):
    inst = make({**TLS, "smtpd_starttls_timeout": "1s", "tlsproxy_service_name": "nowhere"})
    client = Plain(inst)
    assert client.say(b"STARTTLS\r\n") == 454
    assert client.say(b"MAIL FROM:<a@example.net>\r\n") == 250
    inst.wait_log(r"warning: TLS is not available for \S+: .*private/nowhere: No such file or directory")


@pytest.mark.alarms
@ours
def test_killed_tlsproxy_loses_only_its_sessions(make):
    inst = make({**TLS, "service_throttle_time": "1s"})
    old = Tls(inst)
    assert old.say(b"EHLO client.example.net\r\n") == 250
    transaction(old)
    assert old.say(b"DATA\r\n") == 354
    old.send(b"Subject: half\r\n\r\nbody\r\n")
    plain = Plain(inst)
    for pid in tls_workers(inst):
        os.kill(pid, signal.SIGKILL)
    assert old.socket.recv(1) == b""
    assert plain.say(b"NOOP\r\n") == 250
    assert plain.say(b"STARTTLS\r\n") in (220, 454)
    inst.wait_log(r"lost connection after DATA \(\d+ bytes\) from ")
    assert_nothing_queued(inst)
    inst.wait(lambda: again(inst), 20, "TLS again")


def again(inst):
    try:
        return "queued as" in inst.send("u1@virt.test", starttls=True)
    except (OSError, ssl.SSLError) as problem:       # smtplib's errors are OSErrors, too
        return not problem


@pytest.mark.alarms
@ours
def test_tlsproxy_killed_at_random_moments(make):
    """20 kills while clients send: what got its 250 arrives, once and whole; nothing arrives that was cut."""
    inst = make({**TLS, "service_throttle_time": "1s", "smtpd_client_event_limit_exceptions": "static:all",
                 "smtpd_client_connection_count_limit": "0"})
    rng, accepted, stop, lock = random.Random(4), set(), threading.Event(), threading.Lock()
    numbers = iter(range(1 << 20))

    def send_on(client):
        with lock:
            number = next(numbers)
        transaction(client)
        assert client.say(b"DATA\r\n") == 354
        body = b"".join(b"line %d of %d\r\n" % (n, number) for n in range(200))
        for at in range(0, len(body), 700):
            client.send((b"Subject: n%d\r\n\r\n" % number if at == 0 else b"") + body[at:at + 700])
        if client.say(b"end of %d\r\n.\r\n" % number) == 250:
            with lock:
                accepted.add(number)

    def work():
        while not stop.is_set():
            try:
                client = Tls(inst)
                assert client.say(b"EHLO client.example.net\r\n") == 250
                for _ in range(5):
                    send_on(client)
                    if stop.is_set():
                        break
                client.say(b"QUIT\r\n")
            except (OSError, AssertionError):
                time.sleep(0.02)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            before = len(accepted)
            inst.wait(lambda: len(accepted) > before, 20, "more mail")
            time.sleep(rng.uniform(0, 0.1))         # the moment of the kill is what is random here
            for pid in tls_workers(inst):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    inst.wait_idle(timeout=60)
    seen = []
    for mail in inst.maildir("vmail/u1"):
        number = int(mail["Subject"][1:])
        lines = mail.get_payload().splitlines()
        assert lines[-1] == f"end of {number}" and len(lines) == 201, f"message {number} is not whole"
        seen.append(number)
    assert len(seen) == len(set(seen)), "a message arrived twice"
    assert accepted <= set(seen), f"lost: {sorted(accepted - set(seen))}"


# --- keys --------------------------------------------------------------------------------------------


@ours
@pytest.mark.parametrize("what", ["missing", "garbage", "another certificate's", "no permission"])
def test_keys_that_cannot_be_used(make, what):
    """454 and a line that names the file; plain mail flows; after the file is mended a reload is enough."""
    inst = make({**TLS, "smtpd_tls_cert_file": "@CONFIG@/cert.pem", "smtpd_tls_key_file": "@CONFIG@/key.pem"}, start=False)
    with open(f"{CERTS}/mx.pem") as cert, open(f"{CERTS}/mx.key") as key, open(f"{CERTS}/dest.key") as wrong:
        inst.write("cert.pem", cert.read())
        good, other = key.read(), wrong.read()
    if what == "garbage":
        inst.write("key.pem", "no key\n")
    elif what != "missing":
        inst.write("key.pem", other if what.startswith("another") else good)
    if what == "no permission":
        os.remove(inst.path("key.pem"))
        os.mkdir(inst.path("key.pem"))      # root may read any file
    inst.configure(smtpd_tls_cert_file=inst.path("cert.pem"), smtpd_tls_key_file=inst.path("key.pem"))
    inst.start()
    client = Plain(inst)
    assert client.say(b"STARTTLS\r\n") == 454
    assert "queued as" in inst.send("u1@virt.test")
    assert re.search(r"warning: .*key\.pem|warning: .*cert\.pem", inst.log_text())
    if what == "no permission":
        os.rmdir(inst.path("key.pem"))
    inst.write("key.pem", good)
    inst.reload()
    inst.wait(lambda: again(inst), 20, "TLS after the reload")


@ours
def test_certificates_and_levels_side_by_side(make):
    """Three listeners with keys and levels of their own, served by the same tlsproxy processes."""
    inst = make(TLS, master=f"""
127.0.0.1:126 inet n - n - - smtpd
  -o smtpd_tls_cert_file={CERTS}/dest.pem
  -o smtpd_tls_key_file={CERTS}/dest.key
  -o smtpd_tls_security_level=encrypt
127.0.0.1:127 inet n - n - - smtpd
  -o smtpd_tls_chain_files={CERTS}/mx1.key,{CERTS}/mx1.pem
  -o smtpd_tls_wrappermode=yes
127.0.0.1:128 inet n - n - - smtpd
  -o smtpd_tls_security_level=none
""")
    def subject(port, *args):
        starttls = [] if "wrapped" in args else ["-starttls", "smtp"]
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *starttls], input="QUIT\r\n", text=True,
                              capture_output=True, timeout=30)
        return re.search(r"subject=.*CN ?= ?(\S+)", done.stdout)[1]
    before = tls_workers(inst)
    for _ in range(2):
        assert subject(inst.port) == "mx.example.test"
        assert subject(126) == "dest.test"
        assert subject(127, "wrapped") == "mx1.dest.test"
    assert set(before) <= set(tls_workers(inst))
    with socket.create_connection(("127.0.0.1", 126), timeout=10) as s, s.makefile("rwb", 0) as f:
        assert f.readline().startswith(b"220")
        f.write(b"MAIL FROM:<a@example.net>\r\n")
        assert f.readline() == b"530 5.7.0 Must issue a STARTTLS command first\r\n"
    with socket.create_connection(("127.0.0.1", 128), timeout=10) as s, s.makefile("rwb", 0) as f:
        assert f.readline().startswith(b"220")
        f.write(b"STARTTLS\r\n")
        assert f.readline() == b"502 5.5.1 Error: command not implemented\r\n"


# --- tlsproxy's control socket -----------------------------------------------------------------------


def attributes(*pairs):
    return b"".join(name + b"\0" + value + b"\0" for name, value in pairs) + b"\0"


def version():
    with open(f"{TOP}/lib/service/tls_client.h") as f:
        return re.search(r"kTlsProxyVersion = (\d+);", f.read())[1].encode()


HELLO = attributes((b"request", b"hello"), (b"protocol", b"tlsproxy_protocol"), (b"version", version()))
START = attributes((b"request", b"start"), (b"id", b"1"))


def packet(control, payload, fds=(), count=None):
    """A packet as ours are: the number of descriptors (or COUNT) in front. The other end may be gone already."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
    try:
        control.sendmsg([bytes([len(fds) if count is None else count]), payload], ancillary)
    except BrokenPipeError:
        pass


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


@ours
def test_strange_programs_at_the_control_socket(make):
    """Descriptors that are too few, too many, of a wrong kind, for no reservation, or passed twice: that connection ends,
    all that was passed is closed, and nobody else notices."""
    inst = make(TLS)
    assert "queued as" in inst.send("u1@virt.test", starttls=True)
    workers = tls_workers(inst)
    inst.settle()
    before = descriptors(workers)
    session = Tls(inst)
    assert session.say(b"EHLO client.example.net\r\n") == 250
    listener = socket.create_server(("127.0.0.1", 0))
    for case in ("none", "one", "three", "lie", "file", "listener", "twice", "unannounced", "silence", "garbage"):
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.settimeout(20)
        control.connect(f"{inst.queue}/private/tlsproxy")
        tcp = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
        mine, theirs = socket.socketpair()
        with open("/dev/null", "rb") as file, control, tcp, far, mine:
            fds = {"none": (), "one": (tcp.fileno(),), "three": (tcp.fileno(), theirs.fileno(), far.fileno()),
                   "file": (file.fileno(), theirs.fileno()), "listener": (listener.fileno(), theirs.fileno())}.get(
                       case, (tcp.fileno(), theirs.fileno()))
            if case != "unannounced":
                packet(control, HELLO)
            if case == "garbage":
                packet(control, b"\xff" * 300)
            elif case != "silence":
                packet(control, START, fds, 0 if case == "lie" else None)
            theirs.close()
            if case == "twice":
                packet(control, START, (tcp.fileno(), far.fileno()))
            if case not in ("none", "one", "silence", "garbage"):
                mine.settimeout(20)
                assert mine.recv(1) == b"", case        # what was passed is closed again
            if case != "silence":
                try:
                    assert control.recv(100) == b"", case
                except ConnectionResetError:
                    pass
        theirs.close()
    assert session.say(b"NOOP\r\n") == 250
    assert session.say(b"QUIT\r\n") == 221
    assert "queued as" in inst.send("u1@virt.test", starttls=True)
    assert tls_workers(inst) == workers
    inst.wait(lambda: descriptors(workers) <= before, 20, "descriptors to be closed")


class Relay:
    """Stands between smtpd and tlsproxy, and passes each packet on as often as it is told."""

    def __init__(self, inst, times):
        self.times, self.path = times, f"{inst.queue}/private/tlsproxy"
        os.rename(self.path, self.path + ".real")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            far.connect(self.path + ".real")
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self.forward, args=ends, daemon=True).start()

    def forward(self, source, target):
        while True:
            payload, fds, _, _ = socket.recv_fds(source, 65536, 4)
            for _ in range(self.times if fds else 1):
                try:
                    socket.send_fds(target, [payload], fds)
                except OSError:
                    break
            for fd in fds:
                os.close(fd)
            if not payload:
                target.close()
                return

    def close(self):
        self.listener.close()
        os.rename(self.path + ".real", self.path)


@ours
def test_connection_passed_twice_is_served_once(make):
    inst = make(TLS)
    relay = Relay(inst, 2)
    client = Tls(inst)
    assert client.say(b"EHLO client.example.net\r\n") == 250
    transaction(client)
    assert client.say(b"DATA\r\n") == 354
    assert client.say(b"Subject: once\r\n\r\nbody\r\n.\r\n") == 250
    assert client.say(b"QUIT\r\n") == 221
    inst.wait_log(r"disconnect from ")
    assert inst.log_text().count("TLS connection established") == 1
    inst.wait_mail("vmail/u1")
    relay.close()


@ours
def test_connection_that_is_never_passed(make):
    """Invited, but lost on the way to tlsproxy: the client sees the end of its connection, and nobody else suffers."""
    inst = make(TLS)
    relay = Relay(inst, 0)
    client = Plain(inst)
    assert client.say(b"STARTTLS\r\n") == 220
    assert client.reply() is None
    inst.wait_log(r"warning: TLS with \S+: private/tlsproxy: lost connection")
    inst.wait_log(r"lost connection after STARTTLS from ")
    relay.times = 1
    assert "queued as" in inst.send("u1@virt.test", starttls=True)
    relay.close()
