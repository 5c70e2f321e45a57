# SPDX-License-Identifier: Apache-2.0
"""Debian's Postfix and Postern on one another's queues and tables: its commands read and change what ours wrote, ours
what it wrote, and each delivers what the other left when it was stopped."""
import difflib
import email
import email.policy
import json
import os
import re
import shutil

import pytest

from debian import PEER, Debian, Ours
from postern import PACKAGE

pytestmark = [pytest.mark.root,
              pytest.mark.skipif(PACKAGE is not None, reason="is about both"),
              pytest.mark.skipif(not os.path.isdir(PEER), reason="make oracle unpacks the package")]

# While the mail is being queued nothing can be delivered: nobody listens where it goes.
LATER = "later unix - - n - - smtp\n"
CONFIG = {
    "transport_maps": "inline:{ {virt.test = later:[127.0.0.1]:9} }",
    "virtual_mailbox_domains": "virt.test",
    "virtual_mailbox_maps": "static:all/",
    "virtual_alias_maps": "inline:{ {list@virt.test = member1@virt.test, member2@virt.test} }",
    "sender_bcc_maps": "inline:{ {archived@virt.test = archive@virt.test} }",
    "smtpd_sender_restrictions":
        "check_sender_access inline:{ {held@virt.test = HOLD} {filtered@virt.test = FILTER later:[127.0.0.1]:9} "
        "{marked@virt.test = PREPEND X-Marked: yes} {turned@virt.test = REDIRECT redirected@virt.test} }",
    "header_checks": "regexp:{ {/^X-Change: / REPLACE X-Changed: much longer than it was before} "
                     "{/^X-Before: / PREPEND X-Prepended: here} }",
    "body_checks": "regexp:{ {/^change this/ REPLACE changed} }",
    "notify_classes": "",
}


def smtp_messages(inst):
    """[(recipient that it is found by, line that must be in the delivered body)], sent by SMTP."""
    out = []

    def send(name, sender, recipients, text, mail_options="", rcpt_options=""):
        out.append((name, f"body of {name}"))
        with inst.smtp() as client:
            client.ehlo()
            code, reply = client.docmd(f"MAIL FROM:<{sender}> {mail_options}".rstrip())
            assert code == 250, (name, reply)
            for recipient in recipients:
                code, reply = client.docmd(f"RCPT TO:<{recipient}> {rcpt_options}".rstrip())
                assert code in (250, 251), (name, reply)
            data = (f"From: <{sender}>\r\nSubject: {name}\r\nMessage-Id: <{name}@test>\r\n".encode() +
                    text + f"\r\nbody of {name}\r\n".encode())
            code, reply = client.data(data)
            assert code == 250, (name, reply)
    send("plain@virt.test", "sender@virt.test", ["plain@virt.test"], b"\r\n.dot\r\nFrom here\r\n")
    send("dsn@virt.test", "sender@virt.test", ["dsn@virt.test", "dsn2@virt.test"], b"\r\n",
         "RET=HDRS ENVID=env+2B1", "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+2Bname@elsewhere.test")
    send("never@virt.test", "sender@virt.test", ["never@virt.test"], b"\r\n", "RET=FULL", "NOTIFY=NEVER")
    send("eight@virt.test", "sender@virt.test", ["eight@virt.test"],
         "X-Raw: h\u00e9\r\n\r\n\u00e4\u00f6\u00fc \u20ac\r\n".encode() + bytes(range(128, 256)) + b"\r\n",
         "BODY=8BITMIME")
    send("utf8@virt.test", "sender@virt.test", ["utf8@virt.test"],
         "X-Utf8: h\u00e9ader\r\n\r\n\u20ac\r\n".encode(), "BODY=8BITMIME SMTPUTF8")
    send("long@virt.test", "sender@virt.test", ["long@virt.test"],
         b"X-Long: " + b" ".join([b"word"] * 400) + b"\r\n\r\n" + b"x" * 20000 + b"\r\n" + b"y" * 2048 + b"\r\n")
    send("empty@virt.test", "", ["empty@virt.test"], b"\r\n\r\n\r\n")
    send("quoted@virt.test", '"odd sender"@virt.test', ["quoted@virt.test", '"odd name"@virt.test'], b"\r\n")
    send("held1@virt.test", "held@virt.test", ["held1@virt.test"], b"\r\n")
    send("filter1@virt.test", "filtered@virt.test", ["filter1@virt.test"], b"\r\n")
    send("marked1@virt.test", "marked@virt.test", ["marked1@virt.test"], b"\r\n")
    send("redirected@virt.test", "turned@virt.test", ["away@virt.test"], b"\r\n")
    send("member1@virt.test", "sender@virt.test", ["list@virt.test"], b"\r\n")
    send("member2@virt.test", "archived@virt.test", ["member2@virt.test"], b"\r\n")
    send("checked@virt.test", "sender@virt.test", ["checked@virt.test"],
         b"X-Before: x\r\nX-Change: y\r\n\r\nchange this line\r\n")
    return out


def submitted_messages(maker):
    """The same by sendmail; the daemons need not be there."""
    def submit(name, *args, header="", body=b""):
        status, _, error = maker.run("sendmail", *args, stdin=header.encode() + b"\n" + body + b"body of " +
                                     name.encode() + b"\n")
        assert status == 0, error
        return name, f"body of {name}"
    return [
        submit("to@virt.test", "-t", "-f", "sender@virt.test", "-F", "Full Name",
               header="To: to@virt.test\nCc: Cc <cc@virt.test>\nBcc: hidden@virt.test\nSubject: t\n"),
        submit("cmdline@virt.test", "-i", "-f", "sender@virt.test", "-N", "success,delay", "-V", "id9", "-R", "hdrs",
               "cmdline@virt.test", header="Subject: x\n", body=b".\n"),
        submit("sverp@virt.test", "-XV", "-f", "sender@virt.test", "sverp@virt.test", header="Subject: x\n"),
        submit("raw@virt.test", "-B8BITMIME", "-f", "sender@virt.test", "raw@virt.test", header="Subject: x\n",
               body=bytes(range(160, 256)) + b"\n" + b"z" * 9000 + b"\n"),
    ]


SUBMITTED = ("to@", "cmdline@", "sverp@", "raw@")


def id_of(inst, maker, recipient):
    """The deferred message with this recipient."""
    found = [queue_id for queue_id in files_by_id(inst, "deferred")
             if f"\nrecipient: {recipient}\n" in maker.run("postcat", "-eq", queue_id)[1]]
    assert len(found) == 1, (recipient, found)
    return found[0]


def settle_queue(inst, count):
    """All messages have been tried once: COUNT of them are deferred or on hold."""
    inst.wait(lambda: not inst.queue_files("maildrop", "incoming", "active") and
              len(inst.queue_files("deferred", "hold")) >= count, 30, f"{count} messages deferred")
    inst.settle()


def let_go(inst):
    """From now on everything can be delivered."""
    path = f"{inst.config}/main.cf"
    inst.write("main.cf", re.sub(r"(?m)^transport_maps = .*", "transport_maps =", open(path).read()))
    path = f"{inst.config}/master.cf"
    text = open(path).read()
    assert LATER in text
    inst.write("master.cf", text.replace(LATER, "later unix - n n - - virtual\n"))


def files_by_id(inst, *queues):
    found = {}
    for queue in queues:
        for where, _, names in os.walk(f"{inst.queue}/{queue}"):
            found.update({name: os.path.join(where, name) for name in names})
    return found


def delivered(inst):
    return [email.message_from_bytes(open(os.path.join(where, name), "rb").read())
            for where, _, names in os.walk(f"{inst.root}/vmail") if where.endswith("/new") for name in names]


def recipient_of(message):
    return message["Delivered-To"]


def raw_body(message):
    return message.as_bytes(policy=email.policy.compat32)


@pytest.fixture
def pair(make, request):
    """(instance, ours, Debian's); nothing runs. The mark `config` adds settings."""
    mark = request.node.get_closest_marker("config")
    inst = make(dict(CONFIG, **(mark.kwargs if mark else {})), LATER, start=False)
    return inst, Ours(inst), Debian(inst)


def sides(pair, first):
    inst, ours, debian = pair
    return (inst, debian, ours) if first == "debian" else (inst, ours, debian)


@pytest.fixture(params=["postern", "debian"])
def left_behind(pair, request):
    """(instance, who wrote the queue, who reads it, what is in it): every kind of message, stopped."""
    inst, writer, reader = sides(pair, request.param)
    writer.start()
    expected = smtp_messages(inst)
    expected += submitted_messages(writer)
    settle_queue(inst, len(expected))
    writer.stop()
    # Debian's postsuper writes to maillog_file as the owner of the mail system when no daemon is there to do it.
    os.chmod(inst.log, 0o666)
    return inst, writer, reader, expected


def test_left_queue_is_delivered(left_behind):
    """Everything that one system left, deferred, held and still in maildrop, the other delivers, with its notices."""
    deliver_all(*left_behind)


@pytest.mark.config(enable_long_queue_ids="yes", hash_queue_depth="2")
def test_left_queue_with_long_ids(left_behind):
    """The same with the other form of queue ids, and directories within directories."""
    assert all(len(name) >= 12 for name in files_by_id(left_behind[0], "deferred"))
    deliver_all(*left_behind)


def deliver_all(inst, writer, reader, expected):
    name, line = submitted_messages(writer)[1]
    assert (name, line) in expected
    assert inst.queue_files("maildrop") and inst.queue_files("hold") and inst.queue_files("defer")
    let_go(inst)
    reader.start()
    done(reader, "postsuper", "-H", "ALL")
    done(reader, "postqueue", "-f")
    inst.wait(lambda: not inst.queue_files("maildrop", "incoming", "active", "deferred", "hold"), 40, "empty queue")
    inst.settle()
    found = delivered(inst)
    for name, line in expected:
        mine = [m for m in found if recipient_of(m) == name]
        assert any(line.encode() in raw_body(m) for m in mine), (name, sorted(map(recipient_of, found)))
    check_envelopes(found)
    check_contents(found)
    check_notices(found)
    assert not inst.queue_files("corrupt", "defer", "bounce", "trace")
    reader.stop()


def check_envelopes(found):
    by_recipient = {recipient_of(m): m for m in found}
    assert {"cc@virt.test", "hidden@virt.test", "archive@virt.test", "dsn2@virt.test"} <= set(by_recipient)
    assert '"odd name"@virt.test' in by_recipient
    assert by_recipient["plain@virt.test"]["Return-Path"] == "<sender@virt.test>"
    assert by_recipient["empty@virt.test"]["Return-Path"] == "<>"
    assert by_recipient["quoted@virt.test"]["Return-Path"] == '<"odd sender"@virt.test>'
    assert by_recipient["sverp@virt.test"]["Return-Path"] == "<sender+sverp=virt.test@virt.test>"
    assert by_recipient["member1@virt.test"]["X-Original-To"] == "list@virt.test"
    assert "away@virt.test" not in by_recipient
    assert "Bcc" not in by_recipient["hidden@virt.test"]
    assert "Full Name" in by_recipient["to@virt.test"]["From"]


def check_contents(found):
    by_recipient = {recipient_of(m): raw_body(m) for m in found}
    assert b"\n.dot\nFrom here\n" in by_recipient["plain@virt.test"]
    assert bytes(range(128, 256)) in by_recipient["eight@virt.test"]
    assert bytes(range(160, 256)) + b"\n" + b"z" * 9000 + b"\n" in by_recipient["raw@virt.test"]
    # cleanup folds what is longer than line_length_limit or a header; nothing may be lost.
    long = by_recipient["long@virt.test"]
    assert b"x" * 20000 in long and b"y" * 2048 + b"\n" in long and long.count(b"word") == 400
    assert b"\nX-Marked: yes\n" in by_recipient["marked1@virt.test"]
    checked = by_recipient["checked@virt.test"]
    assert b"\nX-Prepended: here\nX-Before: x\nX-Changed: much longer than it was before\n" in checked
    assert b"\nchanged\n" in checked
    assert b"\n.\nbody of cmdline" in by_recipient["cmdline@virt.test"]


def check_notices(found):
    notices = [raw_body(m) for m in found if recipient_of(m) == "sender@virt.test"]
    asked = [n for n in notices if b"Original-Envelope-Id: env+1" in n]
    assert len(asked) >= 1 and all(b"Action: delivered" in n or b"Action: relayed" in n for n in asked)
    assert b"".join(asked).count(b"Original-Recipient: rfc822;first+name@elsewhere.test") == 2
    # sendmail was called twice with this one.
    assert len([n for n in notices if b"Original-Envelope-Id: id9" in n]) == 2
    assert not [n for n in notices if b"never@virt.test" in n]


def test_postcat_of_each_other(left_behind):
    """postcat prints the same text of the same file, whoever wrote it and whoever prints it."""
    inst, writer, reader, expected = left_behind
    submitted_messages(writer)
    files = files_by_id(inst, "deferred", "hold", "maildrop")
    assert len(files) >= len(expected) + 4
    for queue_id, path in sorted(files.items()):
        for options in ("-q", "-oq", "-dq", "-rq", "-doq", "-eq", "-hq", "-bq"):
            if "/maildrop/" in path:
                ours, theirs = (m.run("postcat", path) for m in (reader, writer))
            else:
                ours, theirs = (m.run("postcat", options, queue_id) for m in (reader, writer))
            assert ours[0] == theirs[0], (path, options, ours[2], theirs[2])
            unlike = [line[:200] for line in difflib.unified_diff(ours[1].split("\n"), theirs[1].split("\n"), n=1)]
            assert not unlike, (path, options, unlike)
    # The logs beside the messages, too.
    for name, path in files_by_id(inst, "defer").items():
        assert "Connection refused" in open(path).read(), name


def done(maker, *args, **kw):
    """Runs a command that must succeed; its output."""
    status, out, error = maker.run(*args, **kw)
    assert status == 0, (args, out, error)
    return out


def listing(text):
    """The entries of a queue listing, in an order of their own."""
    return sorted(re.split(r"\n\n", text.strip().split("\n", 1)[1]))


def test_listings_of_each_other(left_behind):
    """Either postqueue lists what either showq tells, the same, and qshape counts the files."""
    inst, writer, reader, expected = left_behind
    for maker, other in ((writer, reader), (reader, writer)):
        maker.start()
        settle_queue(inst, len(expected))
        mine, foreign = maker.run("postqueue", "-p"), other.run("postqueue", "-p")
        assert mine[0] == foreign[0] == 0, (mine, foreign)
        assert listing(mine[1]) == listing(foreign[1])
        mine, foreign = maker.run("postqueue", "-j"), other.run("postqueue", "-j")
        # "forced_expire" is of a later release than the one that wrote the stream.
        entries = [sorted((json.loads(line) for line in text.splitlines()), key=lambda e: e["queue_id"])
                   for _, text, _ in (mine, foreign)]
        assert entries[0] == entries[1] and len(entries[0]) >= len(expected)
        maker.stop()
    # Stopped: the super-user's listing reads the queue itself.
    texts = []
    for maker in (writer, reader):
        maker.take_place()
        texts.append(listing(done(maker, "postqueue", "-p")))
    assert texts[0] == texts[1]
    debian = writer if isinstance(writer, Debian) else reader
    ours = reader if debian is writer else writer
    for options in (["deferred"], ["-s", "deferred", "hold"], ["-p", "-m", "1", "-b", "4", "-t", "10", "deferred"]):
        shapes = [sorted(done(maker, "qshape", *options).splitlines()) for maker in (ours, debian)]
        assert shapes[0] == shapes[1], options
    status, shape, error = debian.run("qshape", "deferred")
    assert status == 0, error
    total = int(re.search(r"^ *TOTAL +(\d+)", shape, re.M)[1])
    recipients = [line for path in files_by_id(inst, "deferred") for line in
                  writer.run("postcat", "-eq", path)[1].splitlines() if line.startswith("recipient: ")]
    assert total == len(recipients)


def test_postsuper_of_each_other(left_behind):
    """Hold, release, requeue, expire, delete: what one asks for, the other one's system does."""
    inst, writer, reader, expected = left_behind
    held, requeued, deleted, renamed = (id_of(inst, writer, name) for name in (
        "plain@virt.test", "utf8@virt.test", "never@virt.test", "long@virt.test"))
    done(reader, "postsuper", "-h", held)
    assert held in files_by_id(inst, "hold") and held not in files_by_id(inst, "deferred")
    done(reader, "postsuper", "-d", deleted)
    assert deleted not in files_by_id(inst, "deferred", "defer")
    done(reader, "postsuper", "-r", requeued)
    assert requeued in files_by_id(inst, "maildrop")
    done(reader, "postsuper", "-H", held)
    assert held in files_by_id(inst, "deferred")
    done(reader, "postsuper", "-e", held)
    for maker in (writer, reader):
        maker.take_place()
        entries = [json.loads(line) for line in done(maker, "postqueue", "-j").splitlines()]
        assert [e["queue_id"] for e in entries if e["forced_expire"]] == [held]
    before = len(files_by_id(inst, "deferred", "hold", "maildrop"))
    # A file under a name that its inode does not have, as after a restore from a backup.
    path = files_by_id(inst, "deferred")[renamed]
    shutil.copy2(path, path + ".new")
    shutil.chown(path + ".new", os.stat(path).st_uid, os.stat(path).st_gid)
    os.replace(path + ".new", path)
    done(reader, "postsuper", "-s")
    done(reader, "postsuper")
    assert len(files_by_id(inst, "deferred", "hold", "maildrop")) == before
    let_go(inst)
    writer.start()
    done(writer, "postsuper", "-H", "ALL")
    done(writer, "postqueue", "-f")
    inst.wait(lambda: not inst.queue_files("maildrop", "incoming", "active", "deferred", "hold"), 40, "empty queue")
    assert "status=force-expired, returned to sender" in inst.log_text()
    subjects = {m["Subject"] for m in delivered(inst)}
    missing = {name for name, _ in expected if name not in subjects and not name.startswith(SUBMITTED)}
    assert missing == {"plain@virt.test", "never@virt.test"}
    writer.stop()


@pytest.mark.parametrize("kind", ["hash", "btree", "lmdb", "cdb"])
@pytest.mark.parametrize("first", ["postern", "debian"])
def test_tables_of_each_other(pair, first, kind):
    """A table that one makes the other reads, lists and changes."""
    inst, maker, reader = sides(pair, first)
    path = inst.write("table", "Key@Virt.test value one\nother two\n\u00fc@virt.test  eight\nlong " + "x" * 3000 + "\n")
    table = f"{kind}:{path}"
    assert maker.run("postmap", table) == (0, "", "")
    for who in (maker, reader):
        assert who.run("postmap", "-q", "key@virt.test", table)[:2] == (0, "value one\n")
        assert who.run("postmap", "-q", "KEY@virt.test", table)[:2] == (0, "value one\n")
        assert who.run("postmap", "-q", "long", table)[:2] == (0, "x" * 3000 + "\n")
        assert who.run("postmap", "-q", "missing", table)[:2] == (1, "")
    assert sorted(maker.run("postmap", "-s", table)[1].splitlines()) == \
        sorted(reader.run("postmap", "-s", table)[1].splitlines())
    if kind != "cdb":
        # cdb files cannot be changed in place.
        done(reader, "postmap", "-i", table, stdin=b"added three\n")
        done(reader, "postmap", "-d", "other", table)
        assert maker.run("postmap", "-q", "added", table)[:2] == (0, "three\n")
        assert maker.run("postmap", "-q", "other", table)[:2] == (1, "")
    aliases = inst.write("aliases", "root: alice\nlist: alice, bob,\n  \"|/bin/cmd arg\"\n")
    done(maker, "postalias", f"{kind}:{aliases}")
    for who in (maker, reader):
        assert who.run("postalias", "-q", "list", f"{kind}:{aliases}")[:2] == (0, "alice, bob, \"|/bin/cmd arg\"\n")


def test_locks_of_each_other(pair):
    """One cannot be started on the other one's directories while that runs, and finds out that it runs."""
    inst, ours, debian = pair
    for running, second in ((ours, debian), (debian, ours)):
        running.start()
        second.take_place()
        status, _, _ = second.run("postfix", "-c", inst.config, "status")
        assert status == 0
        status, _, _ = second.run("postfix", "-c", inst.config, "start")
        assert status == 1
        assert "already running" in inst.log_text()
        running.take_place()
        running.stop()
