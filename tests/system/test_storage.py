# SPDX-License-Identifier: Apache-2.0
"""The queue's file system: full, over quota, damaged, and what is on disk before a message is acknowledged."""
import contextlib
import os
import re
import signal
import smtplib
import subprocess
import threading

import pytest

from load import BOX, EVERYWHERE, ROUTES, SENDER, TO_ERROR, Load, wait_all_delivered
from postern import PACKAGE, world

pytestmark = pytest.mark.root
QUICK = {"minimal_backoff_time": "2s", "maximal_backoff_time": "2s", "queue_run_delay": "2s"}
TEXT = "Subject: test\r\n\r\n" + ("x" * 70 + "\r\n") * 12000


@contextlib.contextmanager
def small_queue(inst, size):
    """The instance's queue on a file system of its own while it runs; gives a function that fills it."""
    world.mount("small", inst.queue, "tmpfs", 0, f"mode=755,size={size}")

    def fill(on=True):
        if not on:
            os.unlink(f"{inst.queue}/filler")
            return
        with open(f"{inst.queue}/filler", "wb", 0) as f, contextlib.suppress(OSError):
            while f.write(b"\0" * 4096):
                pass
    try:
        yield fill
    finally:
        inst.stop()
        inst.kill9()
        subprocess.run(["umount", "-l", inst.queue], check=True)


@contextlib.contextmanager
def tracing(pids, output, *options):
    """strace on these processes, once it says that it is attached to all their threads."""
    argv = ["strace", "-f", "-y", "-s", "80", "-o", output, *options]
    with subprocess.Popen(argv + [word for pid in pids for word in ("-p", str(pid))], stderr=subprocess.PIPE,
                          text=True) as tracer:
        attached = 0
        while attached < len(pids):
            line = tracer.stderr.readline()
            assert line, "strace ended"
            attached += " attached" in line
        reader = threading.Thread(target=tracer.stderr.read, daemon=True)
        reader.start()
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)
            reader.join(10)


def ready_for_data(inst):
    """A session after RCPT."""
    client = inst.smtp()
    client.ehlo()
    assert client.mail(SENDER)[0] == 250
    assert client.rcpt("u1@virt.test")[0] == 250
    return client


def files(inst, *queues):
    return inst.queue_files(*(queues or ("incoming", "active", "deferred", "hold", "corrupt", "maildrop")))


def test_full_file_system_answers_temporarily(make):
    """ENOSPC while a message comes: 451, nothing of it stays; then 452 to MAIL; then room again."""
    inst = make({"message_size_limit": "1000000"}, start=False)
    with small_queue(inst, "6m") as fill:
        inst.start()
        client = ready_for_data(inst)
        fill()
        code, text = client.data(TEXT)
        assert code in (451, 452) and b"4.3.0" in text or b"4.3.1" in text, text
        inst.wait(lambda: files(inst) == [], 30, "nothing of it in the queue")
        code, text = client.mail(SENDER)
        assert (code, text) == (452, b"4.3.1 Insufficient system storage")
        status, _, said = inst.run([inst.command("sendmail"), "u1@virt.test"], TEXT.encode(), user="alice")
        assert status == os.EX_TEMPFAIL, said
        assert files(inst) == []
        fill(False)
        inst.send_on(client, "u1@virt.test", SENDER, "Subject: small\n\nbody\n")
        client.quit()
        assert inst.wait_mail(BOX)[0]["Subject"] == "small"
        inst.wait_log(r"warning: \w+: write queue file: .*No space left on device")
        assert "panic" not in inst.log_text()


@pytest.mark.skipif(PACKAGE is not None, reason="the package's qmgr ends when it cannot write")
def test_full_file_system_loses_nothing_that_was_queued(make):
    """Accepted mail that can neither be marked, nor deferred, nor bounced for want of space stays until it can."""
    inst = make({**ROUTES, **TO_ERROR, **QUICK, "message_size_limit": "100000", "service_throttle_time": "1s",
                 "defer_transports": "virtual, smtp, error"}, start=False)
    with small_queue(inst, "6m") as fill:
        inst.start()
        load = Load(inst, EVERYWHERE, clients=4, pause=0)
        with load:
            load.wait_more(60)
        inst.wait(lambda: not files(inst, "incoming", "active"), 20, "all deferred")
        fill()
        inst.configure(defer_transports="")
        assert inst.postfix("reload")[0] == 0
        inst.wait_log(r"No space left on device", timeout=30)
        with inst.smtp() as client:
            client.ehlo()
            assert client.mail(SENDER)[0] == 452
        fill(False)
        wait_all_delivered(inst, load, everywhere=True)
        inst.wait(lambda: not files(inst), 20, "an empty queue")


@pytest.mark.skipif(PACKAGE is not None, reason="reads our process names")
@pytest.mark.parametrize("call", ["openat", "fsync"])
@pytest.mark.parametrize("error", ["EDQUOT", "EIO"])
def test_failing_system_call_answers_temporarily(make, tmp_path, call, error):
    """Over quota, or a disk error, when the file is made and when it is synced (where quotas of networked file systems
    are reported)."""
    inst = make(ROUTES)
    inst.send("u1@virt.test")
    inst.wait_mail(BOX)
    with tracing(inst.workers("cleanup"), str(tmp_path / "trace"), "-e", f"trace={call}", "-e",
                 f"inject={call}:error={error}"):
        with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as refused:
            inst.send("u1@virt.test", text="Subject: refused\n\nbody\n")
        assert re.search(r"45[12],.*4\.3\.[01] ", str(refused.value))
        inst.wait(lambda: files(inst) == [], 30, "nothing of it in the queue")
    inst.send("u1@virt.test", text="Subject: taken\n\nbody\n")
    subjects = [mail["Subject"] for mail in inst.wait_mail(BOX, 2)]
    assert sorted(subjects) == ["taken", "test"]


@pytest.mark.skipif(PACKAGE is not None, reason="reads our process names")
def test_fsync_comes_before_the_acknowledgement(make, tmp_path):
    """Order of write, fchmod, fsync and the reply, from a trace of cleanup's and smtpd's system calls."""
    inst = make()
    inst.send("u1@virt.test")
    inst.wait_mail(BOX)
    trace = str(tmp_path / "trace")
    with tracing(inst.workers("cleanup") + inst.workers("smtpd"), trace, "-e",
                 "trace=write,writev,pwrite64,pwritev,ftruncate,fchmod,chmod,fsync,fdatasync,rename,renameat,renameat2,"
                 "sendmsg,sendto"):
        inst.send("u1@virt.test", text="Subject: traced\n\nbody\n")
        inst.wait_mail(BOX, 2)
    with open(trace, errors="replace") as f:
        lines = f.read().splitlines()

    def last(pattern):
        found = [n for n, line in enumerate(lines) if re.search(pattern, line)]
        assert found, f"no {pattern} in the trace:\n" + "\n".join(lines)
        return found[-1]
    named = last(r"rename\w*\(.*incoming/")
    wrote = last(r"write\w*\(\d+<[^>]*/incoming/")
    ready = last(r"fchmod\(\d+<[^>]*/incoming/[^>]*>, 0700\)")
    synced = last(r"f(data)?sync\(\d+<[^>]*/incoming/")
    if lines[synced].endswith("<unfinished ...>"):
        synced = last(r"<\.\.\. f(data)?sync resumed>\)\s*= 0")
    else:
        assert lines[synced].endswith("= 0")
    replied = last(r'"250 2\.0\.0 Ok: queued as')
    assert named < wrote < ready < synced < replied


DAMAGE = {"overwritten": lambda data: b"\xff" * 40 + data[40:], "empty": lambda data: b"",
          "no sender": lambda data: data.replace(b"S\x12sender@", b"\x7f\x12sender@"),
          "zeros": lambda data: b"\0" * len(data), "cut in the envelope": lambda data: data[:150],
          "cut in the content": lambda data: data[:-40], "wrong length": lambda data: data[:100] + b"\x7f" + data[101:]}


@pytest.mark.alarms
def test_damaged_queue_file_goes_to_corrupt(make):
    inst = make({"defer_transports": "virtual", **QUICK})
    inst.send("u1@virt.test", text="Subject: good\n\nbody\n")
    for n in range(len(DAMAGE)):
        inst.send("u1@virt.test", text=f"Subject: bad{n}\n\nbody\n")
    inst.wait(lambda: len(files(inst, "deferred")) == 1 + len(DAMAGE), 20, "the deferred messages")
    inst.stop()
    bad, damage = set(), dict(DAMAGE)
    for where, _, names in os.walk(f"{inst.queue}/deferred"):
        for name in names:
            with open(os.path.join(where, name), "r+b") as f:
                data = f.read()
                if b"Subject: bad" in data:
                    f.seek(0)
                    f.truncate()
                    f.write(damage.popitem()[1](data))
                    bad.add(name)
            os.utime(os.path.join(where, name), (0, 0))
    assert len(bad) == len(DAMAGE)
    inst.configure(defer_transports="")
    inst.start()
    inst.run([inst.command("postqueue"), "-f"])
    mail, = inst.wait_mail(BOX)
    assert mail["Subject"] == "good"
    inst.wait(lambda: set(files(inst, "corrupt")) == bad, 15, f"{bad} in corrupt/")
    assert all(f'saving corrupt file "{qid}"' in inst.log_text() for qid in bad)
    assert inst.send("u1@virt.test"), "and life goes on"
    inst.wait_mail(BOX, 2)
