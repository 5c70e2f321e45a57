# SPDX-License-Identifier: Apache-2.0
"""DANE with other people's DNS: zones signed by ldns-signzone, served by nsd, resolved by unbound. What is delivered, how,
and what waits rather than go on with less."""
import contextlib
import hashlib
import os
import re
import shutil
import ssl
import tempfile

import pytest

import clients
import signed_zones
from harness.instance import CERTS
from harness.peers import SmtpSink
from postern import PACKAGE

pytestmark = pytest.mark.root


def certificate(name):
    with open(f"{CERTS}/{name}.pem") as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


GOOD = f"TLSA 3 0 1 {hashlib.sha256(certificate('mx1')).hexdigest()}"
GOOD_EXPIRED = f"TLSA 3 0 1 {hashlib.sha256(certificate('expired')).hexdigest()}"
WRONG = f"TLSA 3 0 1 {'00' * 32}"
SERVERS = {"tls": ("192.0.2.140", "mx1"), "old": ("192.0.2.141", "expired"), "plain": ("192.0.2.142", None)}

SENT, WAITS = "sent", "deferred"
LOOKUP_ERROR = r"TLSA lookup error for mx\.{}\.signed\.test:25"
NOT_FOUND = r"Host or domain name not found\. Name service error for name={}\.test type=MX: Host not found, try again"
# Domain below signed.test: its server, what stands at _25._tcp.mx.DOMAIN, what becomes of mail (a text of the log line),
# and how far the server was believed.
CASES = {
    "good": ("tls", GOOD, SENT, "250 2.0.0 taken", "Verified"),
    "wrong": ("tls", WRONG, WAITS, "Server certificate not verified", "Untrusted"),
    "expired-cert": ("old", GOOD_EXPIRED, SENT, "250 2.0.0 taken", "Verified"),
    "old-usage": ("tls", WRONG.replace("TLSA 3", "TLSA 1"), SENT, "250 2.0.0 taken", "Untrusted"),
    "no-records": ("tls", None, SENT, "250 2.0.0 taken", "Untrusted"),
    "no-tls": ("plain", GOOD, WAITS, r"TLS is required, but was not offered by host \S+", None),
    "expired": ("tls", "CNAME r.expired.test.", WAITS, LOOKUP_ERROR.format("expired"), None),
    "bogus": ("tls", "CNAME r.bogus.test.", WAITS, LOOKUP_ERROR.format("bogus"), None),
    "gone": ("tls", "CNAME r.gone.test.", WAITS, LOOKUP_ERROR.format("gone"), None),
    "unsigned": ("tls", "CNAME r.unsigned.test.", SENT, "250 2.0.0 taken", "Untrusted"),
    "elsewhere": ("tls", "CNAME r.other.signed.test.", SENT, "250 2.0.0 taken", "Verified"),
    "only-none": ("tls", None, WAITS, "no TLSA records found", None),
    "only-unsigned": ("tls", "CNAME r.unsigned.test.", WAITS, "no TLSA records found", None),
    "only-gone": ("tls", "CNAME r.gone.test.", WAITS, LOOKUP_ERROR.format("only-gone"), None),
}
# Domains that are none of those: where the MX records, or the aliases of servers, lead out of the signed part.
OTHERS = {
    "alias.signed.test": (SENT, "250 2.0.0 taken", "Verified"),
    "alias-out.signed.test": (SENT, "250 2.0.0 taken", "Verified"),
    "alias-bad.signed.test": (WAITS, "Server certificate not verified", "Untrusted"),
    "expired.test": (WAITS, NOT_FOUND.format("expired"), None),
    "bogus.test": (WAITS, NOT_FOUND.format("bogus"), None),
    "gone.test": (WAITS, NOT_FOUND.format("gone"), None),
    "unsigned.test": (SENT, "250 2.0.0 taken", "Untrusted"),
    "only.unsigned.test": (WAITS, "non DNSSEC destination", None),
}


def zones(root):
    out = signed_zones.Zones(root)
    lines = ["r.other " + GOOD]
    for domain, (server, tlsa, *_) in CASES.items():
        lines += [f"{domain} MX 10 mx.{domain}", f"mx.{domain} A {SERVERS[server][0]}"]
        if tlsa:
            lines.append(f"_25._tcp.mx.{domain} {tlsa}")
    address = SERVERS["tls"][0]
    lines += ["alias MX 10 mx.alias", "mx.alias CNAME mx.good",
              "alias-out MX 10 mx.alias-out", "mx.alias-out CNAME mx.unsigned.test.", f"_25._tcp.mx.alias-out {GOOD}",
              "alias-bad MX 10 mx.alias-bad", "mx.alias-bad CNAME mx.wrong", f"_25._tcp.mx.alias-bad {GOOD}"]
    out.add("signed.test", lines)
    domain = ["@ MX 10 mx", f"mx A {address}", "r " + GOOD]
    out.add("expired.test", domain, "expired")
    # Who changes a record cannot make its signature.
    digest = GOOD.split()[-1]
    out.add("bogus.test", ["@ MX 10 mx", f"mx A {address}", "r " + WRONG], "signed",
            [("MX\t10 mx.", "MX\t20 mx."), ("00" * 32, digest)])
    out.add("unsigned.test", [*domain, f"_25._tcp.mx {WRONG}", "only MX 10 mx"], "unsigned")
    out.add("gone.test", [], "gone")
    out.write()
    return out


@pytest.fixture
def dnssec():
    """The zones' folder, while they are served and resolv.conf names who resolves them."""
    if not os.path.exists(f"{clients.TREE}/usr/sbin/nsd"):
        pytest.fail(f"{clients.TREE} is missing or old: 'make clients' unpacks the programs", pytrace=False)
    root = tempfile.mkdtemp(prefix="zones-")
    os.chmod(root, 0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        stack.enter_context(zones(root).served())
        stack.enter_context(replaced("/etc/resolv.conf",
                                     f"nameserver {signed_zones.RESOLVER}\noptions timeout:5 trust-ad edns0\n"))
        with open("/etc/hosts") as f:
            stack.enter_context(replaced("/etc/hosts", f"{f.read()}{SERVERS['tls'][0]} mx.expired.test\n"))
        yield root


@contextlib.contextmanager
def replaced(path, text):
    """A file of our /etc with another content."""
    with open(path) as f:
        before = f.read()
    try:
        with open(path, "w") as f:
            f.write(text)
        yield
    finally:
        with open(path, "w") as f:
            f.write(before)


@pytest.fixture
def servers():
    sinks = {}
    for name, (address, cert) in SERVERS.items():
        sinks[name] = SmtpSink(addr=address, cert=cert, name=f"{name}.test")
        sinks[name].start()
    yield sinks
    for sink in sinks.values():
        sink.stop()


def outcome(inst, recipient):
    """(status, text) of the first attempt to deliver to RECIPIENT."""
    line = inst.wait_log(rf"to=<{re.escape(recipient)}>, .*status=(\w+) \((.*)\)$", timeout=60)[0]
    return line[1], line[2]


def belief(inst, host):
    """What the log calls the TLS connections to HOST."""
    pattern = rf"(\w+) TLS connection established to {re.escape(host)}\["
    return {m[1] for m in re.finditer(pattern, inst.log_text()[inst.log_start:])}


def record(text):
    """The same record in the form of the Python name server."""
    _, usage, selector, matching, data = text.split()
    return int(usage), int(selector), int(matching), data


CONFIG = {"smtp_tls_security_level": "dane", "smtp_dns_support_level": "dnssec", "smtp_tls_loglevel": "1",
          "smtp_tls_dane_insecure_mx_policy": "dane", "smtp_host_lookup": "dns", "smtp_connection_cache_on_demand": "no",
          "smtp_tls_policy_maps": "inline:{ " + " ".join(
              f"{{{name}=dane-only}}" for name in [*(f"{c}.signed.test" for c in CASES if c.startswith("only-")),
                                                   "only.unsigned.test"]) + " }"}


@pytest.mark.parametrize("trust", ["auto", "validate"])
def test_signed_zones(dnssec, servers, make, trust):
    """Every case at once: by the word of the resolver, and by validation in smtp itself; smtp is in its jail."""
    if PACKAGE and trust != "auto":
        pytest.skip("Postfix validates nothing itself")
    # A host that only /etc/hosts knows well: what cannot be validated must not come in by another door.
    own = {} if PACKAGE else {"dns_trust": trust, "dns_trust_anchor_file": f"{dnssec}/anchor",
                              "smtp_host_lookup": "dns, native",
                              "transport_maps": "inline:{ {in-hosts.test=smtp:[mx.expired.test]} }"}
    inst = make({**CONFIG, **own}, master="" if PACKAGE else "smtp unix - - y - - smtp\n")
    expected = {f"{name}.signed.test": case[2:] for name, case in CASES.items()} | OTHERS
    if not PACKAGE:
        expected["in-hosts.test"] = (WAITS, NOT_FOUND.format(r"mx\.expired").replace("MX", "A"), None)
    with inst.smtp() as client:
        for domain in expected:
            inst.send_on(client, f"u@{domain}")
    found = {domain: outcome(inst, f"u@{domain}") for domain in expected}
    for domain, (status, text, trusted) in expected.items():
        assert found[domain][0] == status and re.fullmatch(text, found[domain][1]), f"{domain}: {found[domain]}"
        assert belief(inst, f"mx.{domain}") == ({trusted} if trusted else set()), domain
    # Not one message went in the clear, nor to a server that could not say who it is where it had to.
    got = {name: "\n".join(line for session in sink.sessions for line in session) for name, sink in servers.items()}
    assert "MAIL FROM" not in got["plain"]
    taken = set(re.findall(r"C: RCPT TO:<u@(\S+?)>", got["tls"] + got["old"]))
    assert taken == {domain for domain, case in expected.items() if case[0] == SENT}
    if not PACKAGE:
        said = f"validated here, from the trust anchors in {dnssec}/anchor" if trust == "validate" else \
            f"the resolver at {signed_zones.RESOLVER} calls secure are believed"
        assert f"{said} (dns_trust = {trust})" in inst.log_text()


@pytest.mark.skipif(PACKAGE is not None, reason="Postfix panics at a record without data")
def test_malformed_records(servers, make, zone):
    """Records of 0, 1 and 3 bytes, by a resolver that calls them secure: they ask for TLS, and nobody can match them."""
    records = {"empty": "", "byte": "03", "head": "030101"}
    for name, data in records.items():
        for kind, server in (("tls", "tls"), ("only", "tls"), ("plain", "plain")):
            domain = f"{name}-{kind}.test"
            zone[domain] = {"MX": [(10, f"mx.{domain}")], "secure": True}
            zone[f"mx.{domain}"] = {"A": SERVERS[server][0], "secure": True}
            zone[f"_25._tcp.mx.{domain}"] = {"TLSA": [data], "secure": True}
    strict = " ".join(f"{{{name}-only.test=dane-only}}" for name in records)
    inst = make({**CONFIG, "smtp_tls_policy_maps": f"inline:{{ {strict} }}"})
    with inst.smtp() as client:
        for name in records:
            for kind in ("tls", "only", "plain"):
                inst.send_on(client, f"u@{name}-{kind}.test")
    for name in records:
        assert outcome(inst, f"u@{name}-tls.test") == (SENT, "250 2.0.0 taken")
        assert belief(inst, f"mx.{name}-tls.test") == {"Untrusted"}
        assert outcome(inst, f"u@{name}-only.test") == (WAITS, "TLSA records unusable")
        status, text = outcome(inst, f"u@{name}-plain.test")
        assert status == WAITS and text.startswith("TLS is required, but was not offered")
        assert f"_25._tcp.mx.{name}-tls.test malformed TLSA RR" in inst.log_text()
    assert not any("MAIL FROM" in line for session in servers["plain"].sessions for line in session)


@pytest.mark.skipif(PACKAGE is not None, reason="its tlsproxy keeps what the records said")
def test_kept_session_and_changed_records(servers, make, zone):
    """A session that is kept is for those who would ask the same of its server: when the records change, it is not."""
    zone["kept.test"] = {"MX": [(10, "mx.kept.test")], "secure": True}
    zone["mx.kept.test"] = {"A": SERVERS["tls"][0], "secure": True}
    records = zone["_25._tcp.mx.kept.test"] = {"TLSA": [record(GOOD)], "secure": True}
    inst = make({**CONFIG, "smtp_connection_cache_destinations": "kept.test", "smtp_connection_cache_time_limit": "60s"})
    for count in (1, 2):
        inst.send("u@kept.test")
        inst.wait_log(r"to=<u@kept\.test>, .*status=sent", count)
    inst.wait_log(r"Verified TLS connection reused to mx\.kept\.test\[")
    records["TLSA"] = [record(WRONG)]
    inst.send("u@kept.test")
    inst.wait_log(r"to=<u@kept\.test>, .*status=deferred \(Server certificate not verified\)")
    # Without records for a while: level may, and the verified session is none of that.
    records["TLSA"] = []
    inst.send("v@kept.test")
    inst.wait_log(r"to=<v@kept\.test>, .*status=sent")
    assert belief(inst, "mx.kept.test") == {"Verified", "Untrusted"}
