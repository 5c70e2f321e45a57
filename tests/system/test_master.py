# SPDX-License-Identifier: Apache-2.0
"""master and postfix(1) with stand-in workers: what a worker gets, limits, throttling, reload, renewal, stop."""
import json
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

from postern import COMMANDS, DAEMONS

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 13025
USER = "nobody"

MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
daemon_directory = {root}/libexec
command_directory = {commands}
mail_owner = {owner}
setgid_group = nogroup
maillog_file = {root}/maillog
maillog_file_prefixes = {root}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
service_throttle_time = 2s
tls_key_check_interval = 1s
"""


class System:
    """A mail system of stand-ins in a directory of its own."""

    def __init__(self, root, user=None):
        self.root, self.user = str(root), user
        for name in ("etc", "libexec", "data"):
            os.makedirs(f"{self.root}/{name}")
        for program in ("master", "postlogd"):
            shutil.copy(f"{DAEMONS}/{program}", f"{self.root}/libexec/")
        for program in ("smtpd", "local", "sick", "pickup", "tlsproxy"):
            shutil.copy(f"{HERE}/standin.py", f"{self.root}/libexec/{program}")
        self.main = MAIN.format(root=self.root, commands=f"{self.root}/sbin", owner=USER)
        os.makedirs(f"{self.root}/sbin")
        shutil.copy(f"{COMMANDS}/postlog", f"{self.root}/sbin/")
        shutil.chown(f"{self.root}/data", USER)

    def configure(self, master, main=""):
        """Writes main.cf and master.cf."""
        for name, text in (("main.cf", self.main + main), ("master.cf", master)):
            with open(f"{self.root}/etc/{name}", "w") as f:
                f.write(text)
        if self.user:
            subprocess.run(["chown", "-R", self.user, self.root], check=True)

    def postfix(self, *words):
        """Runs postfix(1); returns (status, output)."""
        argv = [f"{COMMANDS}/postfix", "-c", f"{self.root}/etc", *words]
        extra = {"user": self.user, "extra_groups": []} if self.user else {}
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=30, check=False, **extra)
        return done.returncode, done.stdout.decode()

    def start(self, master, main=""):
        """Configures, starts, and checks that it did."""
        self.configure(master, main)
        assert self.postfix("start") == (0, ""), self.log()
        return self

    def log(self):
        """The mail log so far."""
        try:
            with open(f"{self.root}/maillog") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, timeout=30):
        """Waits for a line that matches."""
        return wait(lambda: re.search(pattern, self.log()), timeout, lambda: f"{pattern}\n{self.log()}")

    def started(self, program=None):
        """What each stand-in that was started noted about itself."""
        try:
            with open(f"{self.root}/etc/started.jsonl") as f:
                notes = [json.loads(line) for line in f]
        except FileNotFoundError:
            return []
        return [n for n in notes if program in (None, os.path.basename(n["argv"][0]))]

    def pid(self):
        """master's, from its pid file."""
        with open(f"{self.root}/queue/pid/master.pid") as f:
            return int(f.read())


def wait(condition, timeout=30, what=lambda: "condition"):
    """Waits until the condition gives something true, and returns that."""
    end = time.monotonic() + timeout
    while True:
        got = condition()
        if got:
            return got
        assert time.monotonic() < end, what()
        time.sleep(0.02)


def connect(port=PORT, timeout=10):
    """A session of an inet service; returns (socket, pid of the worker that greeted)."""
    s = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    return s, greeting(s)


def greeting(s, timeout=10):
    """The pid in "hello PID", None when nothing comes."""
    s.settimeout(timeout)
    try:
        return int(s.recv(100).split()[1])
    except (TimeoutError, IndexError):
        return None


def local(system, path):
    """A connection to a socket below the queue directory."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(f"{system.root}/queue/{path}")
    return s


def gone(pid):
    """True when the process has ended."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def system(tmp_path):
    """A stopped system, run as root."""
    if os.geteuid():
        pytest.skip("needs root")
    yield from life(tmp_path, None)


@pytest.fixture
def rootless(tmp_path):
    """The same, run by its mail_owner."""
    if os.geteuid():
        pytest.skip("needs root to become an ordinary user")
    yield from life(tmp_path, USER)


def life(tmp_path, user):
    """Makes a system and takes it down again."""
    path = tmp_path
    while str(path) != "/tmp" and str(path) != "/":
        os.chmod(path, 0o755)
        path = path.parent
    made = System(tmp_path / "s", user)
    yield made
    made.postfix("stop")


def test_worker_gets_exactly_what_it_should(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - 3 smtpd -o {{ smtpd_banner = x y }} -o a=b\n"
                 "local unix - n n - - local\n", "import_environment = MAIL_CONFIG NOSUCH LANG=C { A = b c }\n")
    session, pid = connect()
    notes = system.started("smtpd")[0]
    assert notes["argv"][1:] == ["-n", f"127.0.0.1:{PORT}", "-t", "inet", "-u", "-L", "1",
                                 "-o", "smtpd_banner = x y", "-o", "a=b"]
    names = [pair for pair in notes["env"] if pair[0] != "LC_CTYPE"]        # Python adds that one itself
    assert names[:-1] == [["MAIL_CONFIG", f"{system.root}/etc"], ["LANG", "C"], ["A", "b c"]]
    assert names[-1][0] == "GENERATION"
    assert (notes["cwd"], notes["umask"], notes["group"]) == (f"{system.root}/queue", 0o77, system.pid())
    fds = {int(n): target for n, target in notes["fds"].items() if int(n) < 7}
    assert [fds[n] for n in (0, 1, 2)] == ["/dev/null"] * 3
    assert fds[3] == fds[4] and fds[3].startswith("pipe:")
    assert fds[5].startswith("socket:") and fds[6].startswith("socket:")
    assert greeting(local(system, "private/local")) != pid
    assert system.started("local")[0]["argv"][1:] == ["-t", "unix", "-L", "1"]
    assert int(dict(system.started("local")[0]["env"])["GENERATION"], 8) > int(names[-1][1], 8)
    session.close()


def test_sockets_and_lock_files(system):
    system.start("pickup unix n - n 60 1 pickup\nlocal unix - n n - - local\n")
    for path in ("public/pickup", "private/local"):
        st = os.stat(f"{system.root}/queue/{path}")
        assert st.st_mode & 0o777 == 0o666 and st.st_uid != 0
    pid_file = f"{system.root}/queue/pid/master.pid"
    assert (os.stat(pid_file).st_mode & 0o777, os.stat(pid_file).st_size) == (0o600, 33)
    assert open(pid_file).read() == open(f"{system.root}/data/master.lock").read() == f"{system.pid():>32}\n"
    # Unconditional wakeups fire at once.
    wait(lambda: system.started("pickup"))


def test_numeric_maxproc_is_sessions_at_a_time(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - 2 smtpd\n")
    first, one = connect()
    _second, two = connect()
    assert one != two
    third = socket.create_connection(("127.0.0.1", PORT))
    assert greeting(third, 0.5) is None
    first.close()
    assert greeting(third) == one
    assert len(system.started("smtpd")) == 2


def test_event_worker_takes_many_sessions(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - - smtpd\n")
    sessions = [connect() for _ in range(20)]
    assert len({pid for _, pid in sessions}) == 1


def test_sick_service_is_throttled_alone(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - - smtpd\nsick unix n n n - - sick die\n")
    _waiting = local(system, "public/sick")
    system.wait_log(r"warning: process \S+/sick pid \d+ exit status 3\n"
                    r".*warning: \S+/sick: bad command startup -- throttling")
    assert connect()[1]
    time.sleep(1)
    assert len(system.started("sick")) == 1
    wait(lambda: len(system.started("sick")) == 2, 5)


def test_worker_that_leaves_at_once_is_not_restarted_in_a_loop(system):
    system.start("sick unix n n n - - sick idle\n")
    _waiting = local(system, "public/sick")
    time.sleep(1.5)
    assert 2 <= len(system.started("sick")) <= 6
    assert "throttling" not in system.log()


def test_three_crashes_isolate_sessions_until_reload(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - - smtpd\n")
    for _ in range(3):
        session, pid = connect()
        session.send(b"kill 11")
        wait(lambda p=pid: gone(p))
    system.wait_log("3 workers crashed within 10 minutes; one session per process until reload")
    sessions = [connect() for _ in range(3)]
    assert len({pid for _, pid in sessions}) == 3
    system.postfix("reload")
    system.wait_log("reload -- version")
    again = [connect() for _ in range(3)]
    assert len({pid for _, pid in again}) == 1


def test_reload_keeps_sessions_and_takes_over_changes(system):
    lines = f"127.0.0.1:{PORT} inet n - n - - smtpd\n127.0.0.1:{PORT + 1} inet n - n - - smtpd\n"
    system.start(lines)
    kept, old = connect()
    _removed, leaving = connect(PORT + 1)
    system.configure(f"127.0.0.1:{PORT} inet n - n - - smtpd new\n127.0.0.1:{PORT + 2} inet n - n - - smtpd\n")
    assert system.postfix("reload") == (0, "")
    assert wait(lambda: connect_or_none(PORT + 2))
    session, new = connect()
    assert new != old and "new" in system.started("smtpd")[-1]["argv"]
    wait(lambda: gone(leaving))
    assert connect_or_none(PORT + 1) is None
    # The old session lives in the old worker, which goes with it.
    assert not gone(old)
    kept.close()
    wait(lambda: gone(old))
    session.close()


def connect_or_none(port):
    """connect(), None when nobody listens."""
    try:
        return connect(port)
    except ConnectionRefusedError:
        return None


def test_bad_configuration_does_not_disturb_a_running_system(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - - smtpd\n")
    _session, pid = connect()
    system.configure("this is no service\n")
    status, output = system.postfix("reload")
    assert status == 1 and "master.cf" in output and "line 1" in output
    os.kill(system.pid(), 1)
    system.wait_log(r"error: reload: .*the configuration stays as it was")
    assert connect()[1] == pid


def test_changed_key_starts_a_new_generation(system):
    key = f"{system.root}/key.pem"
    with open(key, "w") as f:
        f.write("old")
    system.start(f"127.0.0.1:{PORT} inet n - n - 0 tlsproxy watch={key} fail={system.root}/broken\n")
    session, old = connect()
    with open(key, "w") as f:
        f.write("newer")
    wait(lambda: len(system.started("tlsproxy")) == 2)
    wait(lambda: connect()[1] != old)
    assert not gone(old)            # it has a session
    session.close()
    wait(lambda: gone(old))
    current = connect()[1]
    # A new generation that cannot load leaves the old one serving.
    open(f"{system.root}/broken", "w").close()
    with open(key, "w") as f:
        f.write("newest of all")
    system.wait_log(f"error: service .*: cannot load {system.root}/broken; "
                    "the workers that run keep what they have loaded")
    time.sleep(1.5)
    assert connect()[1] == current
    assert len(system.started("tlsproxy")) == 3


def test_missing_program_is_named_and_has_no_socket(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - - smtpd\ncyrus unix - n n - - nosuch user=x\n")
    system.wait_log(r'service "cyrus" \(private/cyrus\) is not available: there is no program \S+/nosuch')
    assert not os.path.exists(f"{system.root}/queue/private/cyrus")


def test_start_and_stop_say_what_they_do(system):
    system.configure(f"127.0.0.1:{PORT} inet n - n - - smtpd\n")
    assert system.postfix("status")[0] == 1
    assert system.postfix("stop")[0] == 1
    assert system.postfix("start") == (0, "")
    assert system.postfix("status")[0] == 0
    assert system.postfix("start")[0] == 1
    _session, worker = connect()
    master = system.pid()
    assert system.postfix("stop") == (0, "")
    wait(lambda: gone(master) and gone(worker))
    assert system.postfix("status")[0] == 1
    order = ["not running", "starting the Postfix mail system", "daemon started -- version",
             "system is running: PID: ", "fatal: the Postfix mail system is already running",
             "stopping the Postfix mail system", "terminating on signal 15"]
    found = [system.log().find(text) for text in order]
    assert -1 not in found and found == sorted(found), system.log()


def test_new_master_starts_beside_the_sessions_of_a_killed_one(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - - smtpd\nlocal unix - n n - - local\n")
    session, old = connect()
    os.kill(system.pid(), 9)
    wait(lambda: system.postfix("status")[0] == 1)
    assert system.postfix("start") == (0, "")
    # Sockets that the old one left are replaced, the port is taken over, the session goes on.
    assert greeting(local(system, "private/local"))
    assert connect()[1] not in (old, None)
    assert not gone(old)
    session.close()
    wait(lambda: gone(old))


def test_file_in_the_place_of_a_socket_is_not_removed(system):
    system.start("local unix - n n - - local\n")
    system.postfix("stop")
    os.unlink(f"{system.root}/queue/private/local")
    with open(f"{system.root}/queue/private/local", "w") as f:
        f.write("precious")
    assert system.postfix("start")[0] == 1
    assert open(f"{system.root}/queue/private/local").read() == "precious"
    assert "neither a socket nor a fifo" in system.log()


def test_log_can_be_rotated_while_lines_come(system):
    system.start(f"127.0.0.1:{PORT} inet n - n - - smtpd\n", "maillog_file_compressor = true\n")
    env = {"MAIL_CONFIG": f"{system.root}/etc"}
    for i in range(50):
        subprocess.run([f"{COMMANDS}/postlog", "-t", "count", str(i)], env=env, check=True)
        if i == 25:
            assert system.postfix("logrotate") == (0, "")
    wait(lambda: "]: 49\n" in system.log())
    files = [n for n in os.listdir(system.root) if n.startswith("maillog")]
    assert len(files) == 2
    text = "".join(open(f"{system.root}/{n}").read() for n in sorted(files, reverse=True))
    assert re.findall(r"count\[\d+\]: (\d+)\n", text) == [str(i) for i in range(50)]


def test_unwritable_log_makes_neither_start_nor_stop_fail(system):
    system.configure(f"127.0.0.1:{PORT} inet n - n - - smtpd\n", f"maillog_file = {system.root}/no/such/log\n")
    assert system.postfix("start")[0] == 0
    assert connect()[1]
    assert system.postfix("stop")[0] == 0


def test_ordinary_user_runs_everything(rootless):
    rootless.start(f"127.0.0.1:{PORT} inet n - y - - smtpd\nlocal unix - n n - - local\n")
    _session, pid = connect()
    assert rootless.started("smtpd")[0]["argv"][1:6] == ["-n", f"127.0.0.1:{PORT}", "-t", "inet", "-L"]
    assert os.stat(f"/proc/{pid}").st_uid == os.stat(f"/proc/{rootless.pid()}").st_uid != 0
    assert rootless.postfix("check") == (0, "")
    assert rootless.postfix("stop")[0] == 0
    assert "terminating on signal 15" in rootless.log()


def test_foreground_logs_to_standard_output(system):
    system.configure(f"127.0.0.1:{PORT} inet n - n - - smtpd\n",
                     "maillog_file = /dev/stdout\nmaillog_file_prefixes = /dev/stdout\n")
    argv = [f"{COMMANDS}/postfix", "-c", f"{system.root}/etc", "start-fg"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        assert wait(lambda: connect_or_none(PORT))
        # As `docker stop` does it.
        running.terminate()
        output = running.communicate(timeout=10)[0].decode()
        assert running.returncode == 0
    for text in ("starting the Postfix mail system", "daemon started -- version", "terminating on signal 15"):
        assert text in output


def test_stop_takes_the_commands_of_workers_along(system):
    with open(f"{system.root}/libexec/local", "w") as f:
        f.write("#!/bin/sh\nsleep 1000 &\necho $! >$MAIL_CONFIG/child\nexec sleep 1000\n")
    system.start("local unix - n n - - local\n", "import_environment = MAIL_CONFIG PATH=/bin:/usr/bin\n")
    _waiting = local(system, "private/local")
    child = int(wait(lambda: os.path.exists(f"{system.root}/etc/child") and open(f"{system.root}/etc/child").read()))
    assert system.postfix("stop") == (0, "")
    wait(lambda: gone(child))


def test_wakeup_with_question_mark_waits_for_the_first_use(system):
    system.start("pickup unix n - n 1? 1 pickup\n")
    time.sleep(1.5)
    assert not system.started("pickup")
    first = local(system, "public/pickup")
    os.kill(greeting(first), 9)
    # Now it is in use: the next wakeup brings it back.
    wait(lambda: len(system.started("pickup")) == 2)


def test_stuck_log_reader_ends_postlogd_only(system):
    """Standard output that nobody reads: postlogd is ended by its watchdog, the mail system goes on."""
    system.configure(f"127.0.0.1:{PORT} inet n - n - - smtpd\n",
                     "maillog_file = /dev/stdout\nmaillog_file_prefixes = /dev/stdout\n")
    argv = [f"{COMMANDS}/postfix", "-c", f"{system.root}/etc", "start-fg"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        assert wait(lambda: connect_or_none(PORT))
        logger = wait(lambda: next((p for p in children(running.pid) if p[1] == "postlogd"), None))
        line = ["x" * 1900] * 60
        subprocess.run([f"{COMMANDS}/postlog", "-c", f"{system.root}/etc"], input="\n".join(line).encode(), check=True)
        wait(lambda: gone(logger[0]), 20)
        assert connect()[1]
        running.terminate()
        running.communicate(timeout=15)


def children(parent):
    """(pid, name) of each child process."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == parent:
            found.append((int(pid), name))
    return found
