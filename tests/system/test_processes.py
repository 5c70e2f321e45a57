# SPDX-License-Identifier: Apache-2.0
"""What the kernel says about our processes: privileges, sockets, libraries, numbers."""
import os
import re
import subprocess
import time

import pytest

from harness.instance import CERTS
from harness.peers import SmtpSink
from postern import (BUILD, DAEMONS, PACKAGE, SANITIZED, process_exe, process_file, process_sockets, process_status, s_client,
                     unverified, world)

pytestmark = pytest.mark.skipif(PACKAGE is not None, reason="looks at how we are built")
TLS_SERVER = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": f"{CERTS}/mx.pem",
              "smtpd_tls_key_file": f"{CERTS}/mx.key"}
TLS_USERS = {"tlsproxy", "tlsmgr"}
# What an administrator runs to look at servers has keys of its own choice, and no part in the mail system.
TLS_COMMANDS = {"posttls-finger"}
# Programs that keep root to become the recipient.
KEEP_ROOT = {"local", "virtual"}


def needed(path):
    text = subprocess.run(["readelf", "-d", path], capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))


def uses_tls_symbols(path):
    """Whether a program calls the TLS library or has it built in."""
    text = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    return re.search(r" [A-Za-z] (SSL|EVP|X509)_", text) is not None


def test_only_tlsproxy_and_tlsmgr_link_the_tls_library():
    users, callers = set(), set()
    for folder in ("sbin", "libexec"):
        for name in os.listdir(f"{BUILD}/{folder}"):
            path = f"{BUILD}/{folder}/{name}"
            if any(lib.startswith(("libssl", "libcrypto")) for lib in needed(path)):
                users.add(name)
            if uses_tls_symbols(path):
                callers.add(name)
    assert users == TLS_USERS | TLS_COMMANDS
    # tlsmgr needs its random numbers only.
    assert callers | {"tlsmgr"} == users


@pytest.mark.root
def test_the_tls_library_is_mapped_where_tls_is_done_only(make):
    inst = make(TLS_SERVER)
    inst.send("u1@virt.test", starttls=True)
    inst.wait_mail("vmail/u1")
    users = set()
    for pid in inst.pids():
        if "/libssl" in (text := process_file(pid, "maps")) or "/libcrypto" in text:
            users.add(os.path.basename(process_exe(pid)))
    assert users == TLS_USERS


def test_set_gid_commands_load_little():
    for name in ("postdrop", "postqueue", "postlog"):
        libraries = {re.match(r"lib(.+?)(-[\d.]+)?\.so", lib)[1] for lib in needed(f"{BUILD}/sbin/{name}")
                     if lib.startswith("lib")}
        allowed = {"c", "m", "gcc_s", "stdc++", "fmt"} | ({"resolv"} if SANITIZED else set())   # the sanitizer's own
        assert libraries <= allowed, f"{name}: {libraries}"


@pytest.mark.root
def test_tcp_socket_of_a_tls_session_is_open_in_tlsproxy_only(make):
    inst = make(TLS_SERVER)
    with inst.smtp() as client:
        before = {pid: process_sockets(pid) for pid in inst.workers("smtpd")}
        client.starttls(context=unverified())
        client.ehlo()
        listening = process_sockets(inst.master_pid())
        assert any(sockets - listening for sockets in before.values()), "before STARTTLS the socket is in smtpd"
        assert holders(inst) == {"tlsproxy"}


def holders(inst):
    """Programs that have a TCP connection open (listening sockets are master's, too)."""
    listening = process_sockets(inst.master_pid())
    return {os.path.basename(process_exe(pid)) for pid in inst.pids() if process_sockets(pid) - listening}


@pytest.mark.root
def test_tcp_socket_of_an_outgoing_tls_session_is_open_in_tlsproxy_only(make):
    seen = []

    def look(_):
        seen.append(holders(inst))
        return "250 2.1.0 ok"
    sink = SmtpSink("192.0.2.10", cert="mx", script={"^MAIL": look})
    sink.start()
    inst = make({"smtp_tls_security_level": "encrypt", "relay_domains": "dest.test"})
    try:
        inst.send("x@dest.test")
        inst.wait_log(r"status=sent")
    finally:
        sink.stop()
    assert seen == [{"tlsproxy"}]


def key_bytes(path):
    """How the private key may stand in memory: the raw secret of an EC key in both byte orders, a line of its PEM."""
    der = subprocess.run(["openssl", "ec", "-in", path, "-outform", "DER"], capture_output=True, check=True).stdout
    at = der.index(b"\x04\x20") + 2
    secret = der[at:at + 32]
    with open(path, "rb") as f:
        pem = f.read().splitlines()
    return secret, secret[::-1], pem[1], pem[2]


def memory_has(pid, needles):
    regions = [line.split() for line in process_file(pid, "maps").splitlines()]
    if not regions:
        return False
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for region in regions:
            if not region[1].startswith("rw"):
                continue
            low, high = (int(x, 16) for x in region[0].split("-"))
            if high - low > 64 << 20:
                continue
            try:
                mem.seek(low)
                data = mem.read(high - low)
            except OSError:
                continue
            if any(n in data for n in needles):
                return True
    return False


@pytest.mark.root
@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps freed memory")
def test_key_bytes_are_in_tlsproxy_only(make):
    """Those of the server, of a server name in a table, and of the client that smtp is."""
    sink = SmtpSink("192.0.2.10", cert="mx1", ask_cert=True)
    sink.start()
    inst = make({**TLS_SERVER, "tls_server_sni_maps": "hash:$config_directory/sni", "smtp_tls_security_level": "encrypt",
                 "smtp_tls_chain_files": f"{CERTS}/client.key, {CERTS}/client.pem", "relay_domains": "dest.test"}, start=False)
    inst.write("sni", f"one.test {CERTS}/dest.key {CERTS}/dest.pem\n")
    assert inst.run([inst.command("postmap"), "-F", f"hash:{inst.config}/sni"])[0] == 0
    # The table has the key and its chain as text, of which this is the beginning.
    in_table = inst.run([inst.command("postmap"), "-q", "one.test", f"hash:{inst.config}/sni"])[1].strip()[:200]
    assert len(in_table) == 200
    needles = {"mx": key_bytes(f"{CERTS}/mx.key"), "dest": (*key_bytes(f"{CERTS}/dest.key"), in_table),
               "client": key_bytes(f"{CERTS}/client.key")}
    inst.start()
    try:
        inst.send("x@dest.test", starttls=True)
        inst.wait_log(r"to=<x@dest\.test>, .*status=sent")
        assert any("client-cert" in line for line in sink.sessions[0])
        assert "CN = dest.test" in s_client(inst.address, inst.port, "-servername", "one.test")[1]
        with inst.smtp(starttls=True) as client:
            client.ehlo()
            found = {(os.path.basename(process_exe(pid)), key) for pid in inst.pids() for key, bits in needles.items()
                     if memory_has(pid, bits)}
    finally:
        sink.stop()
    assert found == {("tlsproxy", key) for key in needles}


def lines_of(master_cf):
    """{service: (unprivileged, chroot)} of a master.cf without continuation lines."""
    with open(master_cf) as f:
        rows = [line.split() for line in f if line[0] not in "#\n"]
    return {row[0]: (row[3] != "n", row[4] == "y") for row in rows if row[1] != "inet"}


def service_of(pid):
    """The master.cf line of a worker: its -n option, else its program's name."""
    words = process_file(pid, "cmdline").split("\0")
    return words[words.index("-n") + 1] if "-n" in words else os.path.basename(words[0])


@pytest.mark.root
@pytest.mark.parametrize("chroot", ["n", "y"])
def test_privileges_are_those_of_the_master_cf_line(make, chroot):
    master = "".join(f"{name} unix {private} - {chroot} - {limit} {program}\n" for name, private, limit, program in (
        ("cleanup", "n", "0", "cleanup"), ("rewrite", "-", "-", "trivial-rewrite"), ("bounce", "-", "0", "bounce"),
        ("smtp", "-", "-", "smtp"), ("error", "-", "-", "error"), ("discard", "-", "-", "discard")))
    inst = make({**TLS_SERVER, "transport_maps": "inline:{ {gone.test = discard:x} {bad.test = error:5.1.1 no} }",
                 "relay_domains": "gone.test, bad.test", "smtpd_reject_unlisted_recipient": "no"}, master)
    inst.send(["u1@virt.test", "a@gone.test", "a@bad.test"], starttls=True)
    inst.wait_mail("vmail/u1")
    inst.wait_idle()
    lines = lines_of(f"{inst.config}/master.cf")
    seen = set()
    for pid in inst.pids():
        program = os.path.basename(process_exe(pid))
        if program == "master" or pid == inst.master_pid():
            continue
        seen.add(program)
        # One that has just been started has not dropped anything yet.
        inst.wait(lambda p=pid: not misfit(inst, p, lines), 10, lambda p=pid: misfit(inst, p, lines))
    assert {"smtpd", "cleanup", "trivial-rewrite", "qmgr", "tlsproxy"} <= seen


def misfit(inst, pid, lines):
    """In what a worker has more than its line gives it; empty: in nothing, or it has ended meanwhile."""
    program, status = os.path.basename(process_exe(pid)), process_status(pid)
    unprivileged, jailed = lines.get(service_of(pid), (True, False))
    try:
        root = os.readlink(f"/proc/{pid}/root")
    except OSError:
        return ""
    if not program or not status:
        return ""
    if root != (inst.queue if jailed else "/"):
        return f"{program}: {root}"
    if not unprivileged:
        return "" if program in KEEP_ROOT else f"{program} keeps root"
    uid, gid = world.lookup("passwd", "postfix")[2:4]
    fits = (status["Uid"].split() == [uid] * 4 and status["Gid"].split() == [gid] * 4
            and set(status["Groups"].split()) <= {gid} and int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
            and status["NoNewPrivs"] == "1")
    return "" if fits else f"{program}: {status}"


@pytest.mark.root
def test_worker_that_dies_costs_its_own_sessions_only(make):
    inst = make(master="127.0.0.1:2526 inet n - n - - smtpd\n")
    inst.send("u1@virt.test")
    inst.wait_mail("vmail/u1")
    bystander = inst.smtp()
    before = set(inst.workers("smtpd"))
    inst.port = 2526
    victim = inst.smtp()
    for pid in set(inst.workers("smtpd")) - before:
        os.kill(pid, 9)
    with pytest.raises(Exception):
        victim.noop()
        time.sleep(0.2)
        victim.noop()
    assert bystander.noop()[0] == 250
    bystander.close()
    with inst.smtp() as again:
        assert again.noop()[0] == 250
    inst.wait_log(rf"warning: process {re.escape(DAEMONS)}/smtpd pid \d+ killed by signal 9")
