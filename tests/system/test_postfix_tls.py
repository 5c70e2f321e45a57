# SPDX-License-Identifier: Apache-2.0
"""postfix tls: TLS switched on in a fresh instance, keys and certificates staged, deployed and described."""
import contextlib
import glob
import hashlib
import os
import re
import shutil
import stat
import subprocess
import threading

import pytest

from harness.instance import CERTS
from postern import COMMANDS, PACKAGE, s_client

# Debian's says the same in other words.
pytestmark = pytest.mark.skipif(PACKAGE is not None, reason="looks at what our command says")


def tls(inst, *args, status=0):
    """Run a subcommand; returns what it said."""
    got, text = inst.postfix("tls", *args)
    assert got == status, text
    return text


def output(inst, *args):
    """Standard output alone."""
    p = subprocess.run([inst.command("postfix"), "-c", inst.config, "tls", *args], env=inst.env, capture_output=True,
                       text=True, timeout=60, cwd="/", stdin=subprocess.DEVNULL, **inst.ids())
    assert p.returncode == 0, p.stderr
    return p.stdout


def openssl(*args, stdin=None):
    return subprocess.run(["openssl", *args], input=stdin, capture_output=True, check=True).stdout


def main_cf(inst):
    with open(f"{inst.config}/main.cf") as f:
        return f.read()


def value(inst, name):
    p = subprocess.run([inst.command("postconf"), "-c", inst.config, "-hx", name], env=inst.env, capture_output=True,
                       text=True, timeout=30, **inst.ids())
    return p.stdout.strip()


def staged(text):
    """(certificate, key) files that a new-server command named."""
    return re.search(r"deploy-server-cert (\S+) (\S+)", text).groups()


def tlsa_of_server(inst):
    """The record 3 1 1 of the certificate that the running server shows."""
    _, text = s_client(inst.address, inst.port)
    pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)
    assert pem, text
    key = openssl("x509", "-noout", "-pubkey", stdin=pem[0].encode())
    return "3 1 1 " + hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", stdin=key)).hexdigest()


@pytest.fixture(params=[pytest.param(False, marks=pytest.mark.root), True], ids=["root", "rootless"])
def instance(request, make):
    return make({"smtp_tls_security_level": None}, rootless=request.param, start=False)


def test_fresh_instance_to_new_key(instance):
    """enable-server, STARTTLS works; a new key is staged, its record computed, and deployed in the running system: new
    connections get it, nobody is restarted. Every record is that of the certificate which is then shown."""
    inst = instance
    tls(inst, "all-default-server")
    text = tls(inst, "enable-server", "-a", "ecdsa")
    assert "Opportunistic TLS is enabled in the SMTP server" in text
    tls(inst, "all-default-server", status=1)
    assert value(inst, "smtpd_tls_security_level") == "may" and value(inst, "smtpd_tls_received_header") == "yes"
    inst.start()
    assert f"IN TLSA {tlsa_of_server(inst)}\n" in output(inst, "output-server-tlsa")

    cert, key = staged(tls(inst, "new-server-key", "-a", "ecdsa", "-b", "secp384r1", "mx.example.test", "b.test"))
    assert value(inst, "smtpd_tls_eckey_file") != key, "staged, not deployed"
    record = re.search(r"IN TLSA (3 1 1 \w+)\n", output(inst, "output-server-tlsa", key))[1]
    assert record != tlsa_of_server(inst)
    master = inst.master_pid()
    tls(inst, "deploy-server-cert", os.path.basename(cert), os.path.basename(key))
    inst.wait(lambda: tlsa_of_server(inst) == record, 30, "the new certificate")
    assert inst.master_pid() == master and not re.search(r"starting the .* mail system", inst.log_text()[inst.log_start:])
    text = openssl("x509", "-in", cert, "-noout", "-text").decode()
    assert "DNS:mx.example.test, DNS:b.test" in text and "CN = mx.example.test" in text and "secp384r1" in text
    assert "CA:FALSE" in text


def test_new_certificate_for_the_old_key(instance):
    """new-server-cert keeps the key, so that published records go on being right; the files are new ones."""
    inst = instance
    tls(inst, "enable-server")
    old = value(inst, "smtpd_tls_key_file")
    before = output(inst, "output-server-tlsa", "rsa")
    cert, key = staged(tls(inst, "new-server-cert", "other.test"))
    assert key != old and openssl("pkey", "-in", key) == openssl("pkey", "-in", old)
    assert b"CN = other.test" in openssl("x509", "-in", cert, "-noout", "-subject")
    tls(inst, "deploy-server-cert", cert, key)
    assert value(inst, "smtpd_tls_key_file") == key and value(inst, "smtpd_tls_cert_file") == cert
    after = output(inst, "output-server-tlsa", "-h", "mail.example.test")
    assert after.splitlines()[0] == f"; {key}"
    assert after.splitlines()[1] == before.splitlines()[1].replace("mx.example.test", "mail.example.test")


def test_client(instance):
    """enable-client once; the second time nothing changes, and what is set is named."""
    inst = instance
    tls(inst, "all-default-client")
    tls(inst, "enable-client", "-r", "dev:/dev/urandom")
    assert value(inst, "smtp_tls_security_level") == "may" and value(inst, "smtp_tls_loglevel") == "1"
    assert value(inst, "smtp_tls_session_cache_database") == f"btree:{inst.data}/smtp_scache"
    assert value(inst, "tls_random_source") == "dev:/dev/urandom"
    before = main_cf(inst)
    tls(inst, "all-default-client", status=1)
    text = tls(inst, "enable-client")
    assert "nothing was changed" in text and "smtp_tls_loglevel" in text and main_cf(inst) == before
    inst.start()


def test_requests(instance):
    """A request bears the names, the key and nothing else."""
    inst = instance
    _, key = staged(tls(inst, "new-server-key", "-a", "ecdsa"))
    request = output(inst, "output-server-csr", "-k", key, "a.test", "b.test").encode()
    text = openssl("req", "-noout", "-text", "-verify", stdin=request).decode()
    assert "DNS:a.test, DNS:b.test" in text and re.search(r"Subject: *\n", text)
    assert openssl("req", "-noout", "-pubkey", stdin=request) == openssl("pkey", "-in", key, "-pubout")
    default = output(inst, "output-server-csr", "-k", os.path.basename(key)).encode()
    assert b"DNS:mx.example.test\n" in openssl("req", "-noout", "-text", stdin=default)


def test_keys_are_private_all_the_time(instance):
    """The key's file has mode 0600 from its first moment, whatever the umask, and is its owner's."""
    inst = instance
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            for path in glob.glob(f"{inst.config}/*key-*"):
                with contextlib.suppress(FileNotFoundError):
                    seen.add(stat.S_IMODE(os.stat(path).st_mode))
    watcher = threading.Thread(target=watch)
    watcher.start()
    previous = os.umask(0)
    try:
        for _ in range(3):
            _, key = staged(tls(inst, "new-server-key"))
            tls(inst, "new-server-key", "-a", "ecdsa")
    finally:
        os.umask(previous)
        stop.set()
        watcher.join()
    assert seen == {0o600}
    assert os.stat(key).st_uid == os.stat(inst.config).st_uid
    assert len(glob.glob(f"{inst.config}/key-*")) == 3 == len(glob.glob(f"{inst.config}/eckey-*")), "one overwrote another"


def test_failures_leave_nothing(instance):
    """Bad usage and bad input: a clear reason, status 1, no file, the same main.cf."""
    inst = instance
    text = tls(inst, "new-server-key", "-a", "ecdsa")
    cert, key = staged(text)
    # Ready to be typed: it is this configuration's command.
    assert f"postfix -c {inst.config} tls deploy-server-cert {cert} {key}" in text
    other_cert, _ = staged(tls(inst, "new-server-key", "-a", "ecdsa"))
    before, names = main_cf(inst), sorted(os.listdir(inst.config))
    for args, reason in (
            ([], "unknown tls command: ''"),
            (["bogus"], "unknown tls command: 'bogus'"),
            (["enable-client", "extra"], "usage: postfix tls enable-client [-r randsource]"),
            (["enable-client", "-r"], "usage: postfix tls enable-client [-r randsource]"),
            (["enable-client", "-r", "dev:/nonexistent"], "No such file or directory"),
            (["enable-server", "-r", "/dev/urandom"], "write dev: before a device"),
            (["all-default-client", "x"], "usage: postfix tls all-default-client"),
            (["new-server-key", "-a", "dsa"], "Unsupported public key algorithm: dsa"),
            (["new-server-key", "-b", "100"], "openssl genpkey: "),
            (["new-server-key", "-b", "x"], "openssl genpkey: "),
            (["new-server-key", "-a", "ecdsa", "-b", "nocurve"], "(-a ecdsa -b nocurve)"),
            (["new-server-key", "a.test,DNS:b.test"], "not a host name"),
            (["new-server-key", "a.test\nCN=b.test"], "not a host name"),
            (["new-server-key", "x" * 60 + ".test"], "longer than 64"),
            (["deploy-server-cert", cert], "usage: postfix tls deploy-server-cert certfile keyfile"),
            (["deploy-server-cert", cert, "nofile"], f"no private key found in file: {inst.config}/nofile"),
            (["deploy-server-cert", key, key], f"no certificate found in file: {key}"),
            (["deploy-server-cert", other_cert, key], "does not belong to the private key"),
            (["output-server-csr"], "No usable keyfile specified or configured"),
            (["output-server-csr", "-k", "nofile"], f"no private key found in file: {inst.config}/nofile"),
            (["output-server-csr", "-x"], "usage: postfix tls output-server-csr"),
            (["output-server-tlsa"], "No usable keyfiles specified or configured"),
            (["output-server-tlsa", cert], f"no private key found in file: {cert}"),
            (["output-server-tlsa", "-h", "a b", key], 'not a host name: "a b"')):
        text = tls(inst, *args, status=1)
        assert reason in text, f"{args}: {text}"
        assert main_cf(inst) == before and sorted(os.listdir(inst.config)) == names, args
    inst.configure(smtpd_tls_chain_files=f"{CERTS}/mx.key, {CERTS}/mx.pem")
    assert "smtpd_tls_chain_files is set" in tls(inst, "deploy-server-cert", cert, key, status=1)
    assert "name a file of smtpd_tls_chain_files" in tls(inst, "output-server-tlsa", status=1)
    assert "IN TLSA 3 1 1 " in output(inst, "output-server-tlsa", f"{CERTS}/mx.key")
    inst.configure(smtpd_tls_chain_files="", openssl_path="/nonexistent/openssl")
    assert 'cannot run the openssl command "/nonexistent/openssl"' in tls(inst, "new-server-key", status=1)


def test_openssl_path(instance):
    """openssl_path names the command that is run."""
    inst = instance
    wrapper, calls = f"{inst.root}/openssl", f"{inst.root}/calls"
    for path, text, mode in ((calls, "", 0o666),
                             (wrapper, f'#!/bin/sh\necho "$1" >> {calls}\nexec {shutil.which("openssl")} "$@"\n', 0o755)):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
    inst.configure(openssl_path=wrapper)
    tls(inst, "new-server-key", "-a", "ecdsa")
    with open(calls) as f:
        assert f.read().split() == ["genpkey", "req"]


def test_no_tls_library():
    """The command has others do the cryptography."""
    needed = subprocess.run(["readelf", "-d", f"{COMMANDS}/postfix"], capture_output=True, text=True, check=True).stdout
    assert "libssl" not in needed and "libcrypto" not in needed


def test_check_names_what_tls_would_stumble_over(instance):
    """postfix check: words that do not exist, files that are not there or do not go together, each with its parameter."""
    inst = instance
    cert, key = staged(tls(inst, "new-server-key", "-a", "ecdsa"))
    other, _ = staged(tls(inst, "new-server-key", "-a", "ecdsa"))
    reversed_chain = f"{inst.root}/reversed.pem"
    with open(reversed_chain, "w") as out:
        for name in (cert, key):
            with open(name) as f:
                out.write(f.read())
    os.chown(reversed_chain, os.stat(key).st_uid, -1)
    start = main_cf(inst)
    for settings, reason in (
            ({"smtpd_tls_chain_files": "/nonexistent.pem"}, "smtpd_tls_chain_files: open /nonexistent.pem: No such file"),
            ({"smtpd_tls_chain_files": reversed_chain}, "smtpd_tls_chain_files: a certificate stands before any private key"),
            ({"smtpd_tls_eccert_file": other, "smtpd_tls_eckey_file": key},
             f"smtpd_tls_eccert_file: the first certificate in {other} does not belong to the private key in {key}"),
            ({"smtpd_tls_CAfile": "/nonexistent.pem"}, "smtpd_tls_CAfile: open /nonexistent.pem: No such file"),
            ({"smtpd_tls_protocols": "TLSv7"}, 'smtpd_tls_protocols: Invalid TLS protocol list "TLSv7"'),
            ({"smtp_tls_security_level": "dane"}, "smtp_tls_security_level: \"dane\" has no effect without "
                                                  "smtp_dns_support_level = dnssec"),
            ({"smtp_tls_mandatory_ciphers": "best"}, 'smtp_tls_mandatory_ciphers: invalid cipher grade: "best"'),
            ({"smtpd_tls_eecdh_grade": "best"}, 'smtpd_tls_eecdh_grade: invalid smtpd_tls_eecdh_grade "best"')):
        inst.configure(**settings)
        before = len(inst.log_text())
        status, text = inst.postfix("check")
        assert status == 0 and reason in text + inst.log_text()[before:], (settings, text)
        with open(f"{inst.config}/main.cf", "w") as f:
            f.write(start)
    inst.configure(smtpd_tls_eccert_file=cert, smtpd_tls_eckey_file=key)
    before = len(inst.log_text())
    assert inst.postfix("check")[0] == 0 and "smtpd_tls" not in inst.log_text()[before:]
