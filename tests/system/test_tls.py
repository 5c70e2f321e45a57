# SPDX-License-Identifier: Apache-2.0
"""TLS sessions of the whole system: resumption, renewal of keys, attacks, helpers that stop or die, limits."""
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

from harness.instance import CERTS
from load import Load
from postern import PACKAGE, SANITIZED, process_status, s_client

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="there smtpd does TLS itself")]
SERVER = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": f"{CERTS}/mx.key, {CERTS}/mx.pem",
          "smtpd_tls_loglevel": "1", "smtpd_client_connection_count_limit": "0"}


def unverified():
    """A client that believes everything; it does not even read the system's certificates, which takes long."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Client:
    """An SMTP client that has said EHLO; starttls() as often as a test likes to see it fail."""

    def __init__(self, inst, timeout=30):
        self.sock = socket.create_connection((inst.address, inst.port), timeout)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()

    def send(self, text):
        self.sock.sendall(text.encode())

    def reply(self):
        lines = []
        while not lines or lines[-1][3:4] == b"-":
            lines.append(self.file.readline())
            if not lines[-1]:
                return ""
        return b"".join(lines).decode()

    def say(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def starttls(self, context=None, session=None):
        assert self.say("EHLO client.example.net").startswith("250-")
        reply = self.say("STARTTLS")
        if not reply.startswith("220"):
            return reply
        self.sock = (context or unverified()).wrap_socket(self.sock, session=session)
        self.file = self.sock.makefile("rb")
        return reply

    def close(self):
        self.file.close()
        self.sock.close()


def tls_session(inst, context, session=None):
    """One whole session; (resumed, the session to use next, whether it is a ticket)."""
    client = Client(inst)
    assert client.starttls(context, session).startswith("220")
    assert client.say("NOOP").startswith("250")         # with TLS 1.3 the ticket comes before this
    reused, after = client.sock.session_reused, client.sock.session
    assert client.say("QUIT").startswith("221")
    client.close()
    return reused, after


def tls12():
    context = unverified()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


# --- resumption ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("context", [unverified, tls12])
def test_a_session_is_resumed_after_its_tlsproxy_was_killed(make, context):
    inst = make(SERVER)
    context = context()
    _, session = tls_session(inst, context)
    reused, session = tls_session(inst, context, session)
    assert reused
    old = inst.wait_workers("tlsproxy")
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    inst.wait(lambda: not set(old) & set(inst.workers("tlsproxy")), 10, "the end of tlsproxy")
    # The new one asks tlsmgr for its keys while it begins to serve.
    inst.wait(lambda: tls_session(inst, context, session)[0], 10, "resumption by another process")


def test_without_tlsmgr_there_is_no_ticket_but_tls(make):
    inst = make(SERVER, files={})
    _, session = tls_session(inst, unverified())
    assert session.has_ticket
    manager = inst.wait_workers("tlsmgr")[0]
    os.kill(manager, signal.SIGSTOP)
    try:
        for pid in inst.workers("tlsproxy"):
            os.kill(pid, signal.SIGKILL)
        context = unverified()
        _, session = tls_session(inst, context)
        assert not session.has_ticket
        assert inst.send("u1@virt.test", starttls=True)
    finally:
        os.kill(manager, signal.SIGCONT)
    inst.wait(lambda: tls_session(inst, unverified())[1].has_ticket, 20, "a ticket")


def test_sessions_without_tickets_are_kept_by_tlsmgr(make):
    """In every type of table that can be enumerated, over the end of a tlsproxy."""
    for kind in ("btree", "lmdb", "hash"):
        inst = make({**SERVER, "smtpd_tls_session_cache_database": f"{kind}:${{data_directory}}/smtpd_scache",
                     "tls_ssl_options": "no_ticket"})
        context = tls12()
        _, session = tls_session(inst, context)
        assert not session.has_ticket and session.id
        for pid in inst.wait_workers("tlsproxy"):
            os.kill(pid, signal.SIGKILL)
        assert tls_session(inst, context, session)[0], kind
        inst.stop()


# --- keys ------------------------------------------------------------------------------------------------

def shown(inst, name=None):
    """The common name that a client sees, or why it sees none."""
    args = ["-servername", name] if name else ["-noservername"]
    _, text = s_client(inst.address, inst.port, *args)
    found = re.search(r"subject=.*CN = (\S+)", text)
    return found[1] if found else text


def test_a_certificate_is_renewed_in_two_steps(make):
    """First the key is replaced, then the certificate: between them the former ones serve on."""
    inst = make({**SERVER, "smtpd_tls_chain_files": "", "smtpd_tls_key_file": "$config_directory/k.pem",
                 "smtpd_tls_cert_file": "$config_directory/c.pem", "tls_key_check_interval": "1s"}, start=False)

    def put(name, source):
        shutil.copy(f"{CERTS}/{source}", f"{inst.config}/{name}.new")
        os.chmod(f"{inst.config}/{name}.new", 0o600)
        os.rename(f"{inst.config}/{name}.new", f"{inst.config}/{name}")
    put("k.pem", "mx.key")
    put("c.pem", "mx.pem")
    inst.start()
    assert shown(inst) == "mx.example.test"
    put("k.pem", "dest.key")
    inst.wait_log(r"error: service .*c\.pem does not belong to the private key.*the workers that run keep what they have")
    assert shown(inst) == "mx.example.test"
    put("c.pem", "dest.pem")
    inst.wait(lambda: shown(inst) == "dest.test", 20, "the new certificate")
    # An unreadable key takes nothing down either.
    put("k.pem", "make_certs.sh")
    inst.wait_log(r"error: service .*no private key in \S+/k\.pem; the workers that run keep what they have")
    assert shown(inst) == "dest.test"


def test_names_get_their_certificates_and_follow_the_table(make):
    inst = make({**SERVER, "tls_server_sni_maps": "hash:$config_directory/sni", "tls_key_check_interval": "1s"},
                start=False)

    def build(text):
        inst.write("sni", text)
        assert inst.run([inst.command("postmap"), "-F", f"hash:{inst.config}/sni"])[0] == 0
        os.chmod(f"{inst.config}/sni.db", 0o600)
    build(f"one.test {CERTS}/dest.key {CERTS}/dest.pem\n")
    inst.start()
    assert shown(inst, "one.test") == "dest.test"
    assert shown(inst, "two.test") == "mx.example.test"
    inst.wait_log(r"smtpd\[\d+\]: TLS SNI two\.test from localhost\[127\.0\.0\.1\] not matched, using default chain")
    inst.wait_log(r"TLS connection established from localhost\[127\.0\.0\.1\] to one\.test: TLSv1\.3")
    build(f"two.test {CERTS}/mx1.key {CERTS}/mx1.pem\n")
    inst.wait(lambda: shown(inst, "two.test") == "mx1.dest.test", 20, "the new table")
    assert shown(inst, "one.test") == "mx.example.test"


def test_certificates_that_expire_are_named(make):
    inst = make({**SERVER, "smtpd_tls_chain_files": f"{CERTS}/expired.key {CERTS}/expired.pem"})
    assert shown(inst)
    inst.wait_log(rf"tlsproxy\[\d+\]: warning: certificate \S.* in {CERTS}/expired\.pem has expired on ")
    # Another process does not say it again the same day.
    for pid in inst.wait_workers("tlsproxy"):
        os.kill(pid, signal.SIGKILL)
    assert shown(inst)
    time.sleep(0.5)
    inst.wait_log("has expired on ")
    assert len(re.findall("has expired on ", inst.log_text())) == 1
    status, _ = inst.postfix("check")
    assert status == 0
    inst.wait_log(rf"warning: certificate \S.* in {CERTS}/expired\.pem has expired on .* GMT")


def test_configuration_of_the_tls_library(make):
    files = {"ours.cnf": "openssl_conf = general\nmail = ours\n[general]\nssl_conf = s\n[s]\nsystem_default = d\n"
                         "[d]\nCiphersuites = TLS_CHACHA20_POLY1305_SHA256\n"
                         "[ours]\nssl_conf = t\n[t]\nsystem_default = e\n[e]\nCiphersuites = TLS_AES_128_GCM_SHA256\n"}

    def cipher(**settings):
        inst = make({**SERVER, **settings}, files=files)
        client = Client(inst)
        client.starttls()
        found = client.sock.cipher()[0]
        client.close()
        inst.stop()
        return found
    assert cipher(tls_config_file="none") == "TLS_AES_256_GCM_SHA384"
    assert cipher(tls_config_file="$config_directory/ours.cnf") == "TLS_CHACHA20_POLY1305_SHA256"
    assert cipher(tls_config_file="$config_directory/ours.cnf", tls_config_name="mail") == "TLS_AES_128_GCM_SHA256"
    assert cipher(tls_config_file="$config_directory/ours.cnf", tls_config_name="x") == "TLS_CHACHA20_POLY1305_SHA256"


def test_raw_public_keys_are_refused_with_a_reason(make):
    inst = make({**SERVER, "smtpd_tls_enable_rpk": "yes"}, start=False)
    status, text = inst.postfix("start")
    assert status != 0 and re.search(r"smtpd_tls_enable_rpk \(main\.cf\): raw public keys need OpenSSL 3\.2", text)


# --- attacks ---------------------------------------------------------------------------------------------

def test_renegotiation_is_refused(make):
    inst = make(SERVER)
    p = subprocess.run(["openssl", "s_client", "-connect", f"{inst.address}:{inst.port}", "-starttls", "smtp", "-tls1_2"],
                       input="R\n", capture_output=True, text=True, timeout=30)
    assert "RENEGOTIATING" in p.stdout + p.stderr
    assert "no renegotiation" in p.stdout + p.stderr
    assert inst.send("u1@virt.test", starttls=True)


class Bare(Client):
    """A client that does TLS by hand, so that it can misbehave below."""

    def starttls(self, context=None, session=None):
        assert self.say("EHLO client.example.net").startswith("250-")
        assert self.say("STARTTLS").startswith("220")
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = unverified().wrap_bio(self.incoming, self.outgoing)
        self.work(self.tls.do_handshake)

    def work(self, step):
        while True:
            try:
                result = step()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                more = self.sock.recv(65536)
                if not more:
                    return b""
                self.incoming.write(more)

    def flush(self):
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def say(self, text):
        if not hasattr(self, "tls"):
            return super().say(text)
        self.tls.write(text.encode() + b"\r\n")
        self.flush()
        return self.work(lambda: self.tls.read(65536)).decode()

    def close_notify(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()


@pytest.mark.parametrize("words", [
    ["MAIL FROM:<a@example.net>", "RCPT TO:<u1@virt.test>", "DATA"],
    ["MAIL FROM:<a@example.net>", "RCPT TO:<u1@virt.test>"]])
def test_cleartext_behind_the_end_of_tls_is_not_read(make, words):
    """The client (or whoever sits between) ends TLS and goes on in the clear: in DATA, and before it."""
    inst = make(SERVER)
    client = Bare(inst)
    client.starttls()
    assert client.say("EHLO client.example.net").startswith("250-")
    for word in words:
        assert client.say(word)[:3] in ("250", "354")
    client.close_notify()
    with contextlib.suppress(OSError):
        client.sock.sendall(b"DATA\r\nSubject: injected\r\n\r\nx\r\n.\r\nQUIT\r\n")
        while client.sock.recv(65536):
            pass
    inst.wait_log(r"lost connection after (DATA|RCPT) ")
    client.sock.close()
    inst.wait(lambda: inst.queue_ids() == [], 20, "an empty queue")
    assert inst.maildir("vmail/u1") == []


def test_close_notify_is_the_end_of_one_direction(make):
    """Whoever says QUIT and ends its direction still gets the reply."""
    inst = make(SERVER)
    client = Bare(inst)
    client.starttls()
    client.tls.write(b"QUIT\r\n")
    client.close_notify()
    assert client.work(lambda: client.tls.read(100)).startswith(b"221 ")
    client.close()


def test_a_handshake_byte_by_byte_has_a_limit(make):
    inst = make({**SERVER, "smtpd_starttls_timeout": "3s"})
    client = Client(inst)
    client.say("EHLO client.example.net")
    assert client.say("STARTTLS").startswith("220")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        unverified().wrap_bio(incoming, outgoing).do_handshake()
    hello = outgoing.read()
    begun = time.monotonic()
    with contextlib.suppress(OSError):
        for i in range(len(hello)):
            client.sock.sendall(hello[i:i + 1])
            client.sock.settimeout(0.5)
            try:
                if not client.sock.recv(1):
                    break
            except socket.timeout:
                pass
            if i == 1:
                assert inst.send("u1@virt.test", starttls=True)     # nobody else waits for it
            assert time.monotonic() - begun < 30
    client.close()
    inst.wait_log(r"SSL_accept error from localhost\[127\.0\.0\.1\]: Connection timed out")


def test_half_open_handshakes_hold_nobody_up(make):
    inst = make(SERVER)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
                                                resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    clients, incoming, outgoing = [], ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        unverified().wrap_bio(incoming, outgoing).do_handshake()
    hello = outgoing.read()
    try:
        for _ in range(20):
            batch = [socket.create_connection((inst.address, inst.port), 30) for _ in range(100)]
            clients += batch
            for text in (b"EHLO x.test\r\n", b"STARTTLS\r\n"):
                for sock in batch:
                    sock.recv(4096)
                    sock.sendall(text)
            for sock in batch:
                assert sock.recv(4096).startswith(b"220 ")
            # Half of them let the server work, and do not go on.
            for sock in batch[::2]:
                sock.sendall(hello)
        with Load(inst, "u1@virt.test", first=lambda client: client.starttls(context=unverified())) as load:
            load.wait_more(20)
        assert not load.broken and not load.refused, load.errors
    finally:
        for sock in clients:
            sock.close()
    inst.wait_mail("vmail/u1", len(load.accepted))
    inst.wait(lambda: inst.send("u1@virt.test", starttls=True), 30, "mail")


# --- tlsproxy that stops, is full, is watched --------------------------------------------------------------

def test_a_stopped_tlsproxy_costs_a_454_and_is_replaced(make):
    """The queue of requests is bounded in time; the watchdog ends the process once it runs again."""
    inst = make({**SERVER, "tlsproxy_watchdog_timeout": "10s"})
    assert tls_session(inst, unverified())
    old = inst.wait_workers("tlsproxy")[0]
    waiting = Client(inst, 60)
    waiting.say("EHLO client.example.net")
    os.kill(old, signal.SIGSTOP)
    try:
        waiting.send("STARTTLS\r\n")
        begun = time.monotonic()
        assert inst.send("u1@virt.test")                    # cleartext goes on
        assert waiting.reply().startswith("454 4.7.0 ")
        assert time.monotonic() - begun < 30
        assert waiting.say("NOOP").startswith("250")
        inst.wait(lambda: time.monotonic() - begun > 11, 30, "the watchdog's limit")
    finally:
        os.kill(old, signal.SIGCONT)
    inst.wait(lambda: old not in inst.workers("tlsproxy"), 20, "the end of the stopped process")
    inst.wait_log(r"warning: process \S+/tlsproxy pid \d+ exit status 1")
    assert waiting.starttls().startswith("220")
    assert waiting.say("QUIT").startswith("221")


def test_full_workers_are_joined_by_others(make):
    """Descriptors for 72 sessions in a tlsproxy: 100 at once take two of them, and none is refused."""
    inst = make({**SERVER, "default_sessions_per_process": "8192"}, start=False)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def limited(*args):
        return subprocess.run(["prlimit", "--nofile=400:400", inst.command("postfix"), "-c", inst.config, *args],
                              env=inst.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60).returncode
    assert limited("start") == 0
    inst.started = True
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
    inst.wait(lambda: os.path.exists(f"{inst.queue}/public/pickup"), 10, "public/pickup")
    clients = []
    try:
        for _ in range(100):
            client = Client(inst)
            clients.append(client)
            reply = client.starttls()
            assert reply.startswith("220"), (len(clients), reply)
        assert len(inst.workers("tlsproxy")) >= 2
        assert all(client.say("NOOP").startswith("250") for client in clients)
    finally:
        for client in clients:
            client.close()


def test_sessions_are_listed(make):
    inst = make({**SERVER, "smtp_tls_security_level": "may"})
    client = Client(inst)
    client.starttls()
    status, text = inst.postfix("sessions")
    assert status == 0
    assert re.search(r"^\d+ +\d+ +tlsproxy +localhost\[127\.0\.0\.1\] +waits:\S+/TLSv1\.3 +00:\d\d ", text, re.M), text
    client.close()
    inst.wait(lambda: "/TLSv1.3" not in inst.postfix("sessions")[1], 10, "the end of the session")


# --- randomness ------------------------------------------------------------------------------------------

@pytest.mark.alarms
@pytest.mark.parametrize("source", ["dev:/dev/nonexistent", "egd:/nonexistent", "dev:/dev/null"])
def test_tlsmgr_stops_without_its_random_source(make, source):
    inst = make({**SERVER, "tls_random_source": source})
    _, session = tls_session(inst, unverified())
    assert not session.has_ticket
    inst.wait_log(r"tlsmgr\[\d+\]: fatal: tls_random_source")


def test_memory_of_idle_sessions(make):
    """Some kilobytes each, and given back when a crowd has left."""
    inst = make(SERVER)
    clients = [Client(inst)]
    clients[0].starttls()
    pid = inst.wait_workers("tlsproxy")[0]

    def resident():
        return int(process_status(pid)["VmRSS"].split()[0])
    alone = resident()
    clients += [Client(inst) for _ in range(250)]
    for client in clients[1:]:
        client.starttls()
    busy = resident()
    if not SANITIZED:
        assert busy - alone < 250 * 64
    for client in clients:
        client.close()
    if not SANITIZED and busy - alone > 2500:
        inst.wait(lambda: resident() < busy - (busy - alone) / 4, 30, "memory given back")


def test_one_peer_is_logged_more_closely(make, zone):
    """smtpd_tls_loglevel_maps and smtp_tls_loglevel_maps, in one relay from an instance to another."""
    zone["virt.test"] = {"MX": [(10, "mx.virt.test")]}
    zone["mx.virt.test"] = {"A": "192.0.2.1"}
    zone["1.2.0.192.in-addr.arpa"] = {"PTR": "mx.virt.test"}
    quiet = {"smtpd_tls_loglevel": "0", "smtp_tls_loglevel": "0"}
    receiver = make({**SERVER, **quiet, "myhostname": "mx.virt.test", "mynetworks": "192.0.2.0/24 127.0.0.0/8",
                     "smtpd_tls_loglevel_maps": "cidr:{ {198.51.100.0/24 1} }"}, address="192.0.2.1")
    sender = make({**quiet, "smtp_tls_security_level": "encrypt", "virtual_mailbox_domains": "",
                   "smtp_tls_loglevel_maps": "inline:{ {.test=1} }", "smtp_bind_address": "198.51.100.9"})
    sender.send("u1@virt.test", text="Subject: observed\n\nbody\n")
    receiver.wait_mail("vmail/u1")
    receiver.wait_log(r"Anonymous TLS connection established from .*198\.51\.100\.9\]")
    sender.wait_log(r"TLS connection established to mx\.virt\.test\[192\.0\.2\.1\]:25")
    Client(receiver).starttls()
    with contextlib.closing(socket.create_connection((receiver.address, 25), 10)):
        pass
    receiver.wait_log("disconnect from", 2)
    assert len(re.findall("TLS connection established", receiver.log_text())) == 1
