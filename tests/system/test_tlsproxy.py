# SPDX-License-Identifier: Apache-2.0
"""tlsproxy asked directly, by the protocol of its control socket: requests that name no settings get those of
tlsproxy_tls_* and tlsproxy_client_*, for any stream and any protocol over it."""
import array
import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest

from harness.instance import CERTS
from postern import PACKAGE, Postern

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="its tlsproxy speaks another protocol")]
AVAILABLE, REFUSED = "0", "1"
MX = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": f"{CERTS}/mx.key, {CERTS}/mx.pem"}


def unverified():
    """A client that believes everything; it does not even read the system's certificates, which takes long."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Lost(Exception):
    """The other side closed before it said what it had to."""


class Control:
    """A program's control connection."""

    def __init__(self, inst, service="tlsproxy"):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(f"{inst.queue}/private/{service}")
        self.number = 0
        self.send("hello", protocol="tlsproxy_protocol", version=1)

    def send(self, request, fds=(), **attributes):
        """One packet: the number of descriptors, then the attributes."""
        text = f"request\0{request}\0" + "".join(f"{k}\0{v}\0" for k, v in attributes.items()) + "\0"
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([bytes([len(fds)]) + text.encode()], rights)

    def reserve(self, role, nexthop="", host="", endpoint="peer[192.0.2.1]"):
        """Asks for a place; (id, availability, reason)."""
        self.number += 1
        self.send("default", id=self.number, endpoint=endpoint, handshake_limit=10000, role=role, nexthop=nexthop,
                  host=host)
        answer = self.socket.recv(65536)
        if not answer:
            raise Lost
        words = answer[1:].decode().split("\0")
        got = dict(zip(words[0::2], words[1::2]))
        assert got["request"] == "answer" and got["id"] == str(self.number)
        return self.number, got["availability"], got["reason"]

    def start(self, number):
        """Hands over a stream; returns its far end and the plaintext socket."""
        near, far = socket.socketpair()
        mine, theirs = socket.socketpair()
        self.send("start", fds=[near.fileno(), theirs.fileno()], id=number)
        near.close()
        theirs.close()
        far.settimeout(20)
        mine.settimeout(20)
        return far, mine


def exactly(sock, count):
    got = b""
    while len(got) < count:
        more = sock.recv(count - len(got))
        if not more:
            raise Lost
        got += more
    return got


def read_report(plain):
    """The report as a dict; lists are lists."""
    words = exactly(plain, int.from_bytes(exactly(plain, 4), "big")).decode().split("\0")
    report, i = {}, 0
    while i + 1 < len(words) and words[i]:
        name, value = words[i], words[i + 1]
        i += 2
        if name in ("library_errors", "notes"):
            count = int(value)
            value, i = words[i + 1:i + 2 * count:2], i + 2 * count
        report[name] = value
    return report


def shake(sock, context, server_side=False, name=None, session=None):
    """The far end's handshake, in a thread: the TLS socket, or the exception."""
    result = {}

    def run():
        try:
            result["tls"] = context.wrap_socket(sock, server_side=server_side, server_hostname=name, session=session)
        except (OSError, ssl.SSLError) as e:
            result["error"] = e
    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def server_session(inst, service, context=None, name=None, session=None):
    """One server session: (TLS socket of the client, report, plaintext socket)."""
    control = Control(inst, service)
    number, availability, reason = control.reserve("server")
    assert availability == AVAILABLE, reason
    far, plain = control.start(number)
    thread, result = shake(far, context or unverified(), name=name, session=session)
    report = read_report(plain)
    thread.join()
    return result.get("tls"), report, plain


def client_session(inst, service, cert="mx1", nexthop="dest.test", host="mx1.dest.test", version=None):
    """One client session with a server that shows CERT: (TLS socket of the server, report, plaintext socket)."""
    control = Control(inst, service)
    number, availability, reason = control.reserve("client", nexthop=nexthop, host=host)
    assert availability == AVAILABLE, reason
    far, plain = control.start(number)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{CERTS}/{cert}.pem", f"{CERTS}/{cert}.key")
    context.load_verify_locations(f"{CERTS}/ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    if version:
        context.maximum_version = version
    thread, result = shake(far, context, server_side=True)
    report = read_report(plain)
    thread.join()
    return result.get("tls"), report, plain


def tls12(**files):
    context = unverified()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if "cert" in files:
        context.load_cert_chain(f"{CERTS}/{files['cert']}.pem", f"{CERTS}/{files['cert']}.key")
    return context


def no_tickets():
    context = tls12()
    context.options |= ssl.OP_NO_TICKET
    return context


def with_certificate():
    context = unverified()
    context.load_cert_chain(f"{CERTS}/client.pem", f"{CERTS}/client.key")
    return context


@pytest.fixture(scope="module")
def proxies(private_world):     # noqa: ARG001 (the instance lives in it)
    """One instance with a tlsproxy service for each set of parameters: proxies(NAME=VALUE...) is its name."""
    top = tempfile.mkdtemp(prefix="postern-")
    os.chmod(top, 0o755)
    inst = Postern(f"{top}/0", 25, "127.0.0.1")
    lines = "".join(f"{name} unix - - n - 0 tlsproxy\n" + "".join(f"  -o {{ {k} = {v} }}\n" for k, v in settings.items())
                    for name, settings in {**SERVERS, **CLIENTS}.items())
    inst.create({**MX, "smtp_tls_security_level": "may", "smtp_tls_CAfile": f"{CERTS}/ca.pem"}, lines)
    digest = subprocess.run(["openssl", "x509", "-in", f"{CERTS}/ca.pem", "-noout", "-hash"], capture_output=True,
                            text=True, check=True).stdout.strip()
    os.mkdir(f"{inst.config}/ca", 0o755)
    shutil.copy(f"{CERTS}/ca.pem", f"{inst.config}/ca/{digest}.0")
    inst.start()
    yield inst
    inst.stop()
    inst.kill9()
    shutil.rmtree(top, ignore_errors=True)


SERVERS = {
    "plain": {},
    "chain": {"tlsproxy_tls_chain_files": f"{CERTS}/dest.key {CERTS}/dest.pem"},
    "pair": {"tlsproxy_tls_chain_files": "", "tlsproxy_tls_cert_file": f"{CERTS}/dest.pem",
             "tlsproxy_tls_key_file": f"{CERTS}/dest.key"},
    "ecpair": {"tlsproxy_tls_chain_files": "", "tlsproxy_tls_eccert_file": f"{CERTS}/dest.pem",
               "tlsproxy_tls_eckey_file": f"{CERTS}/dest.key"},
    "dpair": {"tlsproxy_tls_chain_files": "", "tlsproxy_tls_dcert_file": f"{CERTS}/dest.pem",
              "tlsproxy_tls_dkey_file": f"{CERTS}/dest.key"},
    "ask": {"tlsproxy_tls_ask_ccert": "yes", "tlsproxy_tls_CAfile": f"{CERTS}/ca.pem"},
    "askpath": {"tlsproxy_tls_ask_ccert": "yes", "tlsproxy_tls_CApath": "$config_directory/ca"},
    "nodh": {"tlsproxy_tls_dh1024_param_file": "/nonexistent"},
    "askonly": {"tlsproxy_tls_ask_ccert": "yes"},
    "require": {"tlsproxy_tls_req_ccert": "yes", "tlsproxy_tls_security_level": "encrypt"},
    "digest": {"tlsproxy_tls_ask_ccert": "yes", "tlsproxy_tls_fingerprint_digest": "sha1"},
    "old": {"tlsproxy_tls_protocols": "<=TLSv1.2"},
    "oldmust": {"tlsproxy_tls_mandatory_protocols": "<=TLSv1.2", "tlsproxy_tls_security_level": "encrypt"},
    "noids": {"tlsproxy_tls_always_issue_session_ids": "no"},
    "nochacha": {"tlsproxy_tls_exclude_ciphers": "AESGCM"},
    "nochachamust": {"tlsproxy_tls_mandatory_exclude_ciphers": "AESGCM", "tlsproxy_tls_security_level": "encrypt"},
    "strong": {"tlsproxy_tls_eecdh_grade": "strong"},
    "ultra": {"tlsproxy_tls_eecdh_grade": "ultra"},
    "finite": {"tlsproxy_tls_eecdh_grade": "none"},
    "loud": {"tlsproxy_tls_loglevel": "2"},
    "bytes": {"tlsproxy_tls_loglevel": "3"},
    "allbytes": {"tlsproxy_tls_loglevel": "4"},
    "none": {"tlsproxy_tls_security_level": "none"},
    "use": {"smtpd_tls_security_level": "", "tlsproxy_use_tls": "yes"},
    "enforce": {"smtpd_tls_security_level": "", "tlsproxy_enforce_tls": "yes",
                "tlsproxy_tls_mandatory_protocols": "<=TLSv1.2"},
    "neither": {"smtpd_tls_security_level": ""},
    "graded": {"tlsproxy_tls_ciphers": "high", "tls_high_cipherlist": "ECDHE-ECDSA-CHACHA20-POLY1305"},
    "gradedmust": {"tlsproxy_tls_mandatory_ciphers": "high", "tlsproxy_tls_security_level": "encrypt",
                   "tls_high_cipherlist": "ECDHE-ECDSA-CHACHA20-POLY1305"},
    "badkey": {"tlsproxy_tls_chain_files": "/nonexistent"},
    "slow": {"tls_fast_shutdown_enable": "no"},
    "noticket": {"tls_session_ticket_cipher": ""},
}
CLIENTS = {
    "cplain": {},
    "cnone": {"tlsproxy_client_security_level": "none"},
    "cverify": {"tlsproxy_client_security_level": "verify"},
    "csecure": {"tlsproxy_client_security_level": "secure"},
    "cnoca": {"tlsproxy_client_security_level": "verify", "tlsproxy_client_CAfile": ""},
    "cpath": {"tlsproxy_client_CAfile": "", "tlsproxy_client_CApath": "$config_directory/ca"},
    "cpolicy": {"tlsproxy_client_policy_maps": "inline:{ {dest.test = encrypt protocols=<=TLSv1.2}, {x.test = none}, "
                                               "{d.test = dane} }"},
    "cold": {"tlsproxy_client_policy": "inline:{ {dest.test = none} }"},
    "coldlevel": {"tlsproxy_client_level": "none"},
    "csite": {"tlsproxy_client_security_level": "none", "tlsproxy_client_per_site": "inline:{ {dest.test = MUST} }"},
    "cuse": {"smtp_tls_security_level": "", "tlsproxy_client_use_tls": "yes"},
    "cenforce": {"smtp_tls_security_level": "", "tlsproxy_client_enforce_tls": "yes",
                 "smtp_tls_mandatory_protocols": "<=TLSv1.2"},
    "cchain": {"tlsproxy_client_chain_files": f"{CERTS}/client.key {CERTS}/client.pem"},
    "cpair": {"tlsproxy_client_cert_file": f"{CERTS}/client.pem", "tlsproxy_client_key_file": f"{CERTS}/client.key"},
    "cecpair": {"tlsproxy_client_eccert_file": f"{CERTS}/client.pem",
                "tlsproxy_client_eckey_file": f"{CERTS}/client.key"},
    "cdpair": {"tlsproxy_client_dcert_file": f"{CERTS}/client.pem", "tlsproxy_client_dkey_file": f"{CERTS}/client.key"},
    "cdigest": {"tlsproxy_client_fingerprint_digest": "sha1"},
    "cloud": {"tlsproxy_client_loglevel": "2"},
}


def test_any_stream_and_any_protocol(proxies):
    """Full duplex, a megabyte each way, ends one after the other."""
    tls, report, plain = server_session(proxies, "plain")
    assert report["established"] == "1" and report["protocol"] == "TLSv1.3" and report["trust"] == "0"
    up, down = os.urandom(1 << 20), os.urandom(1 << 20)
    got = {}
    threads = [threading.Thread(target=lambda: got.update(up=exactly(plain, len(up)))),
               threading.Thread(target=lambda: got.update(down=exactly(tls, len(down)))),
               threading.Thread(target=lambda: plain.sendall(down))]
    for thread in threads:
        thread.start()
    tls.sendall(up)
    for thread in threads:
        thread.join()
    assert got == {"up": up, "down": down}


@pytest.mark.parametrize("service, name", [("plain", b"mx.example.test"), ("chain", b"dest.test"), ("pair", b"dest.test"),
                                           ("ecpair", b"dest.test"), ("dpair", b"dest.test")])
def test_server_certificates(proxies, service, name):
    tls, _, _ = server_session(proxies, service)
    assert name in tls.getpeercert(True)


@pytest.mark.parametrize("service, expected", [
    ("ask", {"certificate_asked": "1", "trust": "2", "peer_cn": "client.example.net"}),
    ("askpath", {"trust": "2"}), ("askonly", {"certificate_asked": "1", "trust": "1"}), ("require", {"certificate_asked": "1"}),
    ("plain", {"certificate_asked": "0", "trust": "0"})])
def test_client_certificates(proxies, service, expected):
    _, report, _ = server_session(proxies, service, with_certificate())
    assert expected.items() <= report.items()
    if service in ("ask", "askonly"):
        assert report["certificate_fingerprint"].count(":") == 31


def test_digest_of_fingerprints(proxies):
    assert server_session(proxies, "digest", with_certificate())[1]["certificate_fingerprint"].count(":") == 19


@pytest.mark.parametrize("service, context, expected", [
    ("plain", None, {"protocol": "TLSv1.3", "key_exchange": "X25519"}), ("old", None, {"protocol": "TLSv1.2"}),
    ("oldmust", None, {"protocol": "TLSv1.2"}), ("enforce", None, {"protocol": "TLSv1.2"}),
    ("use", None, {"protocol": "TLSv1.3"}),
    ("nochacha", tls12, {"cipher": "ECDHE-ECDSA-CHACHA20-POLY1305"}),
    ("nochachamust", tls12, {"cipher": "ECDHE-ECDSA-CHACHA20-POLY1305"}),
    ("graded", tls12, {"cipher": "ECDHE-ECDSA-CHACHA20-POLY1305"}),
    ("gradedmust", tls12, {"cipher": "ECDHE-ECDSA-CHACHA20-POLY1305"}),
    ("strong", None, {"key_exchange": "ECDHE", "key_exchange_curve": "prime256v1"}),
    ("ultra", None, {"key_exchange": "ECDHE", "key_exchange_curve": "secp384r1"})])
def test_protocols_ciphers_and_groups(proxies, service, context, expected):
    _, report, _ = server_session(proxies, service, context() if context else None)
    assert expected.items() <= report.items()


def test_no_elliptic_curves(proxies):
    """A client that knows nothing but elliptic curves finds no common ground."""
    tls, report, _ = server_session(proxies, "finite", tls12())
    assert tls is None and report["established"] == "0"


def test_session_ids(proxies):
    assert server_session(proxies, "plain", no_tickets())[0].session.id
    assert server_session(proxies, "noids", no_tickets())[0].session.id == b""


def test_log_levels_in_the_report(proxies):
    assert server_session(proxies, "plain")[1]["notes"] == []
    notes = server_session(proxies, "loud")[1]["notes"]
    assert notes[0] == "setting up TLS connection from peer[192.0.2.1]"
    assert notes[1].startswith('peer[192.0.2.1]: TLS cipher list "aNULL:')
    assert "SSL_accept:SSLv3/TLS read client hello" in notes and "SSL_accept:SSLv3/TLS write finished" in notes
    assert not any(note.startswith("read from") for note in notes)
    notes = server_session(proxies, "bytes")[1]["notes"]
    assert any(re.fullmatch(r"0000 16 03 [0-9a-f |]+  [ -~]+", note) for note in notes)
    assert any(note.startswith("write to peer[192.0.2.1]: ") for note in notes)
    # Level 4 goes on with the session, in the log of the process that sees it.
    tls, _, plain = server_session(proxies, "allbytes")
    tls.sendall(b"x" * 5000)
    assert exactly(plain, 5000)
    proxies.wait_log(r"tlsproxy\[\d+\]: read from peer\[192\.0\.2\.1\]: \d+ bytes$")


@pytest.mark.parametrize("service, reason", [
    ("none", "no TLS for servers"), ("neither", "no TLS for servers"), ("badkey", "/nonexistent: No such file"),
    ("nodh", "/nonexistent: No such file")])
def test_refused_servers(proxies, service, reason):
    _, availability, text = Control(proxies, service).reserve("server")
    assert availability == REFUSED and reason in text


@pytest.mark.parametrize("service, seconds", [("plain", 0), ("slow", 3)])
def test_fast_shutdown(proxies, service, seconds):
    """Whether the stream ends before the client has answered the closing notice."""
    control = Control(proxies, service)
    number, _, _ = control.reserve("server")
    far, plain = control.start(number)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = unverified().wrap_bio(incoming, outgoing)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            far.sendall(outgoing.read())
            incoming.write(far.recv(65536))
    far.sendall(outgoing.read())
    assert read_report(plain)["established"] == "1"
    plain.close()
    far.settimeout(seconds or 10)

    def ended():
        while far.recv(65536):
            pass
        return True
    if not seconds:
        assert ended()
        return
    with pytest.raises(socket.timeout):
        ended()
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.unwrap()
    far.sendall(outgoing.read())
    assert ended()


# --- tickets ---------------------------------------------------------------------------------------------

def ticket(tls, plain):
    """The session of a connection, once its ticket has come."""
    plain.sendall(b"x")
    assert exactly(tls, 1) == b"x"
    return tls.session


def resumed(inst, service, context, session):
    return server_session(inst, service, context, session=session)[1]["resumed"] == "1"


def test_a_ticket_is_good_for_the_service_it_came_from_only(proxies):
    context = unverified()
    tls, _, plain = server_session(proxies, "plain", context)
    session = ticket(tls, plain)
    assert resumed(proxies, "plain", context, session)
    tls, _, plain = server_session(proxies, "plain", context)
    session = ticket(tls, plain)
    assert not resumed(proxies, "ask", context, session)
    assert not resumed(proxies, "use", context, session)


def test_no_ticket_without_its_cipher(proxies):
    tls, _, plain = server_session(proxies, "noticket")
    plain.sendall(b"x")
    assert exactly(tls, 1) == b"x" and not tls.session.has_ticket


# --- client ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("service, cert, expected", [
    ("cplain", "mx1", {"protocol": "TLSv1.3", "trust": "2"}), ("cplain", "self", {"trust": "1"}),
    ("cverify", "mx1", {"trust": "3"}), ("cverify", "wrong", {"trust": "1"}), ("cnoca", "mx1", {"trust": "1"}), ("cpath", "mx1", {"trust": "2"}),
    ("csecure", "dest", {"trust": "3"}), ("cpolicy", "mx1", {"protocol": "TLSv1.2"}),
    ("csite", "mx1", {"trust": "3"}), ("csite", "wrong", {"trust": "1"}), ("cuse", "mx1", {"protocol": "TLSv1.3"}),
    ("cenforce", "mx1", {"protocol": "TLSv1.2"})])
def test_client_levels_and_authorities(proxies, service, cert, expected):
    _, report, _ = client_session(proxies, service, cert)
    assert report["established"] == "1" and expected.items() <= report.items(), report


@pytest.mark.parametrize("service", ["cchain", "cpair", "cecpair", "cdpair"])
def test_certificates_of_a_client(proxies, service):
    tls, _, _ = client_session(proxies, service)
    assert ("commonName", "client.example.net") in [pair for entry in tls.getpeercert()["subject"] for pair in entry]


def test_other_client_parameters(proxies):
    assert client_session(proxies, "cdigest")[1]["certificate_fingerprint"].count(":") == 19
    notes = client_session(proxies, "cloud")[1]["notes"]
    assert notes[0] == "setting up TLS connection to peer[192.0.2.1]"
    assert "peer[192.0.2.1]: depth=0 verify=1 subject=/O=Oracle Tests/CN=mx1.dest.test" in notes


@pytest.mark.parametrize("service, nexthop, reason", [
    ("cnone", "dest.test", "no TLS for this destination"), ("coldlevel", "dest.test", "no TLS for this destination"),
    ("cold", "dest.test", "no TLS for this destination"), ("cpolicy", "x.test", "no TLS for this destination"),
    ("cpolicy", "d.test", "level dane needs the TLSA records"), ("csite", "other.test", "no TLS for this destination")])
def test_refused_clients(proxies, service, nexthop, reason):
    _, availability, text = Control(proxies, service).reserve("client", nexthop=nexthop, host="mx1.dest.test")
    assert availability == REFUSED and reason in text


# --- hostile programs --------------------------------------------------------------------------------------

def test_a_broken_request_ends_its_connection_only(proxies):
    good = Control(proxies, "plain")
    for packet in (b"", b"\0", b"\0request\0default\0id\0x\0\0", b"\0request\0nonsense\0\0", os.urandom(500)):
        bad = Control(proxies, "plain")
        bad.socket.send(packet)
        assert bad.socket.recv(100) == b""
    bad = Control(proxies, "plain")
    bad.send("default", id=1, endpoint="e", handshake_limit=1, role="dancer", nexthop="", host="")
    assert bad.socket.recv(100) == b""
    assert good.reserve("server")[1] == AVAILABLE


def test_a_handed_over_descriptor_counts_once(proxies):
    """A second hand-over for the same place is closed at once, and the first goes on."""
    control = Control(proxies, "plain")
    number, _, _ = control.reserve("server")
    far, plain = control.start(number)
    other, other_plain = control.start(number)
    assert other.recv(1) == b"" and other_plain.recv(1) == b""
    thread, result = shake(far, unverified())
    assert read_report(plain)["established"] == "1"
    thread.join()
    assert "tls" in result
