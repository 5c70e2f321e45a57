# SPDX-License-Identifier: Apache-2.0
"""testssl.sh, which administrators scan their servers with: what it finds at the default configuration."""
import concurrent.futures
import json
import os
import re
import subprocess

import pytest

import clients
from pki import Authority

pytestmark = pytest.mark.root
HOST = "mx.example.test"
TREE = clients.TREE
# Everything but the simulated clients and the probes for bugs of other people's TLS libraries. Two scanners at once, since
# they sleep a lot; and what each has to have looked at: a scan that gave up must not pass.
CHECKS = {("--protocols", "--standard", "--pfs", "--server-preference"): {"TLS1_3", "cipherlist_aNULL", "PFS", "protocol_negotiated"},
          ("--server-defaults", "--vulnerable"): {"cert_chain_of_trust", "heartbleed", "ROBOT", "secure_client_renego", "LUCKY13", "RC4"}}
WRAPPED = ("--protocols", "--server-preference")
HARMLESS = {"OK", "INFO", "LOW"}
# Of the scanner: its openssl has no GOST; in wrapper mode it finds no HTTP; its client leaves at the end of a handshake, mostly
# before the ticket of TLS 1.3 has come.
ABOUT_ITSELF = {"engine_problem", "service", "sessionresumption_ticket"}


def scan(checks, port, out, anchor, *args):
    """Findings of some checks: {name and text: severity}."""
    name = f"{out}/{port}{checks[0]}"
    env = {"PATH": f"/usr/sbin:/usr/bin:/sbin:/bin:{TREE}/usr/bin", "HOME": out, "TERM": "dumb", "LC_ALL": "C.UTF-8",
           "TESTSSL_INSTALL_DIR": f"{TREE}/etc/testssl"}
    p = subprocess.run([f"{TREE}/usr/bin/testssl", "--warnings", "off", "--color", "0", "--nodns", "none", "--ip", "127.0.0.1",
                        "--add-ca", anchor, "--jsonfile", f"{name}.json", *checks, *args, f"{HOST}:{port}"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, cwd=out, timeout=300, check=False)
    with open(f"{name}.json") as f:
        findings = {f"{entry['id']}: {entry['finding']}": entry["severity"] for entry in json.load(f)}
    looked_at = {re.split("[ :]", found)[0] for found in findings}
    missing = CHECKS.get(checks, set()) - looked_at
    assert not missing, f"{missing}, {looked_at}: {p.stdout}{p.stderr}"
    return findings


def above_low(findings):
    return {found: severity for found, severity in findings.items()
            if severity not in HARMLESS and found.split(":")[0] not in ABOUT_ITSELF}


@pytest.fixture
def authority(tmp_path):
    """An authority whose certificates say where they would be revoked, as those of public ones do."""
    return Authority(str(tmp_path / "pki"), revocation="http://ca.example.test/list.crl")


def test_nothing_above_low(make, authority, tmp_path):
    """STARTTLS at the defaults with both kinds of keys; the same in wrapper mode."""
    if not os.path.exists(f"{TREE}/usr/bin/testssl"):
        pytest.fail("testssl is missing: 'make clients' unpacks it", pytrace=False)
    keys = authority.chain("rsa", HOST) + authority.chain("ec", HOST, "ec")
    inst = make({"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": ", ".join(keys)},
                "127.0.0.1:465 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        started = [pool.submit(scan, checks, 25, tmp_path, authority.anchor, "--starttls", "smtp") for checks in CHECKS]
        wrapped = pool.submit(scan, WRAPPED, 465, tmp_path, authority.anchor)
        # Meanwhile mail goes on.
        assert inst.send("u1@virt.test", starttls=True)
    found = {name: severity for part in started for name, severity in part.result().items()}
    assert not above_low(found)
    assert found["TLS1_3: offered with final"] == "OK"
    assert not above_low(wrapped.result())
