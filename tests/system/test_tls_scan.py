# SPDX-License-Identifier: Apache-2.0
"""testssl.sh, which administrators scan their servers with: what it finds at the default configuration."""
import concurrent.futures
import json
import os
import subprocess

import pytest

import clients
from pki import Authority

pytestmark = pytest.mark.root
HOST = "mx.example.test"
TREE = clients.TREE
# Everything but the simulated clients and the probes for bugs of other people's TLS libraries.
CHECKS = ("--protocols", "--standard", "--pfs", "--server-defaults", "--server-preference", "--vulnerable")
# What each check has to have looked at; a scan that gave up must not pass.
LOOKED_AT = {"--protocols": "TLS1_3", "--standard": "cipherlist_aNULL", "--pfs": "PFS", "--server-defaults": "cert_chain_of_trust",
             "--server-preference": "protocol_negotiated", "--vulnerable": "LUCKY13"}
HARMLESS = {"OK", "INFO", "LOW"}
# Of the scanner: its openssl has no GOST; in wrapper mode it finds no HTTP; its client leaves at the end of a handshake, mostly
# before the ticket of TLS 1.3 has come.
ABOUT_ITSELF = {"engine_problem", "service", "sessionresumption_ticket"}
# "NOT a cipher order configured": the client's order of ciphers counts, since tls_preempt_cipherlist is "no" by default.
# All that is offered is good, so whose order counts is a matter of taste.
BY_DEFAULT = {"cipher_order"}


def scan(check, port, out, anchor, *args):
    """Findings of one check by their names: {id: (severity, text)}."""
    name = f"{out}/{port}{check}"
    env = {"PATH": f"/usr/sbin:/usr/bin:/sbin:/bin:{TREE}/usr/bin", "HOME": out, "TERM": "dumb", "LC_ALL": "C.UTF-8",
           "TESTSSL_INSTALL_DIR": f"{TREE}/etc/testssl"}
    p = subprocess.run([f"{TREE}/usr/bin/testssl", "--warnings", "off", "--color", "0", "--nodns", "none", "--ip", "127.0.0.1",
                        "--add-ca", anchor, "--jsonfile", f"{name}.json", check, *args, f"{HOST}:{port}"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, cwd=out, timeout=300, check=False)
    with open(f"{name}.json") as f:
        findings = [(entry["id"], (entry["severity"], entry["finding"])) for entry in json.load(f)]
    assert LOOKED_AT[check] in [key.split(" ")[0] for key, _ in findings], p.stdout + p.stderr
    return {f"{key} {text[:40]}": (severity, text) for key, (severity, text) in findings}


def above_low(findings):
    return {key: found for key, found in findings.items()
            if found[0] not in HARMLESS and key.split()[0] not in ABOUT_ITSELF}


@pytest.fixture
def authority(tmp_path):
    """An authority whose certificates say where they would be revoked, as those of public ones do."""
    return Authority(str(tmp_path / "pki"), revocation="http://ca.example.test/list.crl")


def test_nothing_above_low(make, authority, tmp_path):
    """STARTTLS at the defaults with both kinds of keys; the same in wrapper mode, with the server's order of ciphers."""
    if not os.path.exists(f"{TREE}/usr/bin/testssl"):
        pytest.fail("testssl is missing: 'make clients' unpacks it", pytrace=False)
    keys = authority.chain("rsa", HOST) + authority.chain("ec", HOST, "ec")
    inst = make({"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": ", ".join(keys)},
                "127.0.0.1:465 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes -o tls_preempt_cipherlist=yes\n")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        started = [pool.submit(scan, check, 25, tmp_path, authority.anchor, "--starttls", "smtp") for check in CHECKS]
        wrapped = [pool.submit(scan, check, 465, tmp_path, authority.anchor) for check in ("--server-preference", "--protocols")]
        mail = pool.submit(inst.send, "u1@virt.test", starttls=True)
    assert mail.result()
    found = {key: value for part in started for key, value in part.result().items()}
    assert {key.split()[0] for key in above_low(found)} == BY_DEFAULT, above_low(found)
    assert found["TLS1_3 offered with final"][0] == "OK"
    assert not above_low({key: value for part in wrapped for key, value in part.result().items()})
