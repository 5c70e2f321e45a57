# SPDX-License-Identifier: Apache-2.0
"""Nothing that was acknowledged is lost, whatever is killed: everything, one kind of worker, one at a named point."""
import collections
import os
import random
import re
import signal
import subprocess
import time

import pytest

from harness.instance import CERTS
from load import EVERYWHERE, NOTICES, ROUTES, SENDER, TO_ERROR, Box, Load, wait_all_delivered
from postern import PACKAGE, TOP, unverified

pytestmark = [pytest.mark.root, pytest.mark.alarms]
CONFIG = {**ROUTES, **TO_ERROR, "minimal_backoff_time": "2s", "maximal_backoff_time": "2s", "queue_run_delay": "2s",
          "service_throttle_time": "1s", "smtpd_client_event_limit_exceptions": "",
          "smtpd_recipient_restrictions": "check_recipient_access proxy:static:dunno",
          "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": f"{CERTS}/mx.pem",
          "smtpd_tls_key_file": f"{CERTS}/mx.key"}
IMPORTED = "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME"
STATES = ("maildrop", "incoming", "active", "deferred", "hold")
KINDS = ("smtpd", "cleanup", "qmgr", "trivial-rewrite", "virtual", "smtp", "error", "tlsproxy", "tlsmgr", "anvil",
         "proxymap", "postlogd", "bounce", "pickup")


# What leads to the points that ordinary traffic does not come to: a reload, or a queue manager that ends in its work.
PROVOKED = {"qmgr.before_give_back": lambda inst: os.kill(inst.master_pid(), signal.SIGHUP),
            "qmgr.before_aside": lambda inst: os.kill(inst.master_pid(), signal.SIGHUP),
            "qmgr.after_recover": lambda inst: kill(inst.workers("qmgr"), signal.SIGTERM)}


def crash_points():
    """Every name that the sources give to crash_point()."""
    text = subprocess.run(["grep", "-rhoE", r'crash_point\("[^"]+"\)', TOP, "--include=*.cc", "--exclude-dir=build",
                           "--exclude-dir=tests"], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r'"([^"]+)"', text)))


def states(inst):
    """Which queue states hold a file now: what a crash at this moment leaves behind."""
    out = set()
    for name in STATES:
        for where, _, files in os.walk(f"{inst.queue}/{name}"):
            for file in files:
                try:
                    mode = os.stat(os.path.join(where, file)).st_mode & 0o700
                except FileNotFoundError:
                    continue
                out.add(f"{name}/{'complete' if mode == 0o700 else 'partial'}")
    for name in ("defer", "bounce"):
        if any(files for _, _, files in os.walk(f"{inst.queue}/{name}")):
            out.add(f"{name} log")
    return out


def kill(pids, how=signal.SIGKILL):
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass


def starttls(client):
    client.starttls(context=unverified())


def submit(inst, subject):
    """One message to EVERYWHERE by sendmail; true if it says that the message is queued."""
    return inst.run([inst.command("sendmail"), "-f", SENDER, *EVERYWHERE],
                    f"Subject: {subject}\n\nbody\n".encode(), user="alice")[0] == 0


def test_kill_everything_under_load(make, capsys):
    inst = make(CONFIG)
    rng, hit, rounds = random.Random(20), collections.Counter(), 20
    with Load(inst, EVERYWHERE) as load:
        for n in range(rounds):
            load.wait_more(3)
            if submit(inst, f"local{n}"):
                load.accepted.add(f"local{n}")
            time.sleep(rng.uniform(0, 0.25))        # the moment of the kill is what is random here
            inst.kill9()
            hit.update(states(inst) or {"empty"})
            inst.start(settle=False)
    copies = wait_all_delivered(inst, load, everywhere=True)
    with capsys.disabled():
        print(f"\n{rounds} kills, {len(load.accepted)} accepted, {len(copies)} delivered; states found: {dict(hit)}")
    assert len(hit) >= 5, f"only {dict(hit)}"


@pytest.mark.parametrize("program", KINDS)
def test_kill_each_worker_kind_under_load(make, program):
    inst = make(CONFIG)
    with Load(inst, EVERYWHERE, first=starttls) as load:
        for n in range(4):
            if submit(inst, f"local{n}"):
                load.accepted.add(f"local{n}")
            load.wait_more(2)
            if n == 0 or program != "tlsmgr":           # asked for once in a while only
                inst.wait_workers(program)
            kill(inst.workers(program))
        load.wait_more(2)
    inst.wait_log(rf"warning: process \S*/{program} pid \d+ killed by signal 9")
    wait_all_delivered(inst, load, everywhere=True)


@pytest.mark.skipif(PACKAGE is not None, reason="crash points are ours")
@pytest.mark.parametrize("point", crash_points() or ["none"])
def test_each_crash_point(make, point):
    """Each process that comes to this point dies there, over and over; then they no longer do."""
    assert point != "none", "the sources name no crash point"
    inst = make({**CONFIG, "import_environment": f"{IMPORTED} POSTERN_CRASH_AT={point}"})
    inst.env["POSTERN_CRASH_AT"] = point
    outcomes = []

    def reached():
        if point.startswith("postdrop."):
            return False in outcomes
        return "killed by signal 9" in inst.log_text()
    with Load(inst, EVERYWHERE, clients=3) as load:
        end = time.monotonic() + 15
        while (not reached() or len(outcomes) < 3) and time.monotonic() < end:
            outcomes.append(submit(inst, f"local{len(outcomes)}"))
            if outcomes[-1]:
                load.accepted.add(f"local{len(outcomes) - 1}")
            if point in PROVOKED and not reached():
                PROVOKED[point](inst)
        assert reached(), f"{point} was never reached"
        if not point.startswith("cleanup."):        # which everything needs
            load.wait_more(3)
    inst.kill9()
    del inst.env["POSTERN_CRASH_AT"]
    inst.configure(import_environment=IMPORTED)
    inst.start(settle=False)
    inst.send(EVERYWHERE, SENDER, "Subject: afterwards\n\nbody\n")
    load.accepted.add("afterwards")
    wait_all_delivered(inst, load, everywhere=True)


@pytest.mark.skipif(PACKAGE is not None, reason="the package has a process for each session")
def test_poison_message_is_isolated(make):
    """A session that kills its worker, with 500 others open: these reconnect and nothing accepted is lost."""
    inst = make({**CONFIG, "smtpd_client_connection_count_limit": "0"})
    others = [inst.smtp() for _ in range(500)]
    try:
        for client in others:
            assert client.ehlo()[0] == 250
        workers = inst.workers("smtpd")
        assert len(workers) <= os.cpu_count()
        accepted = {f"p{n}" for n in range(50)}
        for n, client in enumerate(others[:50]):
            inst.send_on(client, EVERYWHERE, SENDER, f"Subject: p{n}\n\nbody\n")
        kill(workers[:1])
        inst.wait_log(rf"smtpd pid {workers[0]} killed by signal 9")
        cut = [client for client in others if not alive(client)]
        assert 0 < len(cut) <= 500
        for client in cut:
            client.close()
            client.connect(inst.address, inst.port)
        assert all(alive(client) for client in others)
    finally:
        for client in others:
            client.close()
    load = Load(inst, [], clients=0)
    load.accepted = accepted
    wait_all_delivered(inst, load, everywhere=True)
    assert Box(inst, NOTICES).look()


def alive(client):
    try:
        return client.noop()[0] == 250
    except OSError:
        return False
