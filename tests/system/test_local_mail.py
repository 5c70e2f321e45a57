# SPDX-License-Identifier: Apache-2.0
"""Mail from local users, and the commands that look at the queue: what goes wrong, and what it leaves behind."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from harness import world
from postern import PACKAGE

pytestmark = pytest.mark.root
OURS = pytest.mark.skipif(PACKAGE is not None, reason="Postfix does this otherwise")
MAIL = b"Subject: local\n\nbody\n"


def record(kind, payload=b""):
    assert len(payload) < 128
    return kind.encode() + bytes([len(payload)]) + payload


def message(*envelope, end=True):
    """A record stream for postdrop."""
    out = b"".join(record(*r) for r in envelope) + record("M") + record("N", b"Subject: x") + record("N") + record("X")
    return out + (record("E") if end else b"")


GOOD = message(("S", b"alice"), ("R", b"u1@virt.test"))


def fields(answer):
    """All attributes of postdrop's answer, which is one list or two."""
    words = [word for word in answer.decode().split("\0") if word]
    pairs = dict(zip(words[::2], words[1::2]))
    return {"status": re.search(r"\0status\0(\d+)\0", "\0" + answer.decode())[1], **pairs} if "status" in words else pairs


def postdrop(inst, stream, user="alice"):
    status, out, err = inst.run([inst.command("postdrop"), "-r"], stream, user=user)
    return status, fields(out), err.decode()


def drops(inst):
    return os.listdir(f"{inst.queue}/maildrop")


def test_postdrop_takes_only_whole_messages(make):
    inst = make()
    status, answer, _ = postdrop(inst, GOOD)
    assert (status, answer["protocol"], answer["status"]) == (0, "postdrop_protocol", "0")
    inst.wait_mail("vmail/u1")
    for stream, want in ((message(("S", b"a"), ("R", b"u1@virt.test"), end=False), 0),     # the sender gave up
                         (message(("S", b"a")), 1), (message(("R", b"u1@virt.test")), 1),
                         (message(("T", b"1 1"), ("S", b"a"), ("R", b"u")), 1), (b"S\xff\xff\xff\xff\xff\xff", 1),
                         (b"S\x80\x7f" + b"x" * 16000, 1), (b"", 0)):
        status, answer, err = postdrop(inst, stream)
        assert status == want, (stream[:40], err)
        assert answer.get("status", str(want)) == str(want)
    assert drops(inst) == []
    assert len(inst.maildir("vmail/u1")) == 1


def test_postdrop_removes_its_file_when_it_is_told_to_end(make):
    inst = make()
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Whoever runs us may ignore a signal (nohup does), and postdrop honours that.
        with subprocess.Popen([inst.command("postdrop"), "-r"], env=inst.env, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, preexec_fn=lambda s=sig: signal.signal(s, signal.SIG_DFL)) as proc:
            proc.stdin.write(record("S", b"a") + record("R", b"u1@virt.test"))
            proc.stdin.flush()
            inst.wait(lambda: any("." not in name for name in drops(inst)), 30, "a file in maildrop")
            time.sleep(0.05)
            proc.send_signal(sig)
            proc.wait(30)
        assert drops(inst) == []


def test_too_big_a_message_is_refused_and_leaves_nothing(make):
    inst = make({"message_size_limit": "20000"})
    status, _, err = inst.run([inst.command("sendmail"), "u1@virt.test"], MAIL + b"x" * 70 * 1000 + b"\n", user="alice")
    assert status == 75
    assert b"file too big" in err or b"File too large" in err
    assert drops(inst) == []


def test_only_those_may_submit_who_are_listed(make):
    inst = make({"authorized_submit_users": "!alice, static:anyone"})
    status, _, err = inst.run([inst.command("sendmail"), "u1@virt.test"], MAIL, user="alice")
    assert status == 75
    assert b"User alice(%d) is not allowed to submit mail" % world.USERS["alice"][0] in err
    assert inst.run([inst.command("sendmail"), "u1@virt.test"], MAIL, user="bob")[0] == 0
    inst.wait_mail("vmail/u1")
    assert postdrop(inst, GOOD)[0] == 1


@OURS
def test_what_no_retry_can_help_is_set_aside(make):
    """A damaged file, and one that cleanup refuses, go to corrupt/; neither is tried for ever, none is removed."""
    inst = make()
    for name, stream in (("DAMAGED1", record("T", b"1 1") + b"S\x05abcde\x01"), ("REFUSED1", record("T", b"x") + GOOD)):
        path = f"{inst.queue}/maildrop/{name}"
        with open(path, "wb") as f:
            f.write(stream)
        os.chmod(path, 0o744)
    inst.run([inst.command("sendmail"), "u1@virt.test"], MAIL)
    inst.wait_mail("vmail/u1")
    inst.wait(lambda: drops(inst) == [], 30, "an empty maildrop directory")
    assert sorted(os.listdir(f"{inst.queue}/corrupt")) == ["DAMAGED1", "REFUSED1"]
    assert len(re.findall(r'warning: saving .* file "\w+1" from queue "maildrop" to queue "corrupt"', inst.log_text())) == 2


@pytest.mark.alarms
def test_a_submission_waits_for_cleanup_to_come_back(make):
    inst = make({"service_throttle_time": "1s"}, master="pickup unix n - n 1 1 pickup\n")
    inst.run([inst.command("sendmail"), "u1@virt.test"], MAIL)
    inst.wait_mail("vmail/u1")
    broken = f"{inst.queue}/incoming"
    os.rename(broken, broken + ".away")
    try:
        assert inst.run([inst.command("sendmail"), "u1@virt.test"], MAIL)[0] == 0
        inst.wait(lambda: re.search(r"pickup\[\d+\]: warning: ", inst.log_text()), 30, "a warning of pickup")
        assert len(drops(inst)) == 1
    finally:
        os.rename(broken + ".away", broken)
    inst.wait_mail("vmail/u1", 2)
    inst.wait(lambda: drops(inst) == [], 30, "an empty maildrop directory")


def test_mail_is_taken_while_the_system_is_down(make):
    inst = make(start=False)
    inst.start()
    inst.stop()
    assert inst.run([inst.command("sendmail"), "u1@virt.test"], MAIL, user="alice")[0] == 0
    assert len(drops(inst)) == 1
    status, out, err = inst.run([inst.command("postqueue"), "-p"])
    assert status == 0 and b"alice" in out and b"1 Request." in out, err
    assert b"Mail system is down" in err
    status, out, err = inst.run([inst.command("postqueue"), "-p"], user="alice")
    assert (status, out) == (69, b"")
    assert b"Queue report unavailable - mail system is down" in err
    inst.start()
    inst.wait_mail("vmail/u1")


def test_a_long_listing_is_complete_and_in_json(make):
    inst = make({"defer_transports": "virtual"})
    for n in range(60):
        inst.send(["u1@virt.test", "u2@virt.test"], text=f"Subject: {n}\n\nbody\n")
    inst.wait(lambda: len(inst.queue_ids("deferred")) == 60, 20, "60 deferred messages")
    status, out, _ = inst.run([inst.command("postqueue"), "-j"])
    listed = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and {m["queue_id"] for m in listed} == set(inst.queue_ids("deferred"))
    assert all(len(m["recipients"]) == 2 and m["recipients"][0]["delay_reason"] for m in listed)
    assert out.count(b"\n") == 60
    assert b"60 Requests." in inst.run([inst.command("mailq")])[1]


def test_requeued_mail_reaches_only_who_has_not_got_it(make):
    inst = make({"defer_transports": "discard"}, files={"transport": "u2@virt.test discard:\n"})
    inst.configure(transport_maps="inline:{u2@virt.test=discard:}")
    inst.reload()
    inst.send(["u1@virt.test", "u2@virt.test"])
    inst.wait_mail("vmail/u1")
    inst.wait(lambda: len(inst.queue_ids("deferred")) == 1, 30, "a deferred message")
    inst.reload(defer_transports="", transport_maps="")
    (queue_id,) = inst.queue_ids("deferred")
    assert inst.run([inst.command("postsuper"), "-r", queue_id])[0] == 0
    inst.run([inst.command("postkick"), "public", "pickup", "W"])
    inst.wait_mail("vmail/u2")
    inst.wait_log(rf"pickup\[\d+\]: \w+: uid=\d+ from=<sender@example.net> orig_id={queue_id}")
    inst.wait(lambda: inst.queue_ids() == [] and drops(inst) == [], 30, "an empty queue")
    assert len(inst.maildir("vmail/u1")) == 1
