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
                 "smtpd_client_connection_count_limit": "0"},
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
               ("Anonymous", "", "TLSv1.3 with cipher TLS_CHACHA20_POLY1305_SHA256 (256/256 bits) key-exchange ECDHE (P-384) "
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
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{465 if wrapped else 25}", "-ign_eof", "-CAfile", authority.anchor,
            "-verify_return_error", *([] if wrapped else ["-starttls", "smtp"])]
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


# --- gnutls-cli --------------------------------------------------------------------------------------------

GNUTLS = {
    "default": ([], None, "Anonymous", "TLSv1.3"), "tls12": (["--priority=NORMAL:-VERS-ALL:+VERS-TLS1.2"], None, "Anonymous", "TLSv1.2"),
    "rsa": (["--priority=NORMAL:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256"], None, "Anonymous", "TLSv1.3"),
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
    assert ("RSA-PSS (2048 bits)" in session[2].partition(" client-")[0]) == (case == "rsa"), session
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
        assert status == 24 and "<** 554 5.7.1 <u2@virt.test>: Recipient address rejected: Access denied" in said, said
