# SPDX-License-Identifier: Apache-2.0
"""One mail system instance in its own directory tree; a scenario's stands directly in world.ROOT."""
import os
import re
import shutil
import subprocess
import tempfile
import time

from . import world

TMP = world.ROOT
CONFIG = f"{TMP}/etc"
CERTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "certs")

MAIN = {
    "compatibility_level": "3.6",
    "myhostname": world.HOSTNAME,
    "mydomain": "example.test",
    "myorigin": "example.test",
    "mydestination": "example.test, mx.example.test, localhost",
    "mynetworks": "127.0.0.0/8",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mail_owner": "postfix",
    "setgid_group": "postdrop",
    "maillog_file_prefixes": "/var, /dev/stdout, /tmp",
    "alias_maps": "",
    "alias_database": "",
    "virtual_mailbox_domains": "virt.test",
    "virtual_mailbox_maps": "inline:{ {u1@virt.test = u1/} {u2@virt.test = u2/} {box@virt.test = box} }",
    "virtual_uid_maps": f"static:{world.USERS['vmail'][0]}",
    "virtual_gid_maps": f"static:{world.USERS['vmail'][1]}",
    "smtp_connect_timeout": "5s",
    "biff": "no",
    "smtpd_error_sleep_time": "0",
    # Defaults that later releases changed, pinned to what the recorded package has.
    "smtpd_forbid_bare_newline": "no",
    "smtpd_forbid_unauth_pipelining": "no",
}

MASTER = """\
25        inet  n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Timeout(Exception):
    """A wait step gave up; the result up to there is kept and compared."""


class Failed(Exception):
    """The system under test could not be set up; no result."""


class Instance:
    """Directories, configuration, start and stop, commands and waiting. ROOT is where its tree stands."""

    def __init__(self, commands, daemons, root=TMP):
        self.commands, self.daemons, self.root = commands, daemons, root
        self.config, self.queue, self.data = f"{root}/etc", f"{root}/queue", f"{root}/data"
        self.log, self.homes = f"{root}/maillog", f"{world.ROOT}/home"
        self.started, self.owner_uid, self.certs = False, -1, CERTS
        self.qids = []
        self.log_start = 0
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "LC_ALL": "C",
                    "TZ": "UTC", "HOME": "/root", "MAIL_CONFIG": self.config}

    # -- files -----------------------------------------------------------------
    def expand(self, text):
        """Replace @TMP@-like tokens; the only templating there is."""
        if "@" not in text:
            return text
        for key, val in (("TMP", self.root), ("CONFIG", self.config), ("QUEUE", self.queue), ("CERTS", CERTS),
                         ("DAEMONS", self.daemons), ("COMMANDS", self.commands),
                         ("LOG", self.log), ("HOME", self.homes), ("OUT", f"{self.root}/out")):
            text = text.replace(f"@{key}@", val)
        if "@QID" in text:
            self.scan_qids()
            text = re.sub(r"@QID(\d+)@", lambda m: (self.qids + ["NOQID"] * 9)[int(m[1]) - 1], text)
            text = text.replace("@QID@", self.qids[-1] if self.qids else "NOQID")
        return text

    def path(self, name):
        """Scenario file name -> absolute path: relative = config dir, ~user = home."""
        name = self.expand(name)
        if name.startswith("~"):
            return f"{self.homes}/{name[1:]}"
        return name if name.startswith("/") else f"{self.config}/{name}"

    def write(self, name, text, mode=0o644, owner=None):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else self.expand(text).encode())
        os.chmod(path, mode)
        # Old on purpose: a table that changed just now is read again and again until it is "cold".
        os.utime(path, (time.time() - 3600,) * 2)
        if owner is None and name.startswith("~"):
            owner = name[1:].split("/")[0]
        if owner:
            os.chown(path, *map(int, world.lookup("passwd", owner)[2:4]))
        return path

    def create(self, config, master, files):
        for d in (self.config, self.queue):
            os.mkdir(d)
        os.mkdir(self.data, 0o700)
        self.owner_uid, gid = map(int, world.lookup("passwd", "postfix")[2:4])
        os.chown(self.data, self.owner_uid, gid)
        for d in ("mail", "out"):
            os.mkdir(f"{self.root}/{d}")
            os.chmod(f"{self.root}/{d}", 0o1777)
        os.mkdir(f"{self.root}/vmail")
        os.chown(f"{self.root}/vmail", *world.USERS["vmail"])
        make_homes(self.homes)
        main = dict(MAIN, maillog_file=self.log, mail_spool_directory=f"{self.root}/mail",
                    virtual_mailbox_base=f"{self.root}/vmail")
        main.update(config_directory=None, queue_directory=self.queue, data_directory=self.data,
                    daemon_directory=self.daemons, command_directory=self.commands,
                    sendmail_path=self.command("sendmail"), mailq_path=self.command("mailq"),
                    newaliases_path=self.command("newaliases"))
        main.update(config)
        self.write("main.cf", "".join(f"{k} = {v}\n" for k, v in main.items() if v is not None))
        self.write("master.cf", merge_master(MASTER, master))
        for name, spec in files.items():
            self.add_file(name, spec)

    def add_file(self, name, spec):
        if isinstance(spec, (str, bytes)):
            self.write(name, spec)
            return
        path = self.write(name, spec["text"], spec.get("mode", 0o644), spec.get("owner"))
        if spec.get("type"):
            cmd = [self.command(spec.get("command", "postmap")), f"{spec['type']}:{path}"]
            res = subprocess.run(cmd, env=self.env, capture_output=True, timeout=20)
            if res.returncode:
                raise Failed(f"{cmd}: {res.stderr.decode()}")

    # -- commands --------------------------------------------------------------
    def command(self, name):
        for d in (self.commands, os.path.join(os.path.dirname(self.commands.rstrip("/")), "bin"),
                  self.daemons):
            if os.path.exists(os.path.join(d, name)):
                return os.path.join(d, name)
        return os.path.join(self.commands, name)

    def run(self, argv, stdin=b"", user=None, timeout=20, env=None):
        """Run a command; returns (status, stdout, stderr)."""
        ids = {}
        if user:
            # Group postdrop stands in for the set-gid bit, which a build tree lacks.
            ids = dict(user=world.USERS[user][0], group=int(world.lookup("group", "postdrop")[2]),
                       extra_groups=[world.USERS[user][1]])
        full = dict(self.env, **(env or {}))
        if user:
            full.update(HOME=f"{self.homes}/{user}", USER=user, LOGNAME=user)
        try:
            proc = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=full, timeout=timeout, cwd=self.root, **ids)
        except subprocess.TimeoutExpired as e:
            return "timeout", e.stdout or b"", e.stderr or b""
        except OSError as e:
            return f"cannot run: {e.strerror}", b"", b""
        return proc.returncode, proc.stdout, proc.stderr

    def start(self):
        # Output goes to a file: daemons must not inherit a pipe that we would wait on.
        with tempfile.TemporaryFile("w+") as out:
            try:
                rc = subprocess.run([self.command("postfix"), "-c", self.config, "start"], env=self.env,
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    timeout=30).returncode
            except subprocess.TimeoutExpired:
                rc = "timeout"
            except OSError as e:
                rc = e.strerror
            out.seek(0)
            text = out.read()
        if rc != 0:
            raise Failed(f"'postfix start' failed ({rc}): {text}{self.log_text()}")
        self.started = True
        self.wait(lambda: os.path.exists(f"{self.queue}/public/pickup"), 10, "public/pickup")
        self.settle()
        self.log_start = len(self.log_text())

    def stop(self):
        """Orderly stop; returns the exit status."""
        if not self.started:
            return 0
        self.started = False
        try:
            return subprocess.run([self.command("postfix"), "-c", self.config, "stop"], env=self.env,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=20).returncode
        except subprocess.TimeoutExpired:
            return "timeout"

    # -- waiting ---------------------------------------------------------------
    def wait(self, cond, timeout, what):
        end = time.monotonic() + timeout
        while not cond():
            if time.monotonic() > end:
                raise Timeout(what() if callable(what) else what)
            time.sleep(0.02)

    def log_text(self):
        try:
            with open(self.log, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def queue_files(self, *queues):
        found = []
        for q in queues:
            for _, _, names in os.walk(f"{self.queue}/{q}"):
                found += names
        return found

    def idle(self):
        return not self.queue_files("maildrop", "incoming", "active")

    def settle(self, quiet=0.08, limit=2.0):
        """Wait until the log stops growing."""
        end = time.monotonic() + limit
        last, since = -1, time.monotonic()
        while time.monotonic() < end:
            size = os.path.getsize(self.log) if os.path.exists(self.log) else 0
            if size != last:
                last, since = size, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return
            time.sleep(0.02)

    def wait_idle(self, timeout=15):
        """Nothing in maildrop, incoming or active, seen three times in a row."""
        seen = [0]

        def cond():
            seen[0] = seen[0] + 1 if self.idle() else 0
            return seen[0] >= 3
        self.wait(cond, timeout, "queue idle")
        self.settle()

    def scan_qids(self):
        text = self.log_text()[self.log_start:]
        for m in re.finditer(r"\]: ([0-9A-F]{6,}|[0-9B-Zb-z]{15,}): ", text):
            if m[1] not in self.qids:
                self.qids.append(m[1])
        return self.qids

    def keep(self, target):
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        subprocess.run(["cp", "-a", f"{self.root}/.", target], stderr=subprocess.DEVNULL)


def make_homes(homes):
    """Home directories of the test accounts, unless another instance made them."""
    if os.path.isdir(homes):
        return
    os.mkdir(homes)
    for user, ids in world.USERS.items():
        os.mkdir(f"{homes}/{user}")
        os.chown(f"{homes}/{user}", *ids)


def merge_master(base, extra):
    """Add master.cf entries; an entry with the same name and type replaces."""
    def entries(text):
        out = []
        for line in text.splitlines():
            if not line.strip():
                continue
            if line[0].isspace() and out:
                out[-1] += "\n" + line
            else:
                out.append(line)
        return out

    def key(entry):
        return tuple(entry.split()[:2])
    new = entries(extra)
    keys = {key(e) for e in new}
    return "\n".join([e for e in entries(base) if key(e) not in keys] + new) + "\n"
