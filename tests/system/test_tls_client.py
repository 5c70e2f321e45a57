# SPDX-License-Identifier: Apache-2.0
"""TLS of smtp(8) and lmtp(8) with servers whose TLS nobody here wrote: openssl s_server does it, behind a script that
speaks SMTP before and after. Which level lets mail go to which of them, and what log and notices say of the others."""
import glob
import itertools
import os
import re
import select
import socket
import subprocess
import threading

import pytest

from harness.instance import CERTS
from harness.peers import Drop, SmtpSink
from postern import PACKAGE, TOP

pytestmark = pytest.mark.root
NAME = "mx1.dest.test"
FINGERPRINT = next(line.split()[2] for line in open(f"{CERTS}/fingerprints.txt") if line.startswith("mx1 cert-sha256"))
LEVELS = {
    "may": "may", "encrypt": "encrypt", "verify": f"verify match={NAME}", "secure": f"secure match={NAME}",
    "fingerprint": f"fingerprint match={FINGERPRINT}",
}
SENT = "2.0.0 sent"
NOT_OFFERED = "4.7.4 deferred TLS is required, but was not offered by host HOST"
REFUSED = "4.7.0 deferred TLS is required, but host HOST refused to start TLS: 454 4.7.0 not now"
BROKEN = "4.7.5 deferred Cannot start TLS: handshake failure"
UNVERIFIED = "4.7.5 deferred Server certificate not verified"
# Server: certificate, options of s_server, script; outcome at may, encrypt, verify and secure, fingerprint; what the log
# says of the certificate at verify.
SERVERS = {
    "good": ("mx1", [], {}, (SENT, SENT, SENT, SENT), ""),
    "tls12": ("mx1", ["-tls1_2"], {}, (SENT, SENT, SENT, SENT), ""),
    "name": ("wrong", [], {}, (SENT, SENT, UNVERIFIED, UNVERIFIED),
             "server certificate verification failed for PEER: num=62:hostname mismatch"),
    "issuer": ("other", [], {}, (SENT, SENT, UNVERIFIED, UNVERIFIED),
               "certificate verification failed for PEER: untrusted issuer /O=Oracle Tests/CN=Other CA"),
    "self": ("self", [], {}, (SENT, SENT, UNVERIFIED, UNVERIFIED),
             "certificate verification failed for PEER: self-signed certificate"),
    "expired": ("expired", [], {}, (SENT, SENT, UNVERIFIED, UNVERIFIED),
                "server certificate verification failed for PEER: certificate has expired"),
    "old": ("mx1", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], {}, (SENT, SENT, BROKEN, BROKEN), ""),
    "older": ("mx1", ["-tls1", "-cipher", "ALL:@SECLEVEL=0"], {}, (SENT, SENT, BROKEN, BROKEN), ""),
    "broken": ("mx1", [], {"^TLS": "FAIL"}, (BROKEN,) * 4, ""),
    "refuses": ("mx1", [], {"^STARTTLS": "454 4.7.0 not now"}, (SENT, REFUSED, REFUSED, REFUSED), ""),
    "plain": (None, [], {}, (SENT, NOT_OFFERED, NOT_OFFERED, NOT_OFFERED), ""),
}


# Below those that the kernel gives to clients, in a network that is ours alone; many servers start at once.
PORTS = itertools.count(20000)


class OpensslServer(SmtpSink):
    """An SMTP server whose TLS is a process of openssl s_server: it gets the connection's bytes, the script its plaintext."""

    def __init__(self, cert, options=(), script=None, addr="192.0.2.200", **kw):
        super().__init__(addr, cert=cert, script=script, name=NAME, **kw)
        self.options, self.running = options, []

    def _handshake(self, conn, log):
        port = next(PORTS)
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", "-naccept", "1", "-cert", f"{CERTS}/{self.cert}.pem",
             "-key", f"{CERTS}/{self.cert}.key", *self.options], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        theirs.close()
        self.running.append(process)
        threading.Thread(target=self._relay, args=(conn.dup(), self._connect(port, process)), daemon=True).start()
        ours.settimeout(30)
        log.append("[TLS]")
        return ours

    @staticmethod
    def _connect(port, process):
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                if process.poll() is not None:
                    raise Drop from None
                select.select([], [], [], 0.01)

    @staticmethod
    def _relay(client, server):
        with client, server:
            while True:
                for source, target in ((client, server), (server, client)):
                    if not select.select([source], [], [], 0)[0]:
                        continue
                    try:
                        data = source.recv(65536)
                        if not data:
                            return
                        target.sendall(data)
                    except OSError:
                        return
                select.select([client, server], [], [], 1)

    def stop(self):
        super().stop()
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def peers():
    """Starts servers, and stops them."""
    started = []

    def start(server):
        server.start()
        started.append(server)
        return server
    yield start
    for server in started:
        server.stop()


class GnutlsServer(OpensslServer):
    """The same with gnutls-serv, which answers everything with an echo: enough to see what becomes of a handshake."""
    TREE = f"{TOP}/build/clients/usr"

    def __init__(self, cert, priority="NORMAL", **kw):
        super().__init__(cert, **kw)
        self.priority = priority

    def start(self):
        self.tls_port = next(PORTS)
        libraries = ":".join(glob.glob(f"{self.TREE}/lib/*-linux-gnu"))
        process = subprocess.Popen(
            [f"{self.TREE}/bin/gnutls-serv", "--echo", "--quiet", "--nodb", "--disable-client-cert", "--port", str(self.tls_port),
             "--priority", self.priority, "--x509certfile", f"{CERTS}/{self.cert}.pem", "--x509keyfile", f"{CERTS}/{self.cert}.key"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"LD_LIBRARY_PATH": libraries})
        self.running.append(process)
        self._connect(self.tls_port, process).close()
        super().start()

    def _handshake(self, conn, log):
        log.append("[TLS]")
        self._relay(conn, self._connect(self.tls_port, self.running[0]))
        raise Drop


def outcomes(inst, count):
    """{recipient: (relay, "DSN STATUS REASON")} of the first delivery attempts."""
    found = {}
    line = re.compile(r"to=<(\S+)>, relay=(\S+?), .*dsn=(\S+), status=(\w+) \((.*)\)$", re.M)

    def collect():
        for to, relay, dsn, status, text in line.findall(inst.log_text()[inst.log_start:]):
            found.setdefault(to, (relay, f"{dsn} {status}" if status == "sent" else f"{dsn} {status} {text}"))
        return len(found) >= count
    inst.wait(collect, 60, f"{count} deliveries")
    return found


def test_each_level_with_each_server(make, zone, peers):
    policy = []
    for number, (kind, (cert, options, script, _, _)) in enumerate(SERVERS.items()):
        address = f"192.0.2.{200 + number}"
        peers(OpensslServer(cert, options, script, address))
        for level, text in LEVELS.items():
            zone[f"{kind}.{level}.test"] = {"MX": [(10, f"mx.{kind}.{level}.test")]}
            zone[f"mx.{kind}.{level}.test"] = {"A": address}
            policy.append(f"{kind}.{level}.test {text}\n")
    inst = make({"smtp_tls_policy_maps": "texthash:@CONFIG@/policy", "smtp_tls_CAfile": f"{CERTS}/ca.pem",
                 "smtp_tls_loglevel": "1", "smtp_tls_fingerprint_digest": "sha256", "maximal_queue_lifetime": "0",
                 "smtp_connection_cache_on_demand": "no"}, files={"policy": "".join(policy)})
    inst.send([f"u@{kind}.{level}.test" for kind in SERVERS for level in LEVELS], sender="u1@virt.test")
    found = outcomes(inst, len(SERVERS) * len(LEVELS))
    wrong, expected_lines = [], []
    for kind, (_, _, _, expected, complaint) in SERVERS.items():
        for level in LEVELS:
            relay, outcome = found[f"u@{kind}.{level}.test"]
            peer = relay.removesuffix(":25")
            # What expires at once is returned in the same attempt.
            want = expected[{"may": 0, "encrypt": 1, "fingerprint": 3}.get(level, 2)].replace("HOST", peer)
            if outcome != want:
                wrong.append(f"{kind} at {level}: {outcome}, not {want}")
            if level in ("verify", "secure") and complaint:
                expected_lines.append(complaint.replace("PEER", relay))
    assert not wrong, "\n".join(wrong)
    log = inst.log_text()
    assert [line for line in expected_lines if line not in log] == []
    for level, label in (("may", "Trusted"), ("encrypt", "Trusted"), ("verify", "Verified"), ("secure", "Verified"),
                         ("fingerprint", "Verified")):
        peer = re.escape(found[f"u@good.{level}.test"][0])
        assert re.search(rf"{label} TLS connection established to {peer}: TLSv1\.3 with cipher", log), level
    assert "verification failed for mx.name.may.test" not in log
    check_notice(inst, {f"u@{kind}.{level}.test": found[f"u@{kind}.{level}.test"][1] for kind in SERVERS for level in LEVELS})


def check_notice(inst, outcome_of):
    """The notices name each recipient that was not served, with the status and the reason."""
    want = {to: text for to, text in outcome_of.items() if "deferred" in text}

    def named():
        seen = {}
        for notice in inst.maildir("vmail/u1"):
            status_parts = [part for part in notice.walk() if part.get_content_type() == "message/delivery-status"]
            for block in (block for part in status_parts for block in part.get_payload() if block["Final-Recipient"]):
                seen[block["Final-Recipient"].split()[-1]] = (block["Status"], " ".join(block["Diagnostic-Code"].split()[1:]))
        return seen
    inst.wait(lambda: want.keys() <= named().keys(), 30, "notices about all that were not served")
    for to, (status, diagnostic) in named().items():
        dsn, _, reason = want[to].partition(" deferred ")
        # The server's own words where there are some; else which of our requirements is not met; else what we say.
        unmet = diagnostic.startswith(f"level {to.split('.')[-2]}: ")
        assert status == dsn and (unmet or reason.endswith(diagnostic)), (to, status, diagnostic)


def test_certificates_of_gnutls(make, zone, peers):
    if not os.path.exists(f"{GnutlsServer.TREE}/bin/gnutls-serv"):
        pytest.fail("gnutls-serv is missing: 'make clients' unpacks it", pytrace=False)
    kinds = {"good": "mx1", "tls12": "mx1", "name": "wrong", "issuer": "other", "expired": "expired", "old": "mx1"}
    priorities = {"tls12": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "old": "NORMAL:-VERS-ALL:+VERS-TLS1.1"}
    for number, (kind, cert) in enumerate(kinds.items()):
        zone[f"{kind}.test"] = {"A": f"192.0.2.{220 + number}"}
        peers(GnutlsServer(cert, priorities.get(kind, "NORMAL"), addr=f"192.0.2.{220 + number}"))
    inst = make({"smtp_tls_security_level": "verify", "smtp_tls_verify_cert_match": NAME, "smtp_tls_CAfile": f"{CERTS}/ca.pem",
                 "smtp_tls_loglevel": "1", "smtp_helo_timeout": "2s"})
    inst.send([f"u@{kind}.test" for kind in kinds])
    found = {to: outcome for to, (_, outcome) in outcomes(inst, len(kinds)).items()}
    for kind, version in (("good", "3"), ("tls12", "2")):      # and then an echo, which is no answer
        inst.wait_log(rf"Verified TLS connection established to {kind}\.test\[[\d.]+\]:25: TLSv1\.{version} with cipher")
        assert found[f"u@{kind}.test"].startswith("4.4.2 deferred"), found
    for kind in ("name", "issuer", "expired"):
        assert found[f"u@{kind}.test"] == UNVERIFIED
    assert found["u@old.test"] == BROKEN


def test_wrapper_mode_and_trust_anchor(make, zone, peers):
    """A server that does TLS at once, trusted by its own certificate only, at a port of its own."""
    zone["mx1.dest.test"] = {"A": "192.0.2.230"}
    peer = peers(OpensslServer("self", addr="192.0.2.230", port=465, wrapper=True, show_message=False))
    inst = make({"transport_maps": "inline:{ {right.test=right:[mx1.dest.test]:465} {wrong.test=wrong:[mx1.dest.test]:465} }",
                 "smtp_tls_loglevel": "1"}, master=f"""
right unix - - n - - smtp
  -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=verify -o smtp_tls_trust_anchor_file={CERTS}/self.pem
wrong unix - - n - - smtp
  -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=verify -o smtp_tls_trust_anchor_file={CERTS}/ca.pem
""")
    inst.send(["u@right.test", "u@wrong.test"])
    found = outcomes(inst, 2)
    assert found["u@right.test"] == ("mx1.dest.test[192.0.2.230]:465", SENT)
    assert found["u@wrong.test"] == ("mx1.dest.test[192.0.2.230]:465", UNVERIFIED)
    assert all(session[0] == "[TLS]" and not any("STARTTLS" in line for line in session) for session in peer.sessions)


class Hasty(SmtpSink):
    """Says more than it was asked: in the clear behind its answer to STARTTLS, or directly after the handshake."""

    def __init__(self, moment, **kw):
        super().__init__(cert="mx1", name="mx.hasty.test", script={"^STARTTLS": "220 go\n250 said too early"} if moment == "clear" else None, **kw)
        self.moment = moment

    def _handshake(self, conn, log):
        conn = super()._handshake(conn, log)
        if self.moment == "tls":
            conn.sendall(b"250-mx.hasty.test\r\n250 PIPELINING\r\n250 one\r\n250 two\r\n354 three\r\n")
        return conn


def test_replies_before_the_handshake_are_nothing(make, zone, peers):
    zone["hasty.test"] = {"A": "192.0.2.231"}
    peer = peers(Hasty("clear", addr="192.0.2.231"))
    inst = make({"smtp_tls_security_level": "encrypt"})
    inst.send("u@hasty.test", text="Subject: the body\n\nof it\n")
    assert outcomes(inst, 1)["u@hasty.test"][1] == SENT
    assert inst.wait_log(r"status=sent \(250 2\.0\.0 taken\)")
    # Nothing was taken for the answer to a later command: the message came in step.
    assert "M: Subject: the body" in peer.sessions[0]


@pytest.mark.skipif(PACKAGE is not None, reason="seen not to notice them with a TLS library of today")
def test_replies_that_were_not_asked_for_end_the_session(make, zone, peers):
    zone["hasty.test"] = {"A": "192.0.2.232"}
    peer = peers(Hasty("tls", addr="192.0.2.232"))
    inst = make({"smtp_tls_security_level": "encrypt", "smtp_tls_block_early_mail_reply": "yes"})
    inst.send("u@hasty.test")
    assert outcomes(inst, 1)["u@hasty.test"][1] == "4.7.0 deferred unexpected server message"
    assert not any(line.startswith("C: MAIL") for line in peer.sessions[0])


@pytest.mark.skipif(PACKAGE is not None, reason="takes it for a failed handshake")
def test_trouble_of_our_own_is_no_reason_for_plaintext(make, zone, peers):
    """A probe goes in the clear after a failed handshake at once. Not when the settings are what is wrong."""
    zone["probe.test"] = {"A": "192.0.2.233"}
    zone["broken.test"] = {"A": "192.0.2.234"}
    server = peers(SmtpSink("192.0.2.233", cert="mx1", name="probe.test"))
    peers(SmtpSink("192.0.2.234", cert="mx1", name="broken.test", script={"^TLS": "FAIL"}))
    inst = make({"smtp_tls_security_level": "may", "smtp_tls_policy_maps": "inline:{ {probe.test=may ciphers=best} }"})
    for domain, outcome in (("broken.test", "deliverable"), ("probe.test", "undeliverable")):
        subprocess.run([inst.command("sendmail"), "-bv", f"u@{domain}"], env=inst.env, check=True, timeout=30, cwd="/")
        line = inst.wait_log(rf"to=<u@{re.escape(domain)}>, .*status=(\S+) \((.*)\)$")[0]
        assert line[1] == outcome, line[0]
    assert not any(line.startswith("C: MAIL") for session in server.sessions for line in session)
    assert 'invalid cipher grade: "best"' in inst.log_text()


@pytest.mark.skipif(PACKAGE is not None, reason="there it is one more line among many")
def test_result_types_in_the_log(make, zone, peers):
    """What a report to the server's operator (RFC 8460) would call it, from loglevel 3 on."""
    kinds = {"wrong": "certificate-host-mismatch", "self": "certificate-not-trusted", "expired": "certificate-expired"}
    for number, cert in enumerate(kinds):
        zone[f"{cert}.test"] = {"A": f"192.0.2.{235 + number}"}
        peers(SmtpSink(f"192.0.2.{235 + number}", cert=cert, name=f"{cert}.test"))
    inst = make({"smtp_tls_security_level": "verify", "smtp_tls_verify_cert_match": NAME, "smtp_tls_loglevel": "3",
                 "smtp_tls_CAfile": f"{CERTS}/ca.pem"})
    inst.send([f"u@{cert}.test" for cert in kinds])
    for cert, result in kinds.items():
        inst.wait_log(rf"{cert}\.test\[192\.0\.2\.\d+\]:25: TLS result: {result}$")


def test_raw_public_keys_are_refused_with_a_reason(make, zone):
    if PACKAGE is not None:
        pytest.skip("that release does not know them")
    inst = make({"smtp_tls_enable_rpk": "yes"}, start=False)
    status, text = inst.postfix("start")
    assert status != 0 and re.search(r"smtp_tls_enable_rpk .*OpenSSL 3\.2", text), text
    inst = make({"smtp_tls_policy_maps": "inline:{ {rpk.test=encrypt enable_rpk=yes} }"}, port=2525)
    zone["rpk.test"] = {"A": "192.0.2.238"}
    inst.send("u@rpk.test")
    assert outcomes(inst, 1)["u@rpk.test"][1] == "4.7.5 deferred client TLS configuration problem"
    inst.wait_log(r"warning: smtp_tls_policy_maps, next-hop destination \"rpk\.test\": .*OpenSSL 3\.2")
