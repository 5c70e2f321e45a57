# SPDX-License-Identifier: Apache-2.0
"""Event workers under load, crash and reload: who is started, who is told, and that nobody else notices."""
import collections
import os
import re
import select
import shutil
import signal
import socket
import socketserver
import threading
import time

import pytest

from load import BOX, Load, wait_all_delivered
from postern import BUILD, DAEMONS, PACKAGE, process_exe

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="event workers are ours")]

CONFIG = {"minimal_backoff_time": "2s", "maximal_backoff_time": "2s", "queue_run_delay": "2s",
          "smtpd_client_connection_count_limit": "0", "smtpd_client_connection_rate_limit": "0",
          "smtpd_reject_unlisted_recipient": "no", "service_throttle_time": "1s"}
Session = collections.namedtuple("Session", "number pid service peer state age queue_id")


def sessions(inst, peer=None, service=None):
    """What `postfix sessions` lists."""
    rc, text = inst.postfix("sessions")
    assert rc == 0, text
    rows = [Session(*line.split()) for line in text.splitlines()[1:]]
    return [r for r in rows if peer in (None, r.peer) and service in (None, r.service)]


def session_of(inst, peer, state=None):
    """The one session of this client, when it has come to `state`."""
    def found():
        return [r for r in sessions(inst, peer) if state in (None, r.state)]
    inst.wait(found, 15, f"session of {peer} in {state}")
    return found()[0]


SMTPD = "127.0.0.1:25"


class Raw:
    """An SMTP client that takes every reply apart from its greeting literally."""

    def __init__(self, inst, source="127.0.0.1"):
        self.s = socket.create_connection((inst.address, inst.port), timeout=30, source_address=(source, 0))
        self.greeting = self.reply()

    def reply(self):
        """One reply; b"" when the connection is cut."""
        data = b""
        try:
            while not re.search(rb"^\d\d\d .*\r\n\Z", data, re.M):
                more = self.s.recv(4096)
                if not more:
                    return b""
                data += more
        except ConnectionError:
            return b""
        return data

    def say(self, line):
        """Send one line; returns the reply."""
        try:
            self.s.sendall(line.encode() + b"\r\n")
        except ConnectionError:
            return b""
        return self.reply()

    def begin_data(self, recipient="u1@virt.test", subject="raw"):
        """Up to the middle of the content."""
        self.say("EHLO client.example.net")
        self.say("MAIL FROM:<sender@example.net>")
        self.say(f"RCPT TO:<{recipient}>")
        assert self.say("DATA").startswith(b"354")
        self.s.sendall(f"Subject: {subject}\r\n\r\nhalf".encode())
        return self

    def end_data(self):
        """The rest of it."""
        return self.say("\r\n.")

    def close(self):
        """Without QUIT."""
        self.s.close()


def crowd(inst, count):
    """Sessions of so many clients, each with an address of its own."""
    return [Raw(inst, f"127.0.{1 + n // 250}.{1 + n % 250}") for n in range(count)]


def alive(clients):
    """How many of the sessions still answer."""
    return sum(c.say("NOOP").startswith(b"250") for c in clients)


def starts(inst, program):
    """Pids of all workers of the program that were ever seen, as the kernel's list is now."""
    return set(inst.workers(program))


# --- load ----------------------------------------------------------------------------------------------

class Flood(threading.Thread):
    """Clients that send the next fifty commands as soon as the last fifty are answered."""
    BURST = 50
    ANSWER = len(b"250 2.0.0 Ok\r\n")

    def __init__(self, inst):
        super().__init__(daemon=True)
        self.inst, self.sockets, self.going = inst, {}, True

    def add(self, count):
        """More of them."""
        for _ in range(count):
            client = Raw(self.inst)
            client.s.sendall(b"NOOP\r\n" * self.BURST)
            self.sockets[client.s] = self.BURST * self.ANSWER

    def run(self):
        while self.going:
            for s in select.select(list(self.sockets), [], [], 0.2)[0]:
                self.sockets[s] -= len(s.recv(4096))
                if self.sockets[s] <= 0:
                    s.sendall(b"NOOP\r\n" * self.BURST)
                    self.sockets[s] = self.BURST * self.ANSWER

    def stop(self):
        """Ends all of them."""
        self.going = False
        self.join(5)
        for s in self.sockets:
            s.close()


@pytest.mark.skipif(os.cpu_count() < 2, reason="one core, one worker")
def test_load_starts_one_worker_per_core(make):
    inst = make({**CONFIG, "smtpd_junk_command_limit": "1000000000", "smtpd_hard_error_limit": "1000000000",
                 "smtpd_soft_error_limit": "1000000000"})
    flood = Flood(inst)
    flood.add(100)
    assert len(inst.workers("smtpd")) == 1
    flood.start()
    try:
        time.sleep(2.5)             # busy is a matter of a whole second
        flood.add(100)
        assert len(inst.wait_workers("smtpd", 2)) <= os.cpu_count()
        share = collections.Counter(r.pid for r in sessions(inst, "127.0.0.1", SMTPD))
        assert len(share) == 2 and sum(share.values()) == 200, share
    finally:
        flood.stop()
    time.sleep(2.5)
    # Calm again: what comes now needs no third process.
    assert Raw(inst).greeting.startswith(b"220")
    assert len(inst.workers("smtpd")) <= 2


def test_late_loop_turns_stress_on_and_off(make):
    inst = make({**CONFIG, "inet_interfaces": "127.0.0.1, 192.0.2.1", "smtpd_timeout": "${stress?{1}:{60}}s"},
                address="192.0.2.1")
    calm = Raw(inst)
    pid, = inst.workers("smtpd")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.8)
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.5)
    stressed = Raw(inst)
    assert stressed.reply().startswith(b"421 4.4.2"), "a session of a stressed service has a second"
    time.sleep(2.5)
    later = Raw(inst)
    time.sleep(1.5)
    assert later.say("NOOP").startswith(b"250")
    assert calm.say("NOOP").startswith(b"250"), "what has begun keeps its settings"


# --- sessions ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("chroot", ["n", "y"])
def test_sessions_are_listed_and_can_be_ended(make, chroot):
    inst = make({**CONFIG, "smtpd_client_connection_count_limit": "2",
                 "smtpd_client_event_limit_exceptions": ""}, f"127.0.0.1:25 inet n - {chroot} - - smtpd\n")
    sender = Raw(inst).begin_data(subject="cut")
    idler = Raw(inst)
    idler.say("EHLO client.example.net")
    inst.wait(lambda: {r.state for r in sessions(inst, "127.0.0.1", SMTPD)} == {"works:DATA", "waits:EHLO"}, 10,
              "both sessions")
    row = next(r for r in sessions(inst, "127.0.0.1", SMTPD) if r.state == "works:DATA")
    assert re.search(rf"smtpd\[{row.number}\]: {row.queue_id}: client=", inst.log_text())
    assert int(row.pid) in inst.workers("smtpd") and row.service == SMTPD
    assert Raw(inst).greeting.startswith(b"421"), "two at a time"
    rc, text = inst.postfix("sessions", "-k", row.number)
    assert rc == 0, text
    assert sender.reply() == b""
    assert [r.state for r in sessions(inst, "127.0.0.1", SMTPD)] == ["waits:EHLO"]
    assert idler.say("NOOP").startswith(b"250")
    inst.wait_log(rf"smtpd\[{row.number}\]: session {row.number} is ended by the administrator")
    # Whoever counts sessions knows that it is over; the message went with it.
    inst.wait(lambda: Raw(inst).greeting.startswith(b"220"), 30, "room for another")
    assert inst.queue_ids() == [] and inst.maildir(BOX) == []
    assert inst.postfix("sessions", "-k", row.number)[0] == 1
    assert inst.postfix("sessions", "-k", "nonsense")[0] == 1


def test_sessions_are_for_the_owner_of_the_system_only(make):
    inst = make(CONFIG)
    st = os.stat(f"{inst.queue}/pid/control")
    assert (st.st_uid, st.st_mode & 0o077) == (0, 0)
    assert sessions(inst) is not None
    inst.stop()
    assert inst.postfix("sessions")[0] == 1


def test_sessions_of_a_stuck_worker_are_listed(make):
    inst = make(CONFIG)
    client = Raw(inst)
    client.say("EHLO client.example.net")
    pid = int(session_of(inst, "127.0.0.1", "waits:EHLO").pid)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert session_of(inst, "127.0.0.1").pid == str(pid)
    finally:
        os.kill(pid, signal.SIGCONT)


# --- builds --------------------------------------------------------------------------------------------

def test_worker_of_another_build_is_refused(make):
    inst = make({**CONFIG, "service_throttle_time": "60s"}, start=False)
    own = f"{inst.root}/libexec"
    shutil.copytree(DAEMONS, own, symlinks=True)
    inst.configure(daemon_directory=own)
    inst.start()
    first = Raw(inst)
    assert first.greeting.startswith(b"220")
    old, = inst.workers("smtpd")
    with open(f"{BUILD}/gen/build_id.cc") as f:
        build = re.search(r'return "(.*)"', f.read())[1].encode()
    # As a package upgrade does it: a new file in the old one's place.
    with open(f"{own}/smtpd", "rb") as f:
        program = f.read()
    assert build in program
    os.unlink(f"{own}/smtpd")
    with open(f"{own}/smtpd", "wb") as f:
        f.write(program.replace(build, b"X" * len(build)))
    os.chmod(f"{own}/smtpd", 0o755)
    os.kill(old, signal.SIGTERM)
    assert first.reply() == b""
    with socket.create_connection((inst.address, inst.port), timeout=1) as s, pytest.raises(TimeoutError):
        s.recv(100)
    inst.wait_log(r"error: service .*smtpd is of another build \(X+\) than this master \(.*\): .*stop and start")
    shutil.copy(f"{DAEMONS}/smtpd", f"{own}/smtpd")
    inst.stop()
    inst.start()
    assert Raw(inst).greeting.startswith(b"220")


def test_reload_after_an_upgrade_is_refused(make):
    """A master of another build would start none of the new programs: the old ones go on, and the command says what to do."""
    inst = make(CONFIG, start=False)
    own = f"{inst.root}/libexec"
    shutil.copytree(DAEMONS, own, symlinks=True)
    inst.configure(daemon_directory=own)
    with open(f"{BUILD}/gen/build_id.cc") as f:
        build = re.search(r'return "(.*)"', f.read())[1].encode()
    with open(f"{own}/master", "rb") as f:
        program = f.read()
    assert build in program

    def install(text):
        os.unlink(f"{own}/master")
        with open(f"{own}/master", "wb") as f:
            f.write(text)
        os.chmod(f"{own}/master", 0o755)

    # What runs is the former build: all of it.
    for name in os.listdir(own):
        path = f"{own}/{name}"
        if os.path.islink(path):
            continue
        with open(path, "rb") as f:
            text = f.read()
        os.unlink(path)
        with open(path, "wb") as f:
            f.write(text.replace(build, b"X" * len(build)))
        os.chmod(path, 0o755)
    inst.start()
    first = Raw(inst)
    assert first.greeting.startswith(b"220")
    install(program)
    code, text = inst.postfix("reload")
    assert code == 1 and "of another build" in text and f"postfix -c {inst.config} start" in text, text
    assert Raw(inst).greeting.startswith(b"220")
    # The same build installed once more is no upgrade.
    install(program.replace(build, b"X" * len(build)))
    code, text = inst.postfix("reload")
    assert code == 0, text
    assert Raw(inst).greeting.startswith(b"220")


# --- poison --------------------------------------------------------------------------------------------

def test_poisonous_client_ends_up_alone(make):
    """A client that crashes smtpd twice, each time with 500 others, is the only one to notice the third time."""
    inst = make({**CONFIG, "smtpd_timeout": "120s"})
    for _ in range(2):
        others = crowd(inst, 500)
        poison = Raw(inst, "127.0.0.66").begin_data()
        os.kill(int(session_of(inst, "127.0.0.66", "works:DATA").pid), signal.SIGKILL)
        assert poison.end_data() == b"" and alive(others[:5]) == 0
    inst.wait_log(r"warning: service .*: 127\.0\.0\.66 was under way in two workers that crashed; "
                  "it gets a process of its own")
    others = crowd(inst, 500)
    shared = {r.pid for r in sessions(inst) if r.peer.startswith("127.0.")}
    for _ in range(3):
        victim = Raw(inst, "127.0.0.66").begin_data()
        alone = session_of(inst, "127.0.0.66", "works:DATA").pid
        assert alone not in shared
        os.kill(int(alone), signal.SIGKILL)
        assert victim.end_data() == b""
    assert alive(others) == 500
    assert "one session per process" not in inst.log_text()
    # One good session, and it is as others again.
    assert Raw(inst, "127.0.0.66").begin_data().end_data().startswith(b"250")
    inst.wait_mail(BOX)

    def forgiven():
        with_others = Raw(inst, "127.0.0.66")
        pid = session_of(inst, "127.0.0.66").pid
        with_others.close()
        return pid in shared
    inst.wait(forgiven, 30, "to be trusted again")
    assert alive(others) == 500


def test_client_whose_content_is_poison_ends_up_alone(make):
    """The same for cleanup: half a message is there when it crashes."""
    inst = make(CONFIG)
    for _ in range(2):
        other, poison = Raw(inst, "127.0.0.77").begin_data(), Raw(inst, "127.0.0.66")
        other.end_data()
        poison.begin_data()
        row, = [r for r in sessions(inst, "127.0.0.66", "cleanup") if r.state == "works:receiving"]
        os.kill(int(row.pid), signal.SIGKILL)
        assert poison.end_data().startswith(b"451")
    inst.wait_log(r"service .cleanup. .*: 127\.0\.0\.66 was under way in two workers that crashed")
    other, poison = Raw(inst, "127.0.0.77").begin_data(), Raw(inst, "127.0.0.66").begin_data()
    rows = {r.peer: r.pid for r in sessions(inst, service="cleanup") if r.state == "works:receiving"}
    assert rows["127.0.0.66"] != rows["127.0.0.77"]
    os.kill(int(rows["127.0.0.66"]), signal.SIGKILL)
    assert poison.end_data().startswith(b"451") and other.end_data().startswith(b"250")
    assert Raw(inst, "127.0.0.66").begin_data().end_data().startswith(b"250")
    inst.wait_mail(BOX, 4)


class Sink(socketserver.ThreadingTCPServer):
    """An SMTP server that holds the message with "poison" in its recipient until it is let go."""
    allow_reuse_address = daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        """One session."""
        def handle(self):
            def put(line):
                self.wfile.write(line.encode() + b"\r\n")
            poison, subject = False, ""
            put("220 sink.test ESMTP")
            for line in self.rfile:
                verb = line[:4].upper()
                poison = poison or b"poison" in line
                if verb == b"DATA":
                    put("354 go on")
                    for content in iter(self.rfile.readline, b".\r\n"):
                        if content == b"":
                            return
                        if content.startswith(b"Subject: "):
                            subject = content[9:].strip().decode()
                    if poison:
                        self.server.let_go.wait(60)
                    self.server.taken.append(subject)
                put("221 bye" if verb == b"QUIT" else "250 ok")
                if verb == b"QUIT":
                    return

    def __init__(self):
        super().__init__(("192.0.2.1", 2525), self.Handler)
        self.taken, self.let_go = [], threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_poisonous_message_ends_up_alone(make):
    """A message that crashes smtp twice gets a process of its own at its next turn; others are delivered once."""
    sink = Sink()
    inst = make({**CONFIG, "transport_maps": "inline:{ {later.test = smtp:[192.0.2.1]:2525} }",
                 "relay_domains": "later.test", "smtp_destination_concurrency_limit": "20",
                 "smtp_destination_concurrency_failed_cohort_limit": "10"})
    try:
        inst.send("poison@later.test", text="Subject: poison\n\nx\n")
        pids = []
        for n in range(3):
            inst.send("x@later.test", text=f"Subject: good{n}\n\nx\n")
            inst.wait(lambda n=n: f"good{n}" in sink.taken, 20, f"good{n}")
            inst.wait(lambda: sessions(inst, service="smtp") and any(
                r.state == "works:delivering" and int(r.pid) not in pids for r in sessions(inst, service="smtp")), 20,
                      "the poison's delivery")
            row = next(r for r in sessions(inst, service="smtp") if r.state == "works:delivering")
            assert row.queue_id in inst.queue_ids("active")
            pids.append(int(row.pid))
            if n < 2:
                os.kill(pids[-1], signal.SIGKILL)
        inst.wait_log(rf"warning: service .smtp. .*: {row.queue_id} was under way in two workers that crashed")
        inst.send("x@later.test", text="Subject: beside\n\nx\n")
        inst.wait(lambda: "beside" in sink.taken, 20, "a message beside the poison")
        assert not {r.pid for r in sessions(inst, service="smtp") if r.queue_id != row.queue_id} & {str(pids[2])}
        sink.let_go.set()
        inst.wait(lambda: inst.queue_ids() == [], 20, "an empty queue")
        taken = collections.Counter(sink.taken)
        assert all(taken[f"good{n}"] == 1 for n in range(3)) and taken["beside"] == 1 and taken["poison"] >= 1
    finally:
        sink.let_go.set()
        sink.shutdown()
        sink.server_close()


def test_three_crashes_put_every_session_into_its_own_process(make):
    """Poison that nobody can name: after the third crash one session per process, until reload."""
    inst = make(CONFIG)
    for _ in range(3):
        client = Raw(inst)
        client.say("EHLO client.example.net")
        os.kill(int(session_of(inst, "127.0.0.1", "waits:EHLO").pid), signal.SIGKILL)
        assert client.say("NOOP") == b""
    inst.wait_log("3 workers crashed within 10 minutes; one session per process until reload")
    clients = [Raw(inst) for _ in range(10)]
    assert len({r.pid for r in sessions(inst, "127.0.0.1", SMTPD)}) == 10
    os.kill(int(sessions(inst, "127.0.0.1", SMTPD)[0].pid), signal.SIGKILL)
    inst.wait(lambda: alive(clients) == 9, 30, "nine of ten")
    inst.send("u1@virt.test")
    inst.wait_mail(BOX)
    inst.reload()
    again = [Raw(inst) for _ in range(10)]
    mine = {c.s.getsockname()[1] for c in again}
    assert len(mine) == 10 and len(set(inst.workers("smtpd"))) <= 9 + os.cpu_count()


# --- reload --------------------------------------------------------------------------------------------

def test_reload_under_load_is_not_noticed(make):
    """SIGHUP every 200 ms: no session is cut or put off, nothing is lost or delivered twice."""
    inst = make(CONFIG)
    idler = Raw(inst)
    idler.say("EHLO client.example.net")
    with Load(inst, "u1@virt.test") as load:
        load.wait_more(5)
        for _ in range(50):
            os.kill(inst.master_pid(), signal.SIGHUP)
            time.sleep(0.2)
        load.wait_more(5)
    assert (load.refused, load.broken) == (0, 0), load.errors
    wait_all_delivered(inst, load)
    inst.wait_idle()
    copies = collections.Counter(wait_all_delivered(inst, load))
    assert set(copies.values()) == {1}, [s for s in copies if copies[s] > 1]
    assert idler.say("NOOP").startswith(b"250")
    troubles = [line for line in inst.log_text()[inst.log_start:].splitlines()
                if re.search(r"warning:|error:|fatal:|status=deferred", line)]
    assert not troubles, troubles[:10]
    # Old workers do not stay for connections that nobody uses.
    idler.close()
    inst.wait(lambda: all(len(inst.workers(p)) <= os.cpu_count() for p in
                          ("smtpd", "cleanup", "trivial-rewrite", "qmgr", "anvil")), 15, "old workers to leave")


def test_new_sessions_use_the_new_configuration(make):
    inst = make(CONFIG)
    old = Raw(inst)
    inst.reload(smtpd_banner="changed.test ESMTP")
    assert Raw(inst).greeting.startswith(b"220 changed.test")
    assert old.say("NOOP").startswith(b"250")


# --- idle ----------------------------------------------------------------------------------------------

def test_idle_exit_loses_no_client(make):
    """Clients come just when the worker is about to leave."""
    inst = make({**CONFIG, "max_idle": "1s"})
    seen = set()
    for n in range(12):
        client = Raw(inst)
        assert client.greeting.startswith(b"220")
        assert client.say("QUIT").startswith(b"221")
        seen |= starts(inst, "smtpd")
        time.sleep(0.97 + 0.01 * n)
    assert 2 <= len(seen) <= 13
    inst.wait(lambda: not inst.workers("smtpd"), 30, "the last to leave")
    count = len(inst.log_text())
    time.sleep(2)
    assert not inst.workers("smtpd") and len(inst.log_text()) == count, "nobody wanted it back"
    assert Raw(inst).greeting.startswith(b"220")
    assert [os.path.basename(process_exe(p)) for p in inst.workers("smtpd")] == ["smtpd"]


def test_reloads_in_quick_succession_leave_nothing_behind(make):
    """A worker that is told to retire before it has begun leaves all the same: a single one would have no successor."""
    inst = make()
    for n in range(20):
        inst.run([inst.command("sendmail"), "u1@virt.test"], f"Subject: {n}\n\nbody\n".encode(), user="alice")
        os.kill(inst.master_pid(), signal.SIGHUP)
    inst.wait_mail("vmail/u1", 20)
    inst.wait(lambda: all(len(inst.workers(name)) <= 1 for name in ("postlogd", "pickup", "qmgr")), 20,
              "one process of each program that has one")
    inst.log_start = len(inst.log_text())
    inst.send("u1@virt.test")
    inst.wait_log(r"to=<u1@virt\.test>.*status=sent")
