# SPDX-License-Identifier: Apache-2.0
"""Private mail-system instances for the bench (loopback only).

MailInstance starts any system with Postfix's main.cf, master.cf and program names from the directories it is given, so
the same rig measures Debian's Postfix and this one. It must run as root, in a mount namespace where users postfix and
postdrop exist (run.py makes it).

 - meta_dir is needed by Postfix only: it holds postfix-files and dynamicmaps.cf.
 - The instance's directory and its parents must be searchable by mail_owner.
 - maillog_file must lie below one of maillog_file_prefixes.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "compat"))

from harness.instance import MASTER, merge_master       # noqa: E402
SYSTEMS = {
    # Where Debian's package appears in the namespace that run.py makes.
    "postfix": dict(daemon_dir="/usr/lib/postfix/sbin", command_dir="/usr/sbin", bin_prefix="/usr/bin",
                    meta_dir="/etc/postfix"),
    "postern": dict(daemon_dir=TOP + "/build/libexec", command_dir=TOP + "/build/sbin", bin_prefix=TOP + "/build/sbin"),
}


def sh(*a, check=True, **kw):
    r = subprocess.run([str(x) for x in a], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if check and r.returncode:
        raise RuntimeError("%s: rc=%d %s" % (a, r.returncode, r.stdout[-2000:]))
    return r.stdout


def make_certs(d):
    """Self-signed RSA-2048 and ECDSA P-256; returns {'rsa': (cert, key), 'ec': (cert, key)}."""
    os.makedirs(d, exist_ok=True)
    out = {}
    for kind, arg in (
        ("rsa", ["-newkey", "rsa:2048"]),
        ("ec", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ):
        c, k = "%s/%s.crt" % (d, kind), "%s/%s.key" % (d, kind)
        if not os.path.exists(c):
            sh(
                "openssl",
                "req",
                "-x509",
                *arg,
                "-nodes",
                "-days",
                "365",
                "-subj",
                "/CN=mx.bench.test",
                "-keyout",
                k,
                "-out",
                c
            )
        os.chmod(k, 0o600)
        out[kind] = (c, k)
    return out


# ---- process tree measurement -------------------------------------------------------------------
TCK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    with open("/proc/%d/stat" % pid) as f:
        s = f.read()
    r = s.rindex(")")
    f = s[r + 2 :].split()
    return s[s.index("(") + 1 : r], int(f[1]), [int(x) for x in f[11:15]]  # comm, ppid, utime stime cutime cstime


def tree(root):
    """pids of root and of its descendants."""
    kids = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                kids.setdefault(_stat(int(p))[1], []).append(int(p))
            except (OSError, ValueError):
                pass
    out, todo = [], [root]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return out


def thread_nanoseconds(pid):
    """CPU time of all live threads; ticks would truncate per process, and /proc/PID/schedstat is one thread's."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
                total += int(f.read().split()[0])
        except FileNotFoundError:
            pass
    return total


def measure(pids, pss=True):
    """{'procs','by','rss_mb','pss_mb','cpu_s'}; cpu_s includes reaped children."""
    by, rss, ps, cpu = {}, 0, 0, 0.0
    for p in pids:
        try:
            comm, _, t = _stat(p)
            own = thread_nanoseconds(p) / 1e9
            with open("/proc/%d/statm" % p) as f:
                r = int(f.read().split()[1]) * 4
            q = 0
            if pss:
                with open("/proc/%d/smaps_rollup" % p) as f:
                    q = int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
        except (OSError, ValueError, AttributeError):
            continue
        by[comm] = by.get(comm, 0) + 1
        rss += r
        ps += q
        cpu += own + sum(t[2:]) / TCK
    return dict(
        procs=sum(by.values()), by=by, rss_mb=round(rss / 1024, 1), pss_mb=round(ps / 1024, 1), cpu_s=round(cpu, 2)
    )


def greet(host, port, timeout=5):
    """seconds from connect to the 220 line"""
    t = time.time()
    with socket.create_connection((host, port), timeout) as s:
        s.settimeout(timeout)
        b = s.recv(512)
        if not b.startswith(b"220"):
            raise OSError("greeting %r" % b)
        d = time.time() - t
        s.sendall(b"QUIT\r\n")
        try:
            s.recv(512)
        except OSError:
            pass
    return d


def wait_greet(host, port, limit=20):
    t = time.time()
    while True:
        try:
            greet(host, port)
            return time.time() - t
        except OSError:
            if time.time() - t > limit:
                raise
            time.sleep(0.005)


class Base:
    """What the workloads need from a mail system under test."""

    name = "?"
    host = "127.0.0.1"
    port = 2525
    done_re = b"\n"

    def pids(self):
        raise NotImplementedError

    def measure(self, pss=True):
        return measure(self.pids(), pss)

    # drained = the log's per-message "finished" records; works for any system that logs the same records
    def log_mark(self):
        try:
            self._off = os.path.getsize(self.log)
        except OSError:
            self._off = 0
        self._cnt = 0

    def log_done(self):
        try:
            with open(self.log, "rb") as f:
                f.seek(self._off)
                b = f.read()
        except OSError:
            return self._cnt
        e = b.rfind(b"\n") + 1
        self._cnt += len(re.findall(self.done_re, b[:e]))
        self._off += e
        return self._cnt

    def kill9(self):
        """SIGKILL to the whole instance, parent first (so that it respawns nothing)."""
        for p in self.pids():
            try:
                os.kill(p, signal.SIGKILL)
            except OSError:
                pass
        t = time.time()
        while self.pids() and time.time() - t < 10:
            for p in self.pids():
                try:
                    os.kill(p, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.02)


class MailInstance(Base):
    done_re = rb": removed\n"

    def __init__(self, base, name, port, daemon_dir, command_dir, bin_prefix, meta_dir=None, shlib_dir=None,
                 mail_owner="postfix", setgid_group="postdrop"):
        self.name, self.base, self.port = name, os.path.abspath(base), port
        self.daemon_dir, self.command_dir, self.bin_prefix = daemon_dir, command_dir, bin_prefix
        self.meta_dir, self.shlib_dir = meta_dir, shlib_dir
        self.mail_owner, self.setgid_group = mail_owner, setgid_group
        self.etc, self.queue, self.data, self.log = (self.base + x for x in ("/etc", "/queue", "/data", "/maillog"))
        self.params, self.services = {}, []

    # configuration
    def create(self, params=None, master=None):
        """Write main.cf/master.cf. params override main.cf; master is extra master.cf lines (replacing same-named services)."""
        os.makedirs(self.etc, exist_ok=True)
        os.makedirs(self.queue, exist_ok=True)
        os.makedirs(self.data, exist_ok=True)
        shutil.chown(self.data, self.mail_owner)
        os.chmod(self.data, 0o700)
        os.chmod(self.base, 0o755)
        # postsuper drops to mail_owner before it logs: with a root-owned maillog_file and postlogd down, `postfix start`
        # after a crash that left incoming/<number>.<pid> fails ("cannot open file: Permission denied", 3.7.11)
        open(self.log, "a").close()
        shutil.chown(self.log, self.mail_owner)
        p = {
            "compatibility_level": "3.6",
            "queue_directory": self.queue,
            "data_directory": self.data,
            "command_directory": self.command_dir,
            "daemon_directory": self.daemon_dir,
            "sendmail_path": self.command_dir + "/sendmail",
            "mailq_path": self.bin_prefix + "/mailq",
            "newaliases_path": self.bin_prefix + "/newaliases",
            "mail_owner": self.mail_owner,
            "setgid_group": self.setgid_group,
            "maillog_file": self.log,
            "maillog_file_prefixes": self.base,
            "myhostname": "mx.bench.test",
            "mydomain": "bench.test",
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "default_transport": "discard:bench",
            "relay_transport": "discard:bench",
            "biff": "no",
            "smtp_tls_security_level": "none",
        }
        if self.meta_dir:
            p["meta_directory"] = self.meta_dir
        if self.shlib_dir:
            p["shlib_directory"] = self.shlib_dir
        p.update(params or {})
        self.params = p
        with open(self.etc + "/main.cf", "w") as f:
            for k, v in p.items():
                f.write("%s = %s\n" % (k, v))
        own = "%s:%d inet n - n - - smtpd\ntlsproxy unix - - n - 0 tlsproxy\n" % (self.host, self.port)
        rest = "".join(l for l in MASTER.splitlines(True) if l.split()[7:] != ["smtpd"])
        svc = merge_master(merge_master(rest, own), master or "")
        with open(self.etc + "/master.cf", "w") as f:
            f.write(svc)
        return self

    def set(self, **kw):
        """Change main.cf parameters (no reload)."""
        self.params.update(kw)
        with open(self.etc + "/main.cf", "w") as f:
            for k, v in self.params.items():
                f.write("%s = %s\n" % (k, v))

    # life
    def cmd(self, prog, *a, **kw):
        return sh(self.command_dir + "/" + prog, "-c", self.etc, *a, **kw)

    def start(self):
        with socket.socket() as s:  # master sets SO_REUSEPORT: a stale instance would silently share the port
            try:
                s.connect((self.host, self.port))
            except OSError:
                pass
            else:
                raise RuntimeError("%s:%d is already in use" % (self.host, self.port))
        t = time.time()
        self.cmd("postfix", "start")
        wait_greet(self.host, self.port)
        return time.time() - t

    def stop(self, limit=20):
        if not self.pids():
            return
        self.cmd("postfix", "stop", check=False)
        t = time.time()
        while self.pids() and time.time() - t < limit:
            time.sleep(0.02)
        if self.pids():
            self.kill9()

    def reload(self):
        self.cmd("postfix", "reload")

    def flush(self):
        self.cmd("postqueue", "-f")

    def wipe(self):
        """Stop and remove all queued mail and logs."""
        self.stop()
        self.cmd("postsuper", "-d", "ALL", check=False)
        open(self.log, "w").close() if os.path.exists(self.log) else None

    def destroy(self):
        self.stop()
        if self.pids():
            self.kill9()
        shutil.rmtree(self.base, ignore_errors=True)

    def pids(self):
        me = self._master()
        live = tree(me) if me else []
        # orphans of a killed master are found by their current directory (every daemon runs in queue_directory)
        for p in os.listdir("/proc"):
            if p.isdigit() and int(p) not in live:
                try:
                    if os.readlink("/proc/%s/cwd" % p) in (self.queue, self.queue + " (deleted)"):
                        live.append(int(p))
                except OSError:
                    pass
        return live

    def _master(self):
        try:
            with open(self.queue + "/pid/master.pid") as f:
                pid = int(f.read())
            if os.readlink("/proc/%d/cwd" % pid) == self.queue:
                return pid
        except (OSError, ValueError):
            pass
        return None

    def queue_count(self):
        n = 0
        for q in ("maildrop", "incoming", "active", "deferred", "hold"):
            for _, _, fs in os.walk(self.queue + "/" + q):
                n += len(fs)
        return n

    def wrong(self):
        """warnings, errors and panics in the log"""
        try:
            with open(self.log) as f:
                return [l.strip() for l in f if re.search(r"(warning|error|fatal|panic):", l)]
        except OSError:
            return []
