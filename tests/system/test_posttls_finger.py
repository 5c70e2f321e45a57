# SPDX-License-Identifier: Apache-2.0
"""posttls-finger beside Debian's: the same servers, the same question, the same lines."""
import concurrent.futures
import hashlib
import os
import re
import ssl
import subprocess

import pytest

from debian import PEER, Debian
from harness.instance import CERTS
from harness.peers import SmtpSink
from postern import COMMANDS, PACKAGE, world

pytestmark = pytest.mark.root

OURS = f"{COMMANDS}/posttls-finger"
DEBIANS = f"{PEER}/usr/sbin/posttls-finger"
needs_debian = pytest.mark.skipif(not os.path.exists(DEBIANS) or PACKAGE is not None,
                                  reason="Debian's package is not unpacked (make oracle)")
FINGERPRINTS = {tuple(line.split()[:2]): line.split()[2] for line in open(f"{CERTS}/fingerprints.txt")}


class Server(SmtpSink):
    """A sink whose TLS sessions can be resumed: one context for all its connections."""

    resumed = ()

    def start(self):
        if self.cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(f"{CERTS}/{self.cert}.pem", f"{CERTS}/{self.cert}.key")
            if self.tls_max:
                self.context.maximum_version = getattr(ssl.TLSVersion, "TLSv" + self.tls_max.replace(".", "_"))
        super().start()

    def _handshake(self, conn, log):
        try:
            conn = self.context.wrap_socket(conn, server_side=True)
        except (ssl.SSLError, OSError) as e:
            log.append("[TLS failed]")
            raise EOFError from e
        self.resumed += (conn.session_reused,)
        return conn


class NoTls(Server):
    """After STARTTLS it speaks something else, and waits until the client has gone."""

    def _handshake(self, conn, log):
        conn.sendall(b"this is not TLS\r\n")
        while conn.recv(4096):
            pass
        raise EOFError


@pytest.fixture
def serve():
    """Factory of servers that end with the test."""
    made = []

    def factory(*args, kind=Server, **kw):
        server = kind(*args, **kw)
        server.start()
        made.append(server)
        return server
    yield factory
    for server in made:
        server.stop()


@pytest.fixture
def finger(tmp_path):
    """finger(ARGUMENT...) -> (status, lines); finger.debian() is the package's program with the same main.cf."""
    os.chmod(tmp_path, 0o755)
    config = tmp_path / "etc"
    config.mkdir()
    (config / "main.cf").write_text(
        f"compatibility_level = 3.6\nmyhostname = {world.HOSTNAME}\nqueue_directory = {tmp_path}\n"
        f"data_directory = {tmp_path}\n")
    (config / "master.cf").write_text("")
    return Finger(str(config))


class Finger:
    def __init__(self, config):
        self.env = dict(os.environ, MAIL_CONFIG=config)
        self.env.pop("MAIL_VERBOSE", None)

    def __call__(self, *args, program=(OURS,)):
        p = subprocess.run([*program, *args], env=self.env, capture_output=True, text=True, timeout=60, cwd="/",
                           stdin=subprocess.DEVNULL)
        return p.returncode, (p.stdout + p.stderr).splitlines()

    def debian(self, *args):
        os.makedirs("/etc/postfix", exist_ok=True)
        return self(*args, program=Debian.argv("posttls-finger"))


def normal(lines):
    """Without what differs from run to run, and Debian's remark that the test's DNS server is no validating one."""
    out = []
    for line in lines:
        line = re.sub(r"&[0-9A-F]{64}", "&HASH", line)
        if "DNSSEC validation may be unavailable" in line or "reason: dnssec_probe" in line:
            continue
        if "save session" in line and line in out[-1:]:      # two tickets may come in one read
            continue
        out.append(line)
    return out


def certificate(name):
    """A certificate of the tests, DER."""
    with open(f"{CERTS}/{name}.pem") as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def digest_of(cert, selector):
    """SHA-256 of a certificate of the tests (selector 0) or of its key (1), as a TLSA record has it."""
    der = certificate(cert)
    if selector:
        pem = subprocess.run(["openssl", "x509", "-in", f"{CERTS}/{cert}.pem", "-noout", "-pubkey"],
                             capture_output=True, check=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, capture_output=True,
                             check=True).stdout
    return hashlib.sha256(der).hexdigest()


CA = ["-F", f"{CERTS}/ca.pem"]
MX1 = FINGERPRINTS["mx1", "cert-sha256"]
MX1_KEY = FINGERPRINTS["mx1", "pkey-sha256"]
OTHER = FINGERPRINTS["other", "cert-sha256"]
# What is asked: arguments, and a line that must be in the answer (whatever Debian's program says).
QUESTIONS = {
    "none": (["-l", "none", "dest.test"], "> QUIT"),
    "may": (["-l", "may", "dest.test"], "Untrusted TLS connection established to mx1.dest.test[192.0.2.10]:25: TLSv1.3"),
    "encrypt": (["-l", "encrypt", "dest.test"], "Untrusted TLS connection established"),
    "untrusted": (["-l", "secure", "dest.test"], "certificate verification failed for mx1.dest.test[192.0.2.10]:25: "
                  "untrusted issuer /O=Oracle Tests/CN=Test CA"),
    "verify": (["-l", "verify", *CA, "dest.test"], "Verified TLS connection established"),
    "secure": (["-l", "secure", *CA, "dest.test", "mx1.dest.test"], "matched peername: mx1.dest.test"),
    "below": (["-l", "secure", *CA, "dest.test"], "Verified TLS connection established"),
    "wrong-name": (["-l", "verify", *CA, "[mx2.dest.test]"], "num=62:hostname mismatch"),
    "named": (["-l", "secure", *CA, "[mx2.dest.test]", "wrong.example.org"], "matched peername: wrong.example.org"),
    "anchor": (["-l", "secure", "-A", f"{CERTS}/ca.pem", "dest.test"], "Matched trust anchor at depth 1"),
    "other-anchor": (["-l", "secure", "-A", f"{CERTS}/otherca.pem", "dest.test"], "Untrusted TLS connection"),
    "fingerprint": (["-l", "fingerprint", "dest.test", OTHER, MX1], "Matched fingerprint: " + MX1.replace(":", "")),
    "key": (["-l", "fingerprint", "dest.test", MX1_KEY], "Matched fingerprint: " + MX1_KEY.replace(":", "")),
    "wrong-fingerprint": (["-l", "fingerprint", "dest.test", OTHER], "no matching DANE TLSA records"),
    "no-fingerprint": (["-l", "fingerprint", "dest.test"], "Untrusted TLS connection established"),
    "bad-fingerprint": (["-l", "fingerprint", "dest.test", "zz", "AA:BB"], "all fingerprints unusable"),
    "sha1": (["-l", "may", "-d", "sha1", "dest.test"],
             "fingerprint=" + hashlib.sha1(certificate("mx1")).digest().hex(":").upper()),
    "no-digest": (["-l", "may", "-d", "bogus", "dest.test"], 'warning: Digest algorithm "bogus" not found'),
    "plaintext": (["-l", "secure", "[mx3.dest.test]"], "> QUIT"),
    "chain": (["-cC", "-L", "none", "-l", "may", "dest.test"], "   cert digest=" + MX1),
    "quiet": (["-c", "-L", "none", *CA, "-l", "verify", "dest.test"], None),
    "peercert": (["-c", "-L", "peercert", "-l", "may", "dest.test"], "subject_CN=mx1.dest.test, issuer_CN=Test CA"),
    "summary": (["-c", "-L", "summary", *CA, "-l", "verify", "dest.test"], "Verified TLS connection established"),
    "tls12": (["-c", "-l", "verify", *CA, "[192.0.2.20]", "mx1.dest.test"], "TLSv1.2 with cipher ECDHE-ECDSA"),
    "too-old": (["-c", "-l", "may", "-p", ">=TLSv1.3", "[192.0.2.20]"], "SSL_connect error to 192.0.2.20"),
    "protocols": (["-l", "may", "-p", "bogus", "dest.test"], 'Invalid TLS protocol list "bogus"'),
    "grade": (["-l", "may", "-g", "bogus", "dest.test"], 'invalid cipher grade: "bogus"'),
    "refused": (["-l", "may", "[192.0.2.20]:2500"], "STARTTLS rejected: 454 4.7.0 later"),
    "broken": (["-l", "may", "[192.0.2.20]:2501"], "warning: TLS library problem: error:0A00010B:SSL routines::"),
    "hangs-up": (["-l", "may", "[192.0.2.20]:2502"], "fatal: lost connection while sending STARTTLS"),
    "no-ehlo": (["-l", "may", "[192.0.2.20]:2503"], "EHLO rejected: 502 5.5.1 no"),
    "not-today": (["-l", "may", "[192.0.2.20]:2504"], "SMTP service not available: 421 4.3.2 not today"),
    "no-greeting": (["-l", "may", "[192.0.2.20]:2505"], "lost connection while reading server greeting"),
    "wrapper": (["-w", "-l", "secure", *CA, "[mx1.dest.test]:465"], "Verified TLS connection established"),
    "wrapper-none": (["-w", "-l", "none", "dest.test"], "fatal: SSL wrapper mode requires that TLS not be disabled"),
    "lmtp": (["-S", "-l", "secure", *CA, "inet:[mx1.dest.test]:24"], "> LHLO mx.example.test"),
    "next-host": (["-c", "-l", "may", "two.test"], "Failed to establish session to two.test via gone.two.test: connect "
                  "to gone.two.test[192.0.2.99]:25: Connection refused"),
    "no-mx": (["-c", "-l", "may", "plain.test"], "to plain.test[192.0.2.10]:25"),
    "null-mx": (["-l", "may", "null.test"], "Domain null.test does not accept mail (nullMX)"),
    "servfail": (["-l", "may", "broken.test"], "name=broken.test type=MX: Host not found, try again"),
    "unknown": (["-l", "may", "unknown.test"], "Destination address lookup failed: Host or domain name not found"),
    "pointless": (["-c", "-l", "may", "dest.test", "mx1.dest.test"],
                  "warning: TLS level 'may' does not implement certificate matching"),
    "port": (["-l", "may", "dest.test:bogus"], "fatal: unknown service: bogus/tcp"),
    "bracket": (["-l", "may", "[dest.test"], 'fatal: missing "]" in server description: [dest.test'),
    "level": (["-l", "bogus", "dest.test"], 'fatal: Invalid TLS level "bogus"'),
    "keys": (["-H", "a", "-k", "b", "dest.test"], "fatal: When the '-H' option is used"),
}
LAND = {"two.test": {"MX": [(10, "gone.two.test"), (20, "mx1.dest.test")]}, "gone.two.test": {"A": "192.0.2.99"},
        "plain.test": {"A": "192.0.2.10"}, "null.test": {"MX": [(0, ".")]}, "broken.test": "SERVFAIL"}


@pytest.fixture
def land(serve, zone):
    """The servers of QUESTIONS."""
    zone.update(LAND)
    serve("192.0.2.10", cert="mx1")
    serve("192.0.2.10", port=465, cert="mx1", wrapper=True)
    serve("192.0.2.10", port=24, cert="mx1", lmtp=True)
    serve("192.0.2.11", cert="wrong")
    serve("192.0.2.12")
    serve("192.0.2.20", cert="mx1", tls_max="1.2")
    scripts = [{"^STARTTLS": "454 4.7.0 later"}, {}, {"^STARTTLS": "DROP"}, {"^EHLO": "502 5.5.1 no"},
               {"CONNECT": "421 4.3.2 not today"}, {"CONNECT": "DROP"}]
    for n, script in enumerate(scripts):
        serve("192.0.2.20", port=2500 + n, cert="mx1", script=script, kind=Server if script else NoTls)


def ask_both(finger, questions):
    """(name, expected line, our answer, Debian's) for each; several at a time, since they mostly wait."""
    def ask(item):
        name, (args, expected) = item
        return name, expected, finger(*args), finger.debian(*args)
    os.makedirs("/etc/postfix", exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, questions.items()))


@needs_debian
def test_like_debians(finger, land):
    """Every question gets the same lines and exit status from both programs."""
    different = []
    for name, expected, ours, debians in ask_both(finger, QUESTIONS):
        (status, lines), (debian_status, debian_lines) = ours, debians
        lines, debian_lines = normal(lines), normal(debian_lines)
        if (status, lines) != (debian_status, debian_lines):
            different.append(f"{name}: {status}, Debian's {debian_status}\n  " + "\n  ".join(lines) +
                             "\n Debian's:\n  " + "\n  ".join(debian_lines))
        text = "\n".join(lines)
        assert expected in text if expected else not lines, f"{name}: {text}"
    assert not different, "\n".join(different)


# Names whose hosts are told by signed records (the DNS server of the tests says which are signed).
def signed(**data):
    return dict(data, secure=True)


def dane_zone():
    """For each name: a signed MX host, and what its TLSA records are."""
    def host(domain, records, mx=None, **address):
        mx = mx or f"mx.{domain}"
        return {domain: signed(MX=[(10, mx)]), mx: signed(**(address or {"A": "192.0.2.10"})),
                f"_25._tcp.{mx}": records if records == "SERVFAIL" else signed(TLSA=records)}
    key, other = digest_of("mx1", 1), digest_of("other", 1)
    zone = {"": signed(NS=["ns.test"])}
    zone |= host("good.test", [(3, 1, 1, key)])
    zone |= host("bad.test", [(3, 1, 1, other)])
    zone |= host("both.test", [(3, 1, 1, other), (3, 0, 1, digest_of("mx1", 0))])
    zone |= host("usage.test", [(1, 0, 1, digest_of("mx1", 0))])
    zone |= host("failed.test", "SERVFAIL")
    zone |= host("alias.test", [], CNAME="mx.good.test")
    zone |= {"none.test": signed(MX=[(10, "mx.none.test")]), "mx.none.test": signed(A="192.0.2.10")}
    zone |= {"mixed.test": {"MX": [(10, "mx.good.test")]}}
    zone |= {"unsigned.test": signed(MX=[(10, "mx.unsigned.test")]), "mx.unsigned.test": {"A": "192.0.2.10"},
             "_25._tcp.mx.unsigned.test": signed(TLSA=[(3, 1, 1, key)])}
    return zone


DANE = {
    "good": (["good.test"], "Matched DANE EE certificate at depth 0: 3 1 1 "),
    "only": (["-l", "dane-only", "good.test"], "Verified TLS connection established"),
    "bad": (["-l", "dane", "bad.test"], "num=65:no matching DANE TLSA records"),
    "both": (["-l", "dane", "both.test"], "Matched DANE EE certificate at depth 0: 3 0 1 "),
    "usage": (["-l", "dane", *CA, "usage.test"], "unsupported TLSA certificate usage: 1 0 1 "),
    "only-usage": (["-l", "dane-only", *CA, "usage.test"], 'no usable TLSA records found, resorting to "secure"'),
    "failed": (["-l", "dane", "failed.test"],
               "Failed to establish session to failed.test via mx.failed.test: TLSA lookup error for mx.failed.test:25"),
    "alias": (["-l", "dane", "alias.test"], "Verified TLS connection established to mx.alias.test[192.0.2.10]:25"),
    "none": (["-l", "dane", "none.test"], "Untrusted TLS connection established"),
    "only-none": (["-l", "dane-only", "none.test"], 'no TLSA records found, resorting to "secure"'),
    "mixed": (["-l", "dane", "mixed.test"], "Trusted TLS connection established"),
    "mixed-encrypt": (["-l", "dane", "-M", "encrypt", "mixed.test"], "TLSA RRs found, MX RRset insecure: just encrypt"),
    "mixed-may": (["-l", "dane", "-M", "may", "mixed.test"], "MX RRset is insecure: try to encrypt"),
    "unsigned": (["-l", "dane", "unsigned.test"], "Untrusted TLS connection established"),
    "forced": (["-l", "dane", "-f", "unsigned.test"], "Verified TLS connection established"),
    "host": (["-l", "dane", "[mx.good.test]"], "Verified TLS connection established"),
}


@needs_debian
def test_dane_like_debians(finger, serve, zone):
    """TLSA records: found, wrong, unusable, not to be had, below an unsigned MX record or host."""
    zone.update(dane_zone())
    serve("192.0.2.10", cert="mx1")
    for name, expected, (status, lines), (debian_status, debian_lines) in ask_both(finger, DANE):
        assert expected in "\n".join(lines), f"{name}: {lines}"
        assert (status, normal(lines)) == (debian_status, normal(debian_lines)), name


@needs_debian
@pytest.mark.parametrize("tls_max", ["1.2", None])
def test_reconnect_like_debians(finger, serve, tls_max):
    """-r resumes the session at the same server, and the server sees that it does."""
    server = serve("192.0.2.10", cert="mx1", tls_max=tls_max)
    args = ["-r", "1", "-l", "verify", *CA, "[192.0.2.10]", "mx1.dest.test"]
    status, lines = finger(*args)
    assert status == 0 and server.resumed == (False, True)
    assert any("reloaded session [192.0.2.10]:25&" in line for line in lines)
    assert lines[-1] == "posttls-finger: Found a previously used server.  Done reconnecting."
    _, debian_lines = finger.debian(*args)
    # With TLS 1.3 it is a matter of timing when a ticket is read, and so are the place and the number of these lines.
    assert tls_max or any("save session" in line for line in lines)
    lines, debian_lines = ([line for line in normal(text) if "save session" not in line]
                           for text in (lines, debian_lines))
    assert lines == debian_lines


def test_reconnect_to_many(finger, serve):
    """Servers behind one address that call themselves by different names: each is asked with a session of its own."""
    names = [f"250-lb{n}.test\n250 STARTTLS" for n in (0, 0, 1, 2, 3)]
    server = serve("192.0.2.10", cert="mx1", script={"^EHLO": names})
    _, lines = finger("-c", "-r", "1", "-m", "2", "-l", "may", "[192.0.2.10]")
    assert lines[-1] == "posttls-finger: Maximum reconnect count reached."
    assert server.resumed == (False, False, False)
    serve("192.0.2.11")
    _, lines = finger("-c", "-r", "1", "-l", "may", "[192.0.2.11]")
    assert lines == ["posttls-finger: Server declined session caching. Done reconnecting."]


def test_unix_socket_and_timeouts(finger, serve, tmp_path):
    """LMTP over a UNIX-domain socket, with TLS; a server that says nothing is given up after -t, one that does not
    answer after -T."""
    serve(path=str(tmp_path / "lmtp"), lmtp=True, cert="mx1")
    status, lines = finger("-S", "-l", "secure", *CA, f"unix:{tmp_path}/lmtp", "mx1.dest.test")
    assert status == 0 and f"posttls-finger: Connected to mx.example.test[{tmp_path}/lmtp]" in lines
    assert any(line.startswith("posttls-finger: Verified TLS connection established to mx.example.test[") for line in lines)
    serve("192.0.2.10", script={"CONNECT": "SLEEP 20 220 late"})
    assert "posttls-finger: timeout while reading server greeting" in finger("-t", "1", "[192.0.2.10]")[1]
    serve("192.0.2.11", script={"^EHLO": "SLEEP 20 250 late"})
    assert "posttls-finger: timeout while sending EHLO" in finger("-T", "1", "[192.0.2.11]")[1]


def test_client_certificate(finger, serve):
    """-k and -K, or -H: the server asks for a certificate and gets it; without them it gets none."""
    server = serve("192.0.2.10", cert="mx1", ask_cert=True, kind=SmtpSink)
    for args in (["-k", f"{CERTS}/client.pem", "-K", f"{CERTS}/client.key"], []):
        status, _ = finger("-l", "may", *args, "[192.0.2.10]")
        assert status == 0
    shown = [[line for line in session if line.startswith("[TLS")] for session in server.sessions]
    assert shown == [["[TLS TLSv1.3 client-cert]"], ["[TLS TLSv1.3 no-client-cert]"]]


def test_server_name(finger, serve):
    """SNI: none unless -s is given."""
    server = serve("192.0.2.10", cert="mx1", kind=SmtpSink)
    finger("-l", "may", "[192.0.2.10]")
    finger("-l", "may", "-s", "sni.example.test", "[192.0.2.10]")
    text = server.transcript()
    assert "[TLS TLSv1.3]" in text and "[TLS TLSv1.3 sni=sni.example.test]" in text


def test_services_by_srv(finger, serve, zone):
    """-R: the hosts and ports of SRV records, the best priority first."""
    zone["_submission._tcp.srv.test"] = {"SRV": [(20, 0, 2526, "mx1.dest.test"), (10, 0, 2525, "mx1.dest.test")]}
    serve("192.0.2.10", port=2525, cert="mx1")
    serve("192.0.2.10", port=2526, cert="mx1")
    _, lines = finger("-R", "-l", "may", "srv.test:submission")
    assert "posttls-finger: Connected to mx1.dest.test[192.0.2.10]:2525" in lines
    _, lines = finger("-R", "-l", "may", "dest.test:submission")
    assert len(lines) == 1 and "name=_submission._tcp.dest.test type=SRV: Host not found" in lines[0]


def test_bad_usage(finger):
    for args in ([], ["-o", "novalue", "dest.test"], ["--bogus", "dest.test"]):
        status, lines = finger(*args)
        assert status == 1 and any("usage: posttls-finger" in line for line in lines), args
    for args, complaint in ((["-t", "x"], "bad '-t' option value: x"), (["-T", "0"], "bad '-T' option value: 0"),
                            (["-r", "-1"], "bad '-r' option value: -1"), (["-M", "x"], "bad '-M' option value: x"),
                            (["-a", "x"], "bad '-a' option value: x"), (["-x"], "raw public keys"),
                            (["-h", "x"], 'unknown -h option value "x" in "x"')):
        status, lines = finger(*args, "dest.test")
        assert status == 1 and lines[0].startswith("posttls-finger: fatal: ") and complaint in lines[0], lines
    status, lines = finger("-A", "/nonexistent", "dest.test")
    assert status == 1 and lines[-1] == "posttls-finger: fatal: Failed to load trust anchor file: /nonexistent"


def test_hostile_server(finger, serve):
    """Control bytes do not reach the terminal, and a reply without end ends all the same."""
    serve("192.0.2.10", script={"CONNECT": "220 \x1b[2Jhello"})
    _, lines = finger("-l", "may", "[192.0.2.10]")
    assert "posttls-finger: < 220 ?[2Jhello" in lines
    serve("192.0.2.11", script={"CONNECT": "\n".join(["220-more"] * 5000)})
    _, lines = finger("-T", "2", "-l", "may", "[192.0.2.11]")
    assert lines[-1] == "posttls-finger: timeout while reading server greeting" and len(lines) < 1100


@pytest.mark.skipif(PACKAGE is not None, reason="is about our tlsproxy")
def test_through_tlsproxy(finger, make):
    """-X: the handshake is tlsproxy's, the lines are the same."""
    inst = make({"smtp_tls_security_level": "may", "smtpd_tls_security_level": "may",
                 "smtpd_tls_chain_files": f"{CERTS}/mx.key {CERTS}/mx.pem"},
                master="tlsproxy unix - - n - 0 tlsproxy\n")
    finger.env["MAIL_CONFIG"] = inst.config
    args = ["-l", "may", f"[{inst.address}]:{inst.port}"]
    status, lines = finger("-X", *args)
    assert status == 0
    assert any("Untrusted TLS connection established to" in line and "TLSv1.3" in line for line in lines), lines
    assert lines == finger(*args)[1]
    status, lines = finger("-X", "-C", *args)
    assert status == 1 and "cannot be used" in lines[0]


