# SPDX-License-Identifier: Apache-2.0
"""The queue manager as users notice it: a reload does not hold mail up or deliver it twice, and small messages do not
wait for large ones."""
import collections
import os
import random
import re
import signal
import time

import pytest

from harness.peers import SmtpSink
from load import Load, Sink
from postern import SANITIZED

pytestmark = pytest.mark.root
ROUTES = {"transport_maps": "inline:{ {slow.test = smtp:[127.0.0.1]:2601} {fast.test = smtp:[127.0.0.1]:2602} }",
          "relay_domains": "slow.test, fast.test"}


@pytest.fixture
def sinks():
    """Servers of slow.test, which thinks three seconds about each message, and of fast.test."""
    slow = SmtpSink(addr="127.0.0.1", port=2601, script={"DOT": "SLEEP 3 250 2.0.0 ok"})
    fast = SmtpSink(addr="127.0.0.1", port=2602)
    for sink in (slow, fast):
        sink.start()
    yield slow, fast
    for sink in (slow, fast):
        sink.stop()


def test_reload_waits_for_no_delivery_and_cuts_none(make, sinks):
    inst = make(ROUTES)
    first, = inst.workers("qmgr")
    inst.send("a@slow.test", text="Subject: slow\n\nslow\n")
    inst.wait(lambda: any("C: DATA" in line for lines in list(sinks[0].sessions) for line in list(lines)), 20, "the delivery to begin")
    os.kill(inst.master_pid(), signal.SIGHUP)
    inst.send("b@fast.test")
    # The next queue manager delivers new mail while the old one is still at work on the other message.
    inst.wait_log(r"to=<b@fast\.test>.*status=sent")
    assert not re.search(r"to=<a@slow\.test>", inst.log_text()[inst.log_start:])
    assert first in inst.workers("qmgr") and len(inst.workers("qmgr")) == 2
    inst.wait_log(r"to=<a@slow\.test>.*status=sent")
    inst.wait(lambda: inst.workers("qmgr") and first not in inst.workers("qmgr"), 20, "the old queue manager to leave")
    inst.wait_idle()
    assert len(re.findall(r"to=<a@slow\.test>", inst.log_text()[inst.log_start:])) == 1
    assert inst.queue_ids() == []


def test_message_in_parts_is_finished_by_the_next_queue_manager(make, sinks):
    """One recipient at a time: the reload comes between them."""
    inst = make({**ROUTES, "smtp_destination_recipient_limit": "1", "smtp_destination_concurrency_limit": "1",
                 "smtp_initial_destination_concurrency": "1"})
    people = [f"r{n}@slow.test" for n in range(3)]
    inst.send(people)
    inst.wait(lambda: any("C: DATA" in line for lines in list(sinks[0].sessions) for line in list(lines)), 20, "the delivery to begin")
    os.kill(inst.master_pid(), signal.SIGHUP)
    inst.wait_log(r"status=sent", count=3, timeout=40)
    inst.wait_idle()
    assert sorted(m[1] for m in re.finditer(r"to=<([^>]+)>.*status=sent", inst.log_text())) == people


def test_killed_queue_manager_leaves_deliveries_alone(make, sinks):
    """Its agents work on; the next one finds their files locked and looks again soon, not in a minute."""
    inst = make(ROUTES)
    inst.send("a@slow.test")
    inst.wait(lambda: any("C: DATA" in line for lines in list(sinks[0].sessions) for line in list(lines)), 20, "the delivery to begin")
    for pid in inst.workers("qmgr"):
        os.kill(pid, signal.SIGKILL)
    inst.send("b@fast.test")
    inst.wait_log(r"skipped, still being delivered")
    inst.wait_log(r"to=<b@fast\.test>.*status=sent")
    inst.wait_log(r"to=<a@slow\.test>.*status=sent")
    inst.wait_idle(30)
    assert len(re.findall(r"to=<a@slow\.test>", inst.log_text())) == 1
    assert inst.queue_ids() == []


@pytest.mark.skipif(SANITIZED, reason="5,000 deliveries take long")
def test_small_message_overtakes_a_large_one(make):
    """A transport of one process, 5,000 recipients in front."""
    inst = make({"transport_maps": "inline:{ {list.test = onebyone:} {small.test = onebyone:} }",
                 "relay_domains": "list.test, small.test", "smtpd_recipient_limit": "5000", "line_length_limit": "2048",
                 "onebyone_destination_recipient_limit": "1", "smtpd_recipient_overshoot_limit": "5000"},
                "onebyone unix - n n - 1 pipe flags= user=nobody argv=/bin/true ${recipient}\n")
    # The process is kept busy until both messages are there.
    with inst.smtp(timeout=60) as client:
        inst.send_on(client, [f"r{n}@list.test" for n in range(5000)], text="Subject: large\n\nlarge\n")
    inst.wait_log(r"to=<r\d+@list\.test>.*status=sent", count=5)
    inst.send("one@small.test")
    inst.wait_log(r"to=<one@small\.test>.*status=sent", timeout=30)
    sent = re.findall(r"to=<(\S+)@(\S+)>.*status=sent", inst.log_text())
    before = [domain for _, domain in sent].index("small.test")
    assert before < 1500, "the small message waited for much of the large one"


def test_large_message_is_read_in_parts(make):
    """Little memory for recipients: all are delivered all the same, each once."""
    inst = make({"transport_maps": "inline:{ {list.test = discard:} }", "relay_domains": "list.test",
                 "default_recipient_limit": "30", "qmgr_message_recipient_limit": "100",
                 "default_recipient_refill_limit": "7", "qmgr_message_recipient_minimum": "3"})
    for part in range(3):
        inst.send([f"r{part}.{n}@list.test" for n in range(200)])
    inst.wait_log(r"to=<r\S+@list\.test>.*status=sent", count=600, timeout=60)
    inst.wait_idle()
    copies = collections.Counter(re.findall(r"to=<(\S+)>.*status=sent", inst.log_text()))
    assert len(copies) == 600 and set(copies.values()) == {1}


@pytest.mark.alarms
def test_reloads_and_kills_under_load_deliver_each_once(make):
    """Queue managers that hand over, die, or both, at any moment: their agents live, so nothing is lost or repeated."""
    rng = random.Random(7)
    inst = make({**ROUTES, "smtp_destination_recipient_limit": "2", "default_recipient_limit": "20",
                 "qmgr_message_recipient_minimum": "2", "default_recipient_refill_limit": "2",
                 "minimal_backoff_time": "2s", "maximal_backoff_time": "2s", "queue_run_delay": "2s",
                 "service_throttle_time": "1s", "smtpd_client_event_limit_exceptions": ""})
    people = [f"r{n}@{domain}" for n in range(5) for domain in ("slow.test", "fast.test")]

    def reload():
        os.kill(inst.master_pid(), signal.SIGHUP)

    def kill(which=slice(None)):
        for pid in sorted(inst.workers("qmgr"))[which]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def master_too():
        os.kill(inst.master_pid(), signal.SIGKILL)
        inst.wait(lambda: inst.master_pid() is None, 10, "the end of master")
        inst.start(settle=False)
    blows = [reload, kill, master_too, lambda: (reload(), time.sleep(rng.uniform(0, 0.1)), kill()),
             lambda: (reload(), reload()), lambda: kill(slice(0, 1)), lambda: kill(slice(-1, None))] * 2
    rng.shuffle(blows)
    with Sink(2601, lambda: rng.uniform(0, 0.4)) as slow, Sink(2602) as fast:
        with Load(inst, people) as load:
            for blow in blows:
                load.wait_more(2)
                time.sleep(rng.uniform(0, 0.2))     # the moment is what is random here
                blow()
            load.wait_more(2)
        inst.wait_idle(60)
        copies = collections.Counter(slow.copies + fast.copies)
    wanted = {(subject, who) for subject in load.accepted for who in people}
    assert not wanted - set(copies), "lost"
    assert not [what for what in wanted if copies[what] > 1], "delivered twice"


def test_successor_waits_for_a_queue_manager_that_has_not_noticed(make, sinks):
    """Master is killed, and its queue manager has not looked up yet when the next master starts another one."""
    inst = make({**ROUTES, "smtp_destination_recipient_limit": "1", "smtp_destination_concurrency_limit": "1"})
    first, = inst.workers("qmgr")
    people = [f"r{n}@slow.test" for n in range(3)]
    inst.send(people)
    inst.wait(lambda: any("C: DATA" in line for lines in list(sinks[0].sessions) for line in list(lines)), 20, "the delivery to begin")
    os.kill(first, signal.SIGSTOP)
    try:
        os.kill(inst.master_pid(), signal.SIGKILL)
        inst.wait(lambda: inst.master_pid() is None, 10, "the end of master")
        inst.start(settle=False)
        inst.log_start = 0
        inst.wait_log(r"another queue manager is at work")
    finally:
        os.kill(first, signal.SIGCONT)
    inst.wait_log(r"status=sent", count=3, timeout=40)
    inst.wait_idle()
    assert sorted(m[1] for m in re.finditer(r"to=<([^>]+)>.*status=sent", inst.log_text())) == people


def test_every_queue_may_be_hashed(make):
    inst = make({"hash_queue_names": "incoming active deferred bounce defer", "hash_queue_depth": "2",
                 "transport_maps": "inline:{ {bad.test = error:5.1.1 no} }", "relay_domains": "bad.test",
                 "smtpd_reject_unlisted_recipient": "no"})
    inst.send(["u1@virt.test", "x@bad.test"], sender="u2@virt.test")
    inst.wait_mail("vmail/u1")
    inst.wait_mail("vmail/u2")
    inst.wait_idle()


def test_message_that_cannot_be_moved_ends_no_queue_manager(make, sinks):
    """As on a full disk: what a killed one left in active/ waits there, and the next one works."""
    inst = make(ROUTES)
    inst.send("a@slow.test")
    inst.wait(lambda: sinks[0].sessions and any("C: DATA" in line for line in list(sinks[0].sessions[0])), 20,
              "the delivery to begin")
    os.chmod(f"{inst.queue}/incoming", 0o500)
    try:
        for program in ("qmgr", "smtp"):
            for pid in inst.workers(program):
                os.kill(pid, signal.SIGKILL)
        inst.run([inst.command("postqueue"), "-f"])         # starts the next one
        inst.wait_log(r"move from active to incoming: ")
        successor, = inst.workers("qmgr")
        assert len(inst.queue_ids("active")) == 1
    finally:
        os.chmod(f"{inst.queue}/incoming", 0o700)
    os.kill(inst.master_pid(), signal.SIGHUP)
    inst.wait_log(r"to=<a@slow\.test>.*status=sent")
    inst.wait_idle()
    assert successor not in inst.workers("qmgr") and "fatal: " not in inst.log_text()
