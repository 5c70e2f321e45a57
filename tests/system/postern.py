# SPDX-License-Identifier: Apache-2.0
"""An instance of the system under test for the whole-system tests, on top of the compat harness."""
import email
import glob
import os
import pwd
import re
import signal
import smtplib
import ssl
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "compat"))

from harness import instance, world                                             # noqa: E402
from harness.instance import CERTS, Failed, Instance, Timeout, merge_master     # noqa: E402,F401

BUILD = os.environ.get("POSTERN_BUILD", os.path.join(TOP, "build"))
# POSTERN_MTA=postfix runs these tests on the unpacked Debian package instead: is the test itself right?
PACKAGE = os.path.join(TOP, "build", "oracle") if os.environ.get("POSTERN_MTA") == "postfix" else None
COMMANDS, DAEMONS = os.path.join(BUILD, "sbin"), os.path.join(BUILD, "libexec")
SANITIZED = os.path.basename(BUILD) == "asan"       # memory figures mean nothing there
if PACKAGE:
    COMMANDS, DAEMONS = "/usr/sbin", "/usr/lib/postfix/sbin"

# Whatever else a test looks at: these lines mean that a program of ours is wrong.
ALARMING = re.compile(r": panic: |killed by signal (?:4|6|7|8|11)\b|AddressSanitizer|runtime error:|bad command startup")


class Postern(Instance):
    """One private instance: root (the accounts of the world) or rootless (everything as USER, high ports).

    Life: create(), start(), stop(), reload(), kill9(). Looking: log_text(), wait_log(), maildir(), pids(), worker()."""

    def __init__(self, root, port=25, address="127.0.0.1", user=None):
        super().__init__(COMMANDS, DAEMONS, root)
        self.port, self.address, self.user = port, address, user
        if user:
            self.env.update(USER=user, LOGNAME=user, HOME=world.lookup("passwd", user)[5])

    # -- life ------------------------------------------------------------------
    def create(self, config=None, master="", files=None):
        """Directories, main.cf and master.cf over the harness's base; our smtpd line has our address and port."""
        own = f"{self.address}:{self.port} inet n - n - - smtpd\n"
        base = merge_master(instance.MASTER, own).replace("25        inet  n - n - - smtpd\n", "")
        config = dict(config or {})
        config.setdefault("inet_interfaces", self.address)
        config.setdefault("maillog_file_prefixes", f"{self.root}, /dev/stdout")
        os.makedirs(self.root, exist_ok=True)
        os.chmod(self.root, 0o755)
        if self.user:
            self._create_rootless(config, merge_master(base, master), files or {})
            return self
        for name in ("etc", "queue", "data"):
            assert not os.path.exists(f"{self.root}/{name}"), f"{self.root} is in use"
        super().create(config, "", {})
        self.write("master.cf", merge_master(base, master))
        for name, spec in (files or {}).items():
            self.add_file(name, spec)
        return self

    def _create_rootless(self, config, master, files):
        uid, gid = map(int, world.lookup("passwd", self.user)[2:4])
        for name in ("etc", "queue", "data", "mail", "vmail", "home"):
            os.mkdir(f"{self.root}/{name}", 0o700 if name == "data" else 0o755)
        self.homes, self.owner_uid = f"{self.root}/home", uid
        main = dict(instance.MAIN, mail_owner=self.user, queue_directory=self.queue, data_directory=self.data,
                    daemon_directory=self.daemons, command_directory=self.commands, maillog_file=self.log,
                    mail_spool_directory=f"{self.root}/mail", virtual_mailbox_base=f"{self.root}/vmail",
                    virtual_uid_maps=f"static:{uid}", virtual_gid_maps=f"static:{gid}",
                    setgid_group=next(l.split(":")[0] for l in open("/etc/group") if l.split(":")[2:3] == [str(gid)]))
        main.update(config)
        self.write("main.cf", "".join(f"{k} = {v}\n" for k, v in main.items() if v is not None))
        self.write("master.cf", master)
        for name, spec in files.items():
            self.add_file(name, spec)
        if os.geteuid() == 0:
            for where, dirs, names in os.walk(self.root):
                for name in dirs + names:
                    os.chown(os.path.join(where, name), uid, gid)
            os.chown(self.root, uid, gid)

    def ids(self):
        """Keywords for subprocess that make a command run as the instance's user."""
        if not self.user or os.geteuid():
            return {}
        uid, gid = map(int, world.lookup("passwd", self.user)[2:4])
        return dict(user=uid, group=gid, extra_groups=[])

    def postfix(self, *args, timeout=60):
        """Run the postfix command; returns (status, output). Daemons must not inherit a pipe, so output is a file."""
        path = f"{self.root}/command.out"
        with open(path, "w+") as out:
            rc = subprocess.run([self.command("postfix"), "-c", self.config, *args], env=self.env, stdout=out,
                                stdin=subprocess.DEVNULL, stderr=out, timeout=timeout, cwd="/", **self.ids()).returncode
            out.seek(0)
            return rc, out.read()

    def start(self, settle=True):
        """SETTLE waits until the log is quiet, which it never is under load."""
        rc, text = self.postfix("start")
        if rc:
            raise Failed(f"'postfix start' failed ({rc}): {text}{self.log_text()}")
        self.started = True
        self.wait(lambda: os.path.exists(f"{self.queue}/public/pickup"), 30, "public/pickup")
        if settle:
            self.settle()
        self.log_start = len(self.log_text())
        return self

    def stop(self):
        if not self.started:
            return 0
        self.started = False
        return self.postfix("stop")[0]

    def reload(self, **settings):
        """Change main.cf settings and make the running system use them."""
        if settings:
            self.configure(**settings)
        rc, text = self.postfix("reload")
        if rc:
            raise Failed(f"'postfix reload' failed ({rc}): {text}{self.log_text()}")
        self.settle(quiet=0.25)

    def configure(self, **settings):
        """Add settings at the end of main.cf, where they win over earlier ones."""
        with open(f"{self.config}/main.cf", "a") as f:
            f.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def kill9(self):
        """SIGKILL to every process of the instance, the master first so that it starts nothing again."""
        self.started = False
        end = time.monotonic() + 10
        while self.pids() and time.monotonic() < end:
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)

    # -- processes -------------------------------------------------------------
    def master_pid(self):
        try:
            with open(f"{self.queue}/pid/master.pid") as f:
                pid = int(f.read())
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError):
            return None

    def pids(self):
        """The master, then everything that has our queue as its current or root directory."""
        master = self.master_pid()
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                places = {os.readlink(f"/proc/{name}/{link}") for link in ("cwd", "root")}
            except OSError:
                continue
            if self.queue in places:
                found.append(int(name))
        return sorted(found, key=lambda pid: (pid != master, pid))

    def workers(self, program):
        """Process ids of the workers that run PROGRAM."""
        return [pid for pid in self.pids() if os.path.basename(process_exe(pid)) == program]

    def wait_workers(self, program, count=1, timeout=30):
        self.wait(lambda: len(self.workers(program)) >= count, timeout, f"{count} {program}")
        return self.workers(program)

    # -- mail ------------------------------------------------------------------
    def smtp(self, starttls=False, source="127.0.0.1", timeout=40):
        """A connected smtplib client."""
        client = smtplib.SMTP(self.address, self.port, local_hostname="client.example.net", timeout=timeout,
                              source_address=(source, 0))
        if starttls:
            client.starttls(context=unverified())
        return client

    def send(self, recipient, sender="sender@example.net", text="Subject: test\n\nbody\n", starttls=False, **kw):
        """Send one message; returns the final reply's text."""
        with self.smtp(starttls, **kw) as client:
            return self.send_on(client, recipient, sender, text)

    @staticmethod
    def send_on(client, recipient, sender="sender@example.net", text="Subject: test\n\nbody\n"):
        """Send one message in a session; returns the final reply's text."""
        client.ehlo_or_helo_if_needed()
        code, reply = client.mail(sender)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, reply, sender)
        for address in recipient if isinstance(recipient, (list, tuple)) else [recipient]:
            code, reply = client.rcpt(address)
            if code >= 400:
                raise smtplib.SMTPRecipientsRefused({address: (code, reply)})
        code, reply = client.data(text)
        if code != 250:
            raise smtplib.SMTPDataError(code, reply)
        return reply.decode()

    def maildir(self, path):
        """Messages in a Maildir below the instance (vmail/u1, home/alice/Maildir), parsed."""
        base = self.homes if path.startswith("home/") else self.root
        path = path[5:] if path.startswith("home/") else path
        return [email.message_from_bytes(open(f, "rb").read()) for f in sorted(glob.glob(f"{base}/{path}/new/*"))]

    def wait_mail(self, path, count=1, timeout=40):
        self.wait(lambda: len(self.maildir(path)) >= count, timeout, f"{count} messages in {path}")
        return self.maildir(path)

    def queue_ids(self, *queues):
        return self.queue_files(*(queues or ("incoming", "active", "deferred", "hold")))

    def wait_log(self, pattern, count=1, timeout=40):
        """Wait until the log since the start has PATTERN; returns the matches."""
        def found():
            return list(re.finditer(pattern, self.log_text()[self.log_start:], re.M))
        self.wait(lambda: len(found()) >= count, timeout, f"log line {pattern!r} x {count}")
        return found()

    def alarms(self):
        return [line for line in self.log_text().splitlines() if ALARMING.search(line)]


def unverified():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def process_exe(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def process_file(pid, name):
    """Text of /proc/PID/NAME; "" when the process has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/{name}") as f:
            return f.read()
    except OSError:
        return ""


def process_status(pid):
    """/proc/PID/status as a dict; {} when the process has ended meanwhile."""
    return dict(line.split(":\t", 1) for line in process_file(pid, "status").splitlines() if ":\t" in line)


def process_sockets(pid):
    """Inodes of the TCP sockets that a process holds open."""
    tcp = set()
    for table in ("tcp", "tcp6"):
        tcp |= {line.split()[9] for line in process_file(pid, f"net/{table}").splitlines()[1:]}
    held = set()
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return held
    for fd in numbers:
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        match = re.fullmatch(r"socket:\[(\d+)\]", target)
        if match and match[1] in tcp:
            held.add(match[1])
    return held


def swaks(*args, timeout=60):
    """Run swaks; returns (status, output)."""
    p = subprocess.run(["swaks", *args], capture_output=True, text=True, timeout=timeout)
    return p.returncode, p.stdout + p.stderr


def s_client(address, port, *args, stdin="QUIT\r\n", timeout=30):
    """openssl s_client -starttls smtp; returns (status, output)."""
    p = subprocess.run(["openssl", "s_client", "-connect", f"{address}:{port}", "-starttls", "smtp", "-ign_eof", *args],
                       input=stdin, capture_output=True, text=True, timeout=timeout)
    return p.returncode, p.stdout + p.stderr


def ordinary_user():
    """Name of the user that rootless tests run as: a test account, or who we are."""
    return "alice" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
