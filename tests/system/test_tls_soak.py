# SPDX-License-Identifier: Apache-2.0
"""TLS while mail goes on: listeners with settings of their own side by side, keys that are renewed under load, and helpers
that are killed every second."""
import os
import random
import re
import signal
import socket
import socketserver
import ssl
import threading
import time

import pytest

from load import TO_ERROR, Load, wait_all_delivered
from pki import Authority
from postern import PACKAGE

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="there smtpd does TLS itself")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(str(tmp_path_factory.mktemp("pki")), "First", "ec")
    for name in ("mx", "next", "client"):
        made.chain(name, f"{name}.example.test", "ec")
    return made


def context_of(authority=None, certificate=None, maximum=None, ciphers=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if authority:
        context.load_verify_locations(authority.anchor)
        context.verify_mode = ssl.CERT_REQUIRED
    if certificate:
        context.load_cert_chain(*certificate)
    if maximum:
        context.maximum_version = maximum
    if ciphers:
        context.set_ciphers(ciphers)
    return context


class Session:
    """One SMTP session with STARTTLS: its certificate's common name, a NOOP and the end."""

    def __init__(self, address, port, context):
        with socket.create_connection((address, port), 30) as plain:
            self.sock, self.file = plain, plain.makefile("rb")
            self.expect(b"220 ")
            self.say(b"EHLO client.example.net", b"250 ")
            self.say(b"STARTTLS", b"220 ")
            with context.wrap_socket(plain) as self.sock:
                self.file = self.sock.makefile("rb")
                self.say(b"NOOP", b"250 ")
                subject = self.sock.getpeercert().get("subject", ()) if context.verify_mode else ()
                self.name = dict(pair for entry in subject for pair in entry).get("commonName")
                self.cipher = self.sock.cipher()[0]
                self.say(b"QUIT", b"221 ")
                self.file.close()

    def say(self, text, code):
        self.sock.sendall(text + b"\r\n")
        self.expect(code)

    def expect(self, code):
        line = self.file.readline()
        while line[3:4] == b"-":
            line = self.file.readline()
        if not line.startswith(code):
            raise ConnectionError(f"{line!r} instead of {code!r}")


def at_once(jobs):
    """What each job returns, in order, all of them at the same time; exceptions are results."""
    results = [None] * len(jobs)

    def work(number, job):
        try:
            results[number] = job()
        except OSError as problem:          # ssl.SSLError is one
            results[number] = problem
    threads = [threading.Thread(target=work, args=entry) for entry in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_authorities_and_ciphers_side_by_side(make, authority, tmp_path):
    """Who is believed and which ciphers are taken is the listener's, though the same processes serve both at once."""
    other = Authority(str(tmp_path / "other"), "Second", "ec")
    other.chain("client", "client.example.test", "ec")
    mine, theirs = ([a.file(f"client.{kind}") for kind in ("pem", "key")] for a in (authority, other))
    keys = f"{authority.file('mx.key')} {authority.file('mx.pem')}"
    inst = make({"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": keys, "smtpd_tls_ask_ccert": "yes",
                 "smtpd_tls_CAfile": authority.anchor, "smtpd_tls_loglevel": "1", "smtpd_client_connection_count_limit": "0"},
                f"""127.0.0.1:126 inet n - n - - smtpd
  -o smtpd_tls_CAfile={other.anchor} -o smtpd_tls_security_level=encrypt -o smtpd_tls_mandatory_ciphers=high
  -o tls_high_cipherlist=ECDHE-ECDSA-CHACHA20-POLY1305 -o syslog_name=postfix/strict
""")
    assert Session(inst.address, 25, context_of(authority)).name == "mx.example.test"
    before = inst.wait_workers("tlsproxy")

    def session(port, certificate, **settings):
        return lambda: Session(inst.address, port, context_of(authority, certificate, ssl.TLSVersion.TLSv1_2, **settings))
    rounds = 10
    jobs = [session(port, certificate) for _ in range(rounds) for port in (25, 126) for certificate in (mine, theirs)]
    weak = {"ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}
    results = at_once(jobs + [session(25, None, **weak), session(126, None, **weak)])
    *results, taken, refused = results
    assert not [r for r in results if isinstance(r, Exception)]
    # The client's order counts: at 25 it gets the cipher that it likes best.
    assert {r.cipher for r in results[0::4] + results[1::4]} == {"ECDHE-ECDSA-AES256-GCM-SHA384"}
    assert {r.cipher for r in results[2::4] + results[3::4]} == {"ECDHE-ECDSA-CHACHA20-POLY1305"}
    assert not isinstance(taken, Exception) and taken.cipher == weak["ciphers"]
    assert isinstance(refused, ssl.SSLError)
    inst.settle()
    for program, cipher in (("postfix/smtpd", "AES256"), ("postfix/strict/smtpd", "CHACHA20")):
        for label in ("Trusted", "Untrusted"):
            found = re.findall(rf" {program}\[\d+\]: {label} TLS connection established from \S+: TLSv1\.2 with cipher \S+{cipher}",
                               inst.log_text())
            assert len(found) == rounds, (program, label)
    assert set(before) <= set(inst.workers("tlsproxy"))


def put(inst, *sources):
    """The chain file becomes another one, at once."""
    with open(f"{inst.config}/chain.new", "wb") as f:
        for source in sources:
            with open(source, "rb") as part:
                f.write(part.read())
    os.chmod(f"{inst.config}/chain.new", 0o600)
    os.rename(f"{inst.config}/chain.new", f"{inst.config}/chain.pem")


def test_renewal_under_load(make, authority):
    """No session fails while keys are renewed, and each shows the former certificate or the next. One that does not belong to
    its key changes nothing, and the log says so."""
    inst = make({"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": "$config_directory/chain.pem",
                 "tls_key_check_interval": "1s", "smtpd_client_connection_count_limit": "0"}, start=False)
    put(inst, authority.file("mx.key"), authority.file("mx.pem"))
    inst.start()
    context, going, lock, names, problems = context_of(authority), threading.Event(), threading.Lock(), [], []

    def work():
        while not going.is_set():
            try:
                name = Session(inst.address, inst.port, context).name
            except OSError as problem:
                name = None
                problems.append(repr(problem))
            with lock:
                names.append(name)
            time.sleep(0.01)

    def shown(name, count=20):
        """The last COUNT sessions had this name."""
        def look():
            return len(names) >= count and set(names[-count:]) == {name}
        inst.wait(look, 40, lambda: f"{name} from now on; {names[-count:]} {problems[-3:]}")
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        shown("mx.example.test")
        for name in ("next", "mx", "next"):
            put(inst, authority.file(f"{name}.key"), authority.file(f"{name}.pem"))
            shown(f"{name}.example.test")
        put(inst, authority.file("mx.key"), authority.file("next.pem"))
        inst.wait_log(r"error: service .*chain\.pem.*the workers that run keep what they have")
        with lock:
            names.clear()
        shown("next.example.test", 50)
        assert set(names) == {"next.example.test"}
        put(inst, authority.file("mx.key"), authority.file("mx.pem"))
        shown("mx.example.test")
    finally:
        going.set()
        for thread in threads:
            thread.join(60)
    assert not problems, problems[:5]


# --- killed helpers ----------------------------------------------------------------------------------------

class TlsSink:
    """A server that takes mail over TLS only, and remembers the subjects that it has answered for."""

    def __init__(self, address, port, key, chain):
        self.subjects, context = [], ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        outer = self

        class Session(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.settimeout(30)
                try:
                    self.talk()
                except OSError:         # cut, also in a handshake
                    pass

            def talk(self):
                sock, lines = self.request, self.request.makefile("rb")
                sock.sendall(b"220 sink\r\n")
                while line := lines.readline():
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"STARTTLS":
                        sock.sendall(b"220 go\r\n")
                        sock = context.wrap_socket(sock, server_side=True)
                        lines = sock.makefile("rb")
                        continue
                    if verb == b"DATA":
                        sock.sendall(b"354 go on\r\n")
                        text = []
                        while text[-1:] != [b".\r\n"]:
                            text.append(lines.readline())
                            if not text[-1]:
                                return
                        outer.subjects += [row[9:].strip().decode() for row in text if row.startswith(b"Subject: ")]
                    tls = isinstance(sock, ssl.SSLSocket)
                    answer = b"250-sink\r\n250 STARTTLS\r\n" if verb == b"EHLO" and not tls else b"250 ok\r\n"
                    refused = verb == b"MAIL" and not tls
                    sock.sendall(b"530 TLS first\r\n" if refused else b"221 bye\r\n" if verb == b"QUIT" else answer)
                    if verb == b"QUIT":
                        return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
            request_queue_size = 512
        self.server = Server((address, port), Session)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


HELPERS = ("tlsproxy", "tlsmgr", "scache", "smtp", "smtpd")
SOAK = 28       # seconds


@pytest.mark.alarms
def test_helpers_killed_every_second(make, authority, capsys):
    """In and out over TLS, with sessions kept and resumed: whatever got its 250 arrives at both its recipients."""
    inst = make({**TO_ERROR, "transport_maps": "inline:{{far.test = smtp:[192.0.2.80]}}", "relay_domains": "far.test",
                 "smtpd_tls_security_level": "encrypt", "smtpd_tls_chain_files": f"{authority.file('mx.key')} {authority.file('mx.pem')}",
                 "smtpd_tls_session_cache_database": "btree:${data_directory}/smtpd_scache",
                 "smtp_tls_session_cache_database": "btree:${data_directory}/smtp_scache", "smtp_tls_security_level": "secure",
                 "smtp_tls_secure_cert_match": "next.example.test", "smtp_tls_CAfile": authority.anchor,
                 "smtp_connection_cache_destinations": "far.test [192.0.2.80]", "smtpd_client_event_limit_exceptions": "static:all",
                 "minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s", "service_throttle_time": "1s",
                 "smtpd_client_connection_count_limit": "0"})
    rng, killed = random.Random(7), dict.fromkeys(HELPERS, 0)
    context = context_of(authority)
    recipients = ["u1@virt.test", "x@far.test"]
    with TlsSink("192.0.2.80", 25, authority.file("next.key"), authority.file("next.pem")) as sink:
        with Load(inst, recipients, clients=6, pause=0.1, first=lambda client: client.starttls(context=context)) as load:
            load.wait_more(10)
            end = time.monotonic() + SOAK
            while time.monotonic() < end:
                name = rng.choice(HELPERS)
                for pid in inst.workers(name):
                    try:
                        os.kill(pid, signal.SIGKILL)
                        killed[name] += 1
                    except ProcessLookupError:
                        pass
                time.sleep(rng.uniform(0.5, 1.5))
            load.wait_more(10)
        wait_all_delivered(inst, load)
        inst.wait(lambda: load.accepted <= set(sink.subjects) or inst.run([inst.command("postqueue"), "-f"]) and time.sleep(0.3), 60,
                  lambda: f"of {len(load.accepted)} accepted messages {sorted(load.accepted - set(sink.subjects))[:10]} never left")
    with capsys.disabled():
        print(f"\n{killed}: {len(load.accepted)} accepted, {len(sink.subjects)} taken, {load.broken} sessions cut, {load.refused} refused")
    assert not load.refused - load.temporary, load.errors
    assert killed["tlsproxy"] and sum(killed.values()) >= 10, killed
    assert not inst.maildir("vmail/u2"), "there were notices to the sender"
