# SPDX-License-Identifier: Apache-2.0
"""TLS with clients and servers that nobody here wrote, in both directions: what they think of the session, what our log
says of it, and the Received header of the message that came over it."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import threading

import pytest

import clients
from debian import PEER, Debian
from pki import Authority
from postern import PACKAGE, Postern, swaks

pytestmark = pytest.mark.root
HOST = "mx.example.test"
needs_debian = pytest.mark.skipif(PACKAGE is not None or not os.path.isdir(PEER), reason="make oracle unpacks the package")


@pytest.fixture(scope="module")
def authority():
    root = tempfile.mkdtemp(prefix="postern-pki-")
    authority = Authority(root)
    authority.chain("rsa", HOST)
    authority.chain("ec", HOST, "ec")
    authority.chain("two", "two.example.test", "ec")
    authority.chain("client", "client.example.net")
    authority.chain("ecclient", "ecclient.example.net", "ec")
    # swaks sends no certificate but its own.
    authority.chain("direct", "direct.example.net", issuer="root")
    Authority(f"{root}/others", "Others").chain("stranger", "stranger.example.org")
    yield authority
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def server(authority):
    """Both kinds of keys, a second name, client certificates asked for: STARTTLS at 25, wrapped at 465; what is at 587 takes
    mail for anywhere from one certificate."""
    top = tempfile.mkdtemp(prefix="postern-")
    os.chmod(top, 0o755)
    inst = Postern(f"{top}/0", 25, "127.0.0.1")
    keys = [authority.file(f"{name}.{kind}") for name in ("rsa", "ec") for kind in ("key", "pem")]
    print_ = authority.fingerprint("client")
    inst.create({"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": ", ".join(keys), "smtpd_tls_CAfile": authority.anchor,
                 "smtpd_tls_ask_ccert": "yes", "smtpd_tls_received_header": "yes", "smtpd_tls_loglevel": "1",
                 "smtpd_tls_session_cache_database": "btree:${data_directory}/smtpd_scache",
                 "smtpd_tls_fingerprint_digest": "sha256", "tls_server_sni_maps": "hash:$config_directory/sni",
                 "smtpd_client_connection_count_limit": "0", "virtual_mailbox_maps": "static:u1/"},
                "127.0.0.1:465 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n"
                f"127.0.0.1:587 inet n - n - - smtpd\n  -o {{ relay_clientcerts = inline:{{ {{{print_} = ok}} }} }}\n"
                "  -o smtpd_tls_security_level=encrypt -o smtpd_recipient_restrictions=permit_tls_clientcerts,reject\n")
    names = inst.write("sni", f"two.example.test {authority.file('two.key')} {authority.file('two.pem')}\n")
    assert inst.run([inst.command("postmap"), "-F", f"hash:{names}"])[0] == 0
    os.chmod(f"{names}.db", 0o600)
    try:
        yield inst.start()
        assert inst.alarms() == []
    finally:
        inst.stop()
        inst.kill9()
        shutil.rmtree(top, ignore_errors=True)


def files(authority, *names):
    return ", ".join(authority.file(f"{name}.{kind}") for name in names for kind in ("key", "pem"))


class Talk:
    """SMTP over the pipes of a program that does TLS."""

    def __init__(self, *argv, env=None):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
                                        env=dict(os.environ, **(env or {})))
        self.output, self.limit = "", threading.Timer(60, self.process.kill)
        self.limit.start()

    def line(self):
        line = self.process.stdout.readline().decode(errors="replace")
        self.output += line
        assert line, f"{self.process.args}: {self.output}"
        return line.strip()

    def say(self, text, first=r"\d{3}[ -]"):
        """The code of the reply, which begins with FIRST: the programs write about the session between the lines."""
        self.process.stdin.write(text.encode() + b"\r\n")
        self.process.stdin.flush()
        line = self.line()
        while not re.match(first, line):
            line = self.line()
        while not re.match(r"\d{3} ", line):
            line = self.line()
        return line[:3]

    def deliver(self, tag, recipient="u1@virt.test"):
        """One message, then the end; what the program wrote."""
        assert self.say("EHLO client.example.net", r"250-mx\.example\.test") == "250"
        assert self.say("MAIL FROM:<a@example.net>") == "250"
        code = self.say(f"RCPT TO:<{recipient}>")
        if code == "250":
            assert self.say("DATA") == "354"
            assert self.say(f"Subject: {tag}\r\n\r\nbody\r\n.") == "250"
        assert self.say("QUIT") == "221"
        self.close()
        return self.output if code == "250" else code

    def close(self):
        self.process.stdin.close()
        self.output += self.process.stdout.read().decode(errors="replace")
        self.process.wait()
        self.limit.cancel()


def arrived(inst, tag):
    """The Received header of the message with this subject, in one line."""
    def look():
        return [mail for mail in inst.maildir("vmail/u1") if mail["Subject"] == tag]
    inst.wait(look, 30, f"message {tag}")
    return " ".join(look()[0]["Received"].split())


def established(inst, begin):
    """The TLS sessions that smtpd logged behind BEGIN: [(label, name asked for, the session)]."""
    text = inst.log_text()[begin:]
    return re.findall(r"smtpd\[\d+\]: (\w+) TLS connection established from localhost\[127\.0\.0\.1\](?: to (\S+))?: (.*)$", text, re.M)


def one_session(inst, begin):
    inst.wait(lambda: established(inst, begin), 20, "the session in the log")
    session, = established(inst, begin)
    return session


def certificate_of(authority, name):
    return ["-cert", authority.file(f"{name}.pem"), "-key", authority.file(f"{name}.key"), "-cert_chain", authority.file(f"{name}.pem")]


AES256, AES128 = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)", "ECDHE-ECDSA-AES128-GCM-SHA256 (128/128 bits)"
ECDSA = "key-exchange X25519 server-signature ECDSA (prime256v1) server-digest SHA256"
RSA = "key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256"
# Options of s_client, whose certificate, what the log says.
OPENSSL = {
    "default": ([], None, ("Anonymous", "", f"{AES256} {ECDSA}")),
    "rsa": (["-sigalgs", "rsa_pss_rsae_sha256"], None, ("Anonymous", "", f"{AES256} {RSA}")),
    "wrapped": (["wrapped"], None, ("Anonymous", "", f"{AES256} {ECDSA}")),
    "tls12": (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], None, ("Anonymous", "", f"TLSv1.2 with cipher {AES128}")),
    "tls12-rsa": (["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"], None,
                  ("Anonymous", "", "TLSv1.2 with cipher DHE-RSA-AES256-GCM-SHA384 (256/256 bits)")),
    "chacha": (["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "-groups", "P-384"], None,
               ("Anonymous", "", "TLSv1.3 with cipher TLS_CHACHA20_POLY1305_SHA256 (256/256 bits) key-exchange ECDHE (secp384r1) "
                "server-signature ECDSA (prime256v1) server-digest SHA256")),
    "certificate": ([], "client", ("Trusted", "", f"{AES256} {ECDSA} client-signature RSA-PSS (2048 bits) client-digest SHA256")),
    "wrapped-certificate": (["wrapped"], "ecclient",
                            ("Trusted", "", f"{AES256} {ECDSA} client-signature ECDSA (prime256v1) client-digest SHA256")),
    "tls12-certificate": (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ecclient",
                          ("Trusted", "", f"TLSv1.2 with cipher {AES128}")),
    "stranger": ([], "others/stranger", ("Untrusted", "", f"{AES256} {ECDSA} client-signature RSA-PSS (2048 bits) client-digest SHA256")),
    "name": (["-servername", "two.example.test"], None, ("Anonymous", "two.example.test", f"{AES256} {ECDSA}")),
    "other-name": (["-servername", "nobody.example.test"], None, ("Anonymous", "", f"{AES256} {ECDSA}")),
}


def s_client_argv(authority, options, certificate=None):
    wrapped = "wrapped" in options
    # Line by line, since what it says of tickets goes another way than what the server says.
    argv = ["stdbuf", "-oL", "openssl", "s_client", "-connect", f"127.0.0.1:{465 if wrapped else 25}", "-ign_eof",
            "-CAfile", authority.anchor, "-verify_return_error", *([] if wrapped else ["-starttls", "smtp"])]
    if "-servername" not in options:
        argv += ["-noservername", "-verify_hostname", HOST]
    return argv + (certificate_of(authority, certificate) if certificate else []) + [o for o in options if o != "wrapped"]


@pytest.mark.parametrize("case", OPENSSL)
def test_openssl(server, authority, case):
    options, certificate, expected = OPENSSL[case]
    begin = len(server.log_text())
    said = Talk(*s_client_argv(authority, options, certificate)).deliver(f"openssl {case}")
    assert "Verify return code: 0 (ok)" in said
    assert ("CN = two.example.test" in said) == (case == "name")
    assert one_session(server, begin) == expected
    check_received(arrived(server, f"openssl {case}"), expected, certificate)


def check_received(header, expected, certificate):
    label, name, session = expected
    assert f"(using {session}" in header, header
    if certificate:
        host = certificate.split("/")[-1]
        host += ".example.org" if host == "stranger" else ".example.net"
        issuer, verdict = ("Others Issuer", "not verified") if "others" in certificate else ("Peers Issuer", "verified OK")
        assert f'(Client CN "{host}", Issuer "{issuer}" ({verdict}))' in header, header
    else:
        assert "(No client certificate requested)" not in header and "(Client did not present a certificate)" in header, header
    assert " with ESMTPS id " in header


@pytest.mark.parametrize("options", [[], ["-tls1_2"], ["-tls1_2", "-no_ticket"], ["wrapped"]])
def test_openssl_resumes(server, authority, tmp_path, options):
    """With a ticket of either version, and by the cache; the certificate shown before counts again."""
    tag, begin = f"resumed {' '.join(options)}", len(server.log_text())
    argv = s_client_argv(authority, options, "client")
    assert "New, TLSv1" in Talk(*argv, "-sess_out", f"{tmp_path}/session").deliver(f"{tag} 1")
    said = Talk(*argv, "-sess_in", f"{tmp_path}/session").deliver(f"{tag} 2")
    assert "Reused, TLSv1" in said
    server.wait(lambda: len(established(server, begin)) == 2, 20, "two sessions")
    assert [label for label, _, _ in established(server, begin)] == ["Trusted", "Trusted"]
    assert 'Client CN "client.example.net", Issuer "Peers Issuer" (verified OK)' in arrived(server, f"{tag} 2")


# --- clients and servers that have less ----------------------------------------------------------------------

def accepted(inst, *options):
    """The cipher that s_client got with these options; None when there was no session."""
    p = subprocess.run(["openssl", "s_client", "-connect", f"{inst.address}:{inst.port}", "-starttls", "smtp", "-brief", "-ign_eof",
                        *options], input="QUIT\r\n", capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"Ciphersuite: (\S+)", p.stdout + p.stderr)
    return found and found[1]


ANONYMOUS = ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0")


def test_old_clients_are_served_as_configured(make, authority):
    """What the library's build thinks too little is for the configuration to refuse: the versions before TLS 1.2, and digests."""
    keys = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": files(authority, "rsa", "ec")}
    inst = make({**keys, "smtpd_tls_protocols": ">=TLSv1"}, "192.0.2.2:25 inet n - n - - smtpd\n  -o smtpd_tls_protocols=>=TLSv1.2\n",
                address="192.0.2.1")
    assert accepted(inst, "-tls1_2", "-cipher", "ALL:@SECLEVEL=0", "-sigalgs", "ECDSA+SHA1")
    for inst.address, cipher in (("192.0.2.1", "ECDHE-ECDSA-AES256-SHA"), ("192.0.2.2", None)):
        for version in ("-tls1", "-tls1_1"):
            assert accepted(inst, version, "-cipher", "ALL:@SECLEVEL=0") == cipher


def test_server_without_a_certificate(make, authority):
    """On purpose: it has anonymous key exchange, and nothing else. A server with a certificate has no anonymous one."""
    inst = make({"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": "none", "smtpd_tls_loglevel": "1"}, address="192.0.2.1")
    assert accepted(inst, *ANONYMOUS) == "ADH-AES256-GCM-SHA384"
    inst.wait_log(r"Anonymous TLS connection established from \S+: TLSv1\.2 with cipher ADH-AES256-GCM-SHA384 \(256/256 bits\)$")
    assert accepted(inst, "-tls1_2") is None
    if PACKAGE is None:         # which offers it to whoever wants it, and a scanner takes that amiss
        inst.configure(smtpd_tls_cert_file="", smtpd_tls_chain_files=files(authority, "rsa", "ec"))
        inst.reload()
        assert accepted(inst, *ANONYMOUS) is None
        assert accepted(inst, "-tls1_2")


# --- gnutls-cli --------------------------------------------------------------------------------------------

GNUTLS = {
    "default": ([], None, "Anonymous", "TLSv1.3"), "tls12": (["--priority=NORMAL:-VERS-ALL:+VERS-TLS1.2"], None, "Anonymous", "TLSv1.2"),
    "ec": (["--priority=NORMAL:-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-RSA-SHA256"], None, "Anonymous", "TLSv1.3"),
    "certificate": ([], "client", "Trusted", "TLSv1.3"), "stranger": ([], "others/stranger", "Untrusted", "TLSv1.3"),
    "name": (["--sni-hostname=two.example.test", "--verify-hostname=two.example.test"], None, "Anonymous", "TLSv1.3"),
    "wrapped": (["wrapped"], None, "Anonymous", "TLSv1.3"),
}


def gnutls_argv(authority, options, certificate=None):
    path = f"{clients.TREE}/usr/bin/gnutls-cli"
    if not os.path.exists(path):
        pytest.fail(f"{path} is missing: 'make clients' unpacks it", pytrace=False)
    wrapped = "wrapped" in options
    argv = ["/usr/bin/env", f"LD_LIBRARY_PATH={':'.join(glob.glob(f'{clients.TREE}/usr/lib/*-linux-gnu'))}", path,
            f"--x509cafile={authority.anchor}", f"--port={465 if wrapped else 25}", *([] if wrapped else ["--starttls-proto=smtp"])]
    if certificate:
        argv += [f"--x509certfile={authority.file(certificate)}.pem", f"--x509keyfile={authority.file(certificate)}.key"]
    if not any("hostname" in option for option in options):
        argv += [f"--verify-hostname={HOST}", "--disable-sni"]
    return argv + [o for o in options if o != "wrapped"] + ["127.0.0.1"]


@pytest.mark.parametrize("case", GNUTLS)
def test_gnutls(server, authority, case):
    options, certificate, label, version = GNUTLS[case]
    begin = len(server.log_text())
    said = Talk(*gnutls_argv(authority, options, certificate)).deliver(f"gnutls {case}")
    assert "- Status: The certificate is trusted." in said and "- Handshake was completed" in said
    session = one_session(server, begin)
    assert session[0] == label and session[2].startswith(f"{version} with cipher ")
    assert session[1] == ("two.example.test" if case == "name" else "")
    # Which of the two keys a client with no wish gets is its library's taste, and differs between builds of it.
    if case in ("ec", "name"):
        assert "server-signature ECDSA" in session[2], session
    check_received(arrived(server, f"gnutls {case}"), session, certificate)


def test_gnutls_resumes(server, authority):
    """A client that ends its session with a notice, comes again with the ticket and goes on there."""
    said = Talk(*gnutls_argv(authority, ["--resume", "--waitresumption"])).deliver("gnutls resumed")
    assert "*** This is a resumed session" in said
    arrived(server, "gnutls resumed")


# --- swaks -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("options, label, session", [
    (["--tls"], "Anonymous", "TLSv1.3"), (["--tlsc", "--port", "465"], "Anonymous", "TLSv1.3"),
    (["--tls", "--tls-protocol", "tlsv1_2"], "Anonymous", "TLSv1.2"), (["--tls", "--tls-sni", "two.example.test"], "Anonymous", "TLSv1.3"),
    (["--tls", "--tls-cert", "direct.pem", "--tls-key", "direct.key"], "Trusted", "TLSv1.3"),
    (["--tlsc", "--port", "465", "--tls-cert", "others/stranger.pem", "--tls-key", "others/stranger.key"], "Untrusted", "TLSv1.3")])
def test_swaks(server, authority, options, label, session):
    tag, begin = "swaks " + " ".join(options), len(server.log_text())
    files = [authority.file(o) if o.endswith((".pem", ".key")) else o for o in options]
    status, said = swaks("--server", "127.0.0.1", "--from", "a@example.net", "--to", "u1@virt.test", "--ehlo", "client.example.net",
                         "--header", f"Subject: {tag}", "--tls-verify", "--tls-ca-path", authority.anchor, *files)
    assert status == 0, said
    name = "two.example.test" if "--tls-sni" in options else ""
    assert f"peer DN=\"/CN={name or HOST}\"" in said
    found = one_session(server, begin)
    assert found[:2] == (label, name) and found[2].startswith(f"{session} with cipher ")
    header = arrived(server, tag)
    assert f"(using {session} with cipher " in header
    if label == "Trusted":
        assert '(Client CN "direct.example.net", Issuer "Peers Root" (verified OK))' in header


def test_a_certificate_allows_to_relay(server, authority):
    def sends(*certificate):
        files = [arg for name in certificate for arg in ("--tls-cert", authority.file(f"{name}.pem"), "--tls-key",
                                                         authority.file(f"{name}.key"))]
        return swaks("--server", "127.0.0.1", "--port", "587", "--from", "a@example.net", "--to", "u2@virt.test", "--tls", *files)
    status, said = sends("client")
    assert status == 0, said
    for other in ((), ("ecclient",), ("others/stranger",)):
        status, said = sends(*other)
        assert status == 24 and "<~* 554 5.7.1 <u2@virt.test>: Recipient address rejected: Access denied" in said, said


# --- Debian's Postfix sends --------------------------------------------------------------------------------

@needs_debian
@pytest.mark.parametrize("options, label, session", [
    ([], "Verified", ("Anonymous", "", "TLSv1.3")), (["-w"], "Verified", ("Anonymous", "", "TLSv1.3")),
    (["-p", "TLSv1.2", "-s", "two.example.test", "two.example.test"], "Verified", ("Anonymous", "two.example.test", "TLSv1.2")),
    (["-k", "client.pem", "-K", "client.key"], "Verified", ("Trusted", "", "TLSv1.3")),
    (["other.test"], "Untrusted", ("Anonymous", "", "TLSv1.3"))])
def test_posttls_finger_of_debian(server, authority, options, label, session):
    begin = len(server.log_text())
    files = [authority.file(o) if o.endswith((".pem", ".key")) else o for o in options]
    names = [files.pop()] if files and files[-1].endswith(".test") else [HOST]
    debian = Debian(server)
    port = 465 if "-w" in options else 25
    status, out, err = debian.run("posttls-finger", "-c", "-l", "secure", "-F", authority.anchor, *files, f"[127.0.0.1]:{port}", *names)
    said = out + err
    assert status == 0 and f"{label} TLS connection established to 127.0.0.1[127.0.0.1]:{port}: {session[2]} with cipher" in said, said
    found = one_session(server, begin)
    assert found[:2] == session[:2]
    # Both have seen the same session.
    assert found[2] in said


@pytest.fixture
def debian(make):
    """Factory of a running Postfix of Debian's: debian(CONFIG, MASTER); its instance."""
    running = []

    def factory(config, master=""):
        # Of another name and address, so that the two do not take one another for themselves.
        inst = make({"myhostname": "mx.debian.test", "smtp_bind_address": "127.0.0.1", "notify_classes": "", **config}, master, start=False,
                    address="192.0.2.1")
        running.append(Debian(inst))
        running[-1].start()
        return running[-1]
    yield factory
    for one in running:
        one.stop()


@needs_debian
def test_smtp_of_debian(server, authority, debian):
    """Levels, wrapper mode, a client certificate, its own tlsproxy with a session that is used again."""
    client = ", ".join(authority.file(f"client.{kind}") for kind in ("key", "pem"))
    kinds = {"plain": "", "encrypt": "", "secure": "", "wrapped": "-o smtp_tls_wrappermode=yes", "old": "",
             "certificate": f"-o {{ smtp_tls_chain_files = {client} }}",
             "reuse": "-o smtp_tls_connection_reuse=yes -o smtp_connection_cache_destinations=static:all"}
    levels = {"plain": "none", "encrypt": "encrypt", "old": "encrypt protocols=<=TLSv1.2"}
    peer = debian({"transport_maps": "inline:{" + " ".join(
        f"{{{kind}@virt.test = {kind}:[127.0.0.1]:{465 if kind == 'wrapped' else 25}}}" for kind in kinds) + "}",
        "virtual_mailbox_domains": "", "smtp_tls_security_level": "may", "smtp_tls_CAfile": authority.anchor, "smtp_tls_loglevel": "1"},
        "tlsproxy unix - - n - 0 tlsproxy\n" + "".join(
            f"{kind} unix - - n - - smtp\n  {options}\n"
            f"  -o {{ smtp_tls_policy_maps = static:{{{levels.get(kind, f'secure match={HOST}')}}} }}\n"
            for kind, options in kinds.items()))
    begin = len(server.log_text())
    for kind in kinds:
        for number in (1, 2):
            status, out, err = peer.run("sendmail", "-f", "a@example.net", f"{kind}@virt.test",
                                        stdin=f"Subject: {kind} {number}\n\nbody\n".encode())
            assert status == 0, out + err
            peer.inst.wait_log(rf"to=<{kind}@virt\.test>, .*status=sent", number)
    for kind in kinds:
        header = arrived(server, f"{kind} 2")
        version = {"plain": None, "old": "TLSv1.2"}.get(kind, "TLSv1.3")
        assert (f"(using {version} with cipher " in header) == (version is not None), header
        assert ('(Client CN "client.example.net", Issuer "Peers Issuer" (verified OK))' in header) == (kind == "certificate")
        assert ("with ESMTPS id" if version else "with ESMTP id") in header
    # Two sessions of each kind but the one without, and the one that is used twice; both sides saw the same.
    log = peer.inst.log_text()
    seen = sessions_of_client(log, r"127\.0\.0\.1\[127\.0\.0\.1\]:(?:25|465)")
    assert sorted(session for _, session in seen) == sorted(session for _, _, session in established(server, begin)) and len(seen) == 11
    assert [label for label, _ in seen].count("Verified") == 7
    assert re.search(r"Verified TLS connection reused to 127\.0\.0\.1\[127\.0\.0\.1\]:25: TLSv1\.3", log)


def sessions_of_client(log, peer):
    """[(label, the session)] in the log of an SMTP client."""
    return re.findall(rf"smtp\[\d+\]: (\w+) TLS connection established to {peer}: (.*)$", log, re.M)


# --- Debian's Postfix receives -----------------------------------------------------------------------------

NAME = "mx.debian.test"
ANY, RSA12, EC13, ASKS, PLAIN, WRAPS = "192.0.2.61", "192.0.2.62", "192.0.2.63", "192.0.2.64", "192.0.2.65", "192.0.2.66"
SENT, UNVERIFIED = "2.0.0 sent", "4.7.5 deferred Server certificate not verified"
NOT_OFFERED = "4.7.4 deferred TLS is required, but was not offered by host"
# Domain: where it is, its policy, what becomes of mail to it, how far the server was believed, version.
DESTINATIONS = {
    "may": (ANY, "may", SENT, "Trusted", "3"), "may-plain": (PLAIN, "may", SENT, None, None),
    "may-rsa": (RSA12, "may", SENT, "Trusted", "2"), "may-ec": (EC13, "may", SENT, "Trusted", "3"),
    "encrypt": (ANY, "encrypt", SENT, "Trusted", "3"), "encrypt-plain": (PLAIN, "encrypt", NOT_OFFERED, None, None),
    "encrypt-asks": (ASKS, "encrypt", SENT, "Trusted", "3"), "old": (ANY, "encrypt protocols=<=TLSv1.2", SENT, "Trusted", "2"),
    "none": (ANY, "none", SENT, None, None),
    "verify": (ANY, f"verify match={NAME}", SENT, "Verified", "3"), "verify-rsa": (RSA12, f"verify match={NAME}", SENT, "Verified", "2"),
    "verify-ec": (EC13, f"verify match={NAME}", SENT, "Verified", "3"),
    "secure": (ANY, f"secure match={NAME}", SENT, "Verified", "3"),
    "secure-else": (ANY, "secure match=else.test", UNVERIFIED, "Untrusted", "3"),
    "secure-wraps": (WRAPS, f"secure match={NAME}", SENT, "Verified", "3"),
    "print-rsa": (RSA12, "fingerprint match=@rsa", SENT, "Verified", "2"),
    "print-ec": (EC13, "fingerprint match=@ec", SENT, "Verified", "3"),
    "print-else": (ANY, "fingerprint match=@rsa", UNVERIFIED, "Untrusted", "3"),
    "dane": (ANY, "dane-only", SENT, "Verified", "3"), "dane-else": (RSA12, "dane-only", UNVERIFIED, "Untrusted", "2"),
    "neither": (EC13, "encrypt protocols=<=TLSv1.2", "4.7.5 deferred Cannot start TLS: handshake failure", None, None),
}


@pytest.fixture(scope="module")
def far(authority):
    """The keys of the host that Debian's Postfix is on."""
    for name, kind in (("far-rsa", "rsa"), ("far-ec", "ec")):
        authority.chain(name, NAME, kind)
    return authority


def listeners(authority):
    rsa, ec = (f"-o {{ smtpd_tls_chain_files = {files(authority, name)} }}" for name in ("far-rsa", "far-ec"))
    settings = {ANY: "", RSA12: f"{rsa} -o {{ smtpd_tls_protocols = TLSv1.2 }}", EC13: f"{ec} -o {{ smtpd_tls_protocols = TLSv1.3 }}",
                ASKS: "-o smtpd_tls_security_level=encrypt -o smtpd_tls_req_ccert=yes", PLAIN: "-o smtpd_tls_security_level=none",
                WRAPS: "-o smtpd_tls_wrappermode=yes"}
    return "".join(f"{address}:{465 if address == WRAPS else 25} inet n - n - - smtpd\n" + (f"  {options}\n" if options else "")
                   for address, options in settings.items())


@needs_debian
def test_smtpd_of_debian(make, far, debian, zone):
    peer = debian({"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": files(far, "far-rsa", "far-ec"), "smtpd_tls_loglevel": "1",
                   "smtpd_tls_CAfile": far.anchor, "smtpd_tls_ask_ccert": "yes", "smtpd_tls_received_header": "yes",
                   "virtual_mailbox_domains": "static:all", "virtual_mailbox_maps": "static:u1/", "mydestination": ""},
                  listeners(far)).inst
    prints = {f"@{name}": far.fingerprint(f"far-{name}") for name in ("rsa", "ec")}
    policy = ""
    for kind, (address, text, *_) in DESTINATIONS.items():
        zone[f"{kind}.test"] = {"MX": [(10, f"mx.{kind}.test")], "secure": True}
        zone[f"mx.{kind}.test"] = {"A": address, "secure": True}
        zone[f"_25._tcp.mx.{kind}.test"] = {"TLSA": [(3, 0, 1, prints["@ec"].replace(":", ""))], "secure": True}
        nexthop = f"[mx.{kind}.test]:465" if address == WRAPS else f"{kind}.test"
        policy += f"{nexthop} {re.sub('@(rsa|ec)', lambda m: prints[m[0]], text)}\n"
    inst = make({"smtp_tls_policy_maps": "texthash:@CONFIG@/policy", "smtp_tls_CAfile": far.anchor, "smtp_tls_loglevel": "1",
                 "smtp_tls_chain_files": files(far, "client"), "smtp_tls_fingerprint_digest": "sha256", "smtp_dns_support_level": "dnssec",
                 "smtp_connection_cache_on_demand": "no",
                 "transport_maps": "inline:{{secure-wraps.test = wraps:[mx.secure-wraps.test]:465}}"},
                "wraps unix - - n - - smtp\n  -o smtp_tls_wrappermode=yes\n", {"policy": policy}, address="127.0.0.2")
    inst.send([f"u@{kind}.test" for kind in DESTINATIONS], text="Subject: out\n\nbody\n")
    inst.wait(lambda: len(outcomes(inst)) == len(DESTINATIONS), 60, lambda: f"outcomes: {outcomes(inst)}")
    inst.settle()
    log, found = inst.log_text(), outcomes(inst)
    wrong = [f"{kind}: {found[kind]}" for kind, (_, _, outcome, _, _) in DESTINATIONS.items() if not found[kind].startswith(outcome)]
    for kind, (_, _, _, label, version) in DESTINATIONS.items():
        seen = [(said, session[6]) for said, session in sessions_of_client(log, rf"mx\.{kind}\.test\[\S+\]:(?:25|465)")]
        if seen != ([(label, version)] if label else []):
            wrong.append(f"{kind}: {seen}")
    assert not wrong, "\n".join(wrong)
    # Both sides saw the same, and the receiving one our certificate.
    ours = [session for _, session in sessions_of_client(log, r"\S+")]
    theirs = re.findall(r"Trusted TLS connection established from \S+: (.*)$", peer.log_text(), re.M)
    assert sorted(ours) == sorted(theirs)
    for mail in peer.maildir("vmail/u1"):
        kind, header = mail["Delivered-To"][2:-5], " ".join(mail["Received"].split())
        assert (f"(using TLSv1.{DESTINATIONS[kind][4]} with cipher" in header) == (DESTINATIONS[kind][3] is not None), header
        assert DESTINATIONS[kind][3] is None or '(Client CN "client.example.net", Issuer "Peers Issuer" (verified OK))' in header


def outcomes(inst):
    """{the domain's first label: "DSN STATUS REASON"}"""
    found = re.findall(r"to=<u@(\S+)\.test>, .*dsn=(\S+), status=(\w+)(?: \((.*)\))?$", inst.log_text(), re.M)
    return {kind: f"{dsn} {status}" + ("" if status == "sent" else f" {text}") for kind, dsn, status, text in found}
