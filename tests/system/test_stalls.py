# SPDX-License-Identifier: Apache-2.0
"""A helper that hangs for 3 s under load (SIGSTOP): who does not need it goes on, the others wait for their reply or
get a temporary failure, no session is cut, nothing is lost."""
import contextlib
import itertools
import os
import signal
import threading
import time

import pytest

from harness.instance import CERTS
from load import BOX, ROUTES, SENDER, Box, Load, wait_all_delivered
from postern import PACKAGE, unverified

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="one process here is many there")]
STALL = 3
EXEMPT = "127.0.0.2"        # a client that anvil does not count
CONFIG = {**ROUTES, "minimal_backoff_time": "2s", "maximal_backoff_time": "2s", "queue_run_delay": "2s",
          "smtpd_client_event_limit_exceptions": f"{EXEMPT}/32", "relay_recipient_maps": "proxy:static:yes",
          "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": f"{CERTS}/mx.pem",
          "smtpd_tls_key_file": f"{CERTS}/mx.key"}


@contextlib.contextmanager
def stopped(inst, program):
    inst.wait_workers(program)
    pids = inst.workers(program)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def silent_dns(dns):
    """The DNS server reads nothing; the questions wait in its socket."""
    going, answer = threading.Event(), dns.answer

    def wait_and_answer(query, tcp):
        going.wait(60)
        return answer(query, tcp)
    dns.answer = wait_and_answer
    try:
        yield
    finally:
        going.set()
        dns.answer = answer


def starttls(client):
    client.starttls(context=unverified())


def whole_message(inst, _, number):
    """A new session, a message, its delivery."""
    subject = f"beside{number}"
    inst.send("u1@virt.test", SENDER, f"Subject: {subject}\n\nbody\n", source=EXEMPT)
    box = Box(inst, BOX)
    inst.wait(lambda: subject in box.look(), 20, f"{subject} in the Maildir")


def greeting(inst, session, _):
    """A new session as far as EHLO, and one that was open before."""
    with inst.smtp(source=EXEMPT) as client:
        assert client.ehlo()[0] == 250
    assert session.noop()[0] == 250


def open_session(inst, session, number):
    """A message in a session that was open before."""
    inst.send_on(session, "u1@virt.test", SENDER, f"Subject: beside{number}\n\nbody\n")


@pytest.mark.parametrize("program, beside", [
    ("trivial-rewrite", greeting), ("cleanup", greeting), ("anvil", whole_message), ("proxymap", whole_message),
    ("tlsproxy", whole_message), ("postlogd", whole_message), ("DNS", open_session)])
def test_a_stopped_helper_delays_only_who_needs_it(make, private_world, program, beside):
    inst = make(CONFIG)
    session = inst.smtp(source=EXEMPT)
    assert session.ehlo()[0] == 250
    first = starttls if program == "tlsproxy" else None
    source = "198.51.100.7" if program == "DNS" else "127.0.0.1"       # the latter is in the hosts file
    with Load(inst, ["u1@virt.test", "x@later.test"], first=first, source=source, timeout=60) as load:
        load.wait_more(5)
        stall = silent_dns(private_world) if program == "DNS" else stopped(inst, program)
        with stall:
            end = time.monotonic() + STALL
            for number in itertools.count():
                beside(inst, session, number)
                if number >= 3 and time.monotonic() > end:
                    break
                time.sleep(0.1)
        load.wait_more(5)
    session.quit()
    assert load.broken == 0, f"a session was cut: {load.errors}"
    assert load.refused == load.temporary, load.errors
    subjects = wait_all_delivered(inst, load)
    if beside != greeting:
        assert {f"beside{n}" for n in range(number + 1)} <= set(subjects)
