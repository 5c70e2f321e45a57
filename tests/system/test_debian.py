# SPDX-License-Identifier: Apache-2.0
"""A Debian host's own main.cf and master.cf, chrooted lines and all, in a chroot that the package's script prepares."""
import contextlib
import os
import shutil
import socket
import subprocess
import threading

import pytest

from harness.instance import CERTS
from harness.peers import SmtpSink
from postern import COMMANDS, DAEMONS, PACKAGE, TOP, Postern, process_exe, unverified, world

PEER = os.path.join(TOP, "build", "oracle")
STOCK = f"{PEER}/usr/share/postfix"
pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="is about taking the package's place")]

# What the package's installation adds to the stock file, and where our programs and this test's directories are.
INSTALLED = """
myhostname = mx.example.test
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
myorigin = /etc/mailname
mydestination = $myhostname, example.test, localhost.example.test, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = loopback-only
inet_protocols = all

setgid_group = postdrop
queue_directory = {root}/spool
data_directory = {root}/lib
daemon_directory = {daemons}
command_directory = {commands}
mail_spool_directory = {root}/mail
"""


class SyslogServer:
    """Datagram sockets under several names, and what was sent there. restart() makes them anew, as a logger does."""

    def __init__(self, *paths):
        self.paths, self.lines, self.sockets = paths, [], []

    def start(self):
        for path in self.paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            listener.bind(path)
            os.chmod(path, 0o666)
            self.sockets.append(listener)
            threading.Thread(target=self._listen, args=(listener,), daemon=True).start()

    def _listen(self, listener):
        with contextlib.suppress(OSError):
            while data := listener.recv(65536):
                self.lines.append(data.decode(errors="replace"))

    def stop(self):
        for listener in self.sockets:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for path in self.paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.sockets = []

    def restart(self):
        self.stop()
        self.start()
        self.lines = []

    def tags(self):
        """Programs that a line came from: "<22>Nov 20 07:00:00 postfix/smtpd[1]: ..." -> "smtpd"."""
        return {line.split("[")[0].split("/")[-1] for line in list(self.lines) if "postfix/" in line}


@pytest.fixture
def host(tmp_path):
    """A host with Debian's files in /etc/postfix and a syslog server; all in our mount namespace."""
    if not os.path.isdir(STOCK):
        pytest.skip(f"{STOCK} is missing: tests/compat/fetch_oracle.sh unpacks the package")
    root = str(tmp_path)
    for path in (root, os.path.dirname(root), os.path.dirname(os.path.dirname(root))):
        os.chmod(path, 0o755)
    for name in ("spool", "lib", "mail", "dev"):
        os.mkdir(f"{root}/{name}")
    os.chmod(f"{root}/mail", 0o1777)
    shutil.chown(f"{root}/lib", *map(int, world.lookup("passwd", "postfix")[2:4]))
    # Our own /dev: the logger's socket must not appear on the machine's.
    world.mount("dev", f"{root}/dev", "tmpfs", 0, "mode=755")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        os.mknod(f"{root}/dev/{name}", os.stat(f"/dev/{name}").st_mode, os.stat(f"/dev/{name}").st_rdev)
        os.chmod(f"{root}/dev/{name}", 0o666)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
                         ("stderr", "/proc/self/fd/2")):
        os.symlink(target, f"{root}/dev/{name}")
    os.makedirs("/etc/postfix", exist_ok=True)
    world.mount(f"{root}/dev", "/dev", None, world.MS_BIND)
    syslog = SyslogServer("/dev/log", f"{root}/spool/dev/log")
    syslog.start()
    inst = Postern(root, 25, "127.0.0.1")
    inst.config, inst.queue, inst.homes = "/etc/postfix", f"{root}/spool", f"{world.ROOT}/home"
    inst.env.update(MAIL_CONFIG=inst.config, PATH=f"{COMMANDS}:{inst.env['PATH']}")
    try:
        install(root)
        yield inst, syslog
    finally:
        inst.stop()
        inst.kill9()
        syslog.stop()
        subprocess.run(["umount", "-l", "/dev"], check=True)
        subprocess.run(["umount", "-l", f"{root}/dev"], check=True)
        shutil.rmtree("/etc/postfix")


def install(root):
    """What the package's installation leaves below /etc."""
    main = "".join(open(f"{STOCK}/{name}").read() for name in ("main.cf.debian", "main.cf.tls"))
    main += INSTALLED.format(root=root, daemons=DAEMONS, commands=COMMANDS)
    if not shutil.which("cpio"):
        main += "smtp_tls_CApath =\n"           # which the package's script copies with cpio
    for path, text in (("/etc/postfix/main.cf", main), ("/etc/mailname", "example.test\n"),
                       ("/etc/aliases", "postmaster: root\nroot: alice\n")):
        with open(path, "w") as f:
            f.write(text)
    shutil.copy(f"{STOCK}/master.cf.dist", "/etc/postfix/master.cf")
    os.makedirs("/etc/ssl/certs", exist_ok=True)
    os.makedirs("/etc/ssl/private", 0o710, exist_ok=True)
    shutil.copy(f"{CERTS}/mx.pem", "/etc/ssl/certs/ssl-cert-snakeoil.pem")
    shutil.copy(f"{CERTS}/mx.key", "/etc/ssl/private/ssl-cert-snakeoil.key")
    os.chmod("/etc/ssl/private/ssl-cert-snakeoil.key", 0o640)
    subprocess.run([f"{COMMANDS}/newaliases"], check=True)


def lines_of(master_cf):
    """{program: chroot} of a master.cf."""
    with open(master_cf) as f:
        rows = [line.split() for line in f if line[0] not in "# \t\n"]
    return {row[7]: row[4] == "y" for row in rows}


@pytest.fixture
def relay():
    """The MX of dest.test."""
    sink = SmtpSink("192.0.2.10", cert="mx", sort=True)
    sink.start()
    yield sink
    sink.stop()


def send_everywhere(inst, relay):
    """One message in over TLS, to a remote host by its MX and over TLS, and to a local mailbox by an alias."""
    before = len(relay.sessions)
    with inst.smtp() as client:
        client.starttls(context=unverified())
        inst.send_on(client, ["x@dest.test", "root@example.test"], "bob@example.test")
    inst.wait(lambda: len(relay.sessions) > before and "C: QUIT" in relay.sessions[-1], 20, "the relayed message")
    assert any(line.startswith("[TLS TLSv1.3") for line in relay.sessions[-1])
    inst.wait(lambda: not inst.queue_files("incoming", "active", "deferred"), 20, "an empty queue")


def roots(inst):
    """{program: root directory} of the workers."""
    workers = [pid for pid in inst.pids() if pid != inst.master_pid()]
    found = {}
    for pid in workers:
        with contextlib.suppress(OSError):   # one that ends meanwhile
            found[os.path.basename(process_exe(pid))] = os.readlink(f"/proc/{pid}/root")
    return found


def test_stock_configuration_in_its_chroot(host, relay):
    inst, syslog = host
    prepared = subprocess.run(["sh", "-e", f"{PEER}/usr/lib/postfix/configure-instance.sh"], env=inst.env, cwd="/",
                              capture_output=True, text=True, check=False)
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    assert os.path.exists(f"{inst.queue}/etc/resolv.conf")
    status, said = inst.postfix("start")
    assert status == 0, said + "".join(syslog.lines)
    inst.started = True
    send_everywhere(inst, relay)
    wanted = {"smtpd", "cleanup", "qmgr", "smtp", "local"}
    inst.wait(lambda: wanted <= syslog.tags(), 30, f"log lines of {wanted}")
    syslog.restart()
    send_everywhere(inst, relay)
    inst.wait(lambda: wanted <= syslog.tags(), 30, f"log lines of {wanted} after the logger's restart")
    assert any("relay=mx1.dest.test[192.0.2.10]:25" in line for line in syslog.lines)
    with open(f"{inst.root}/mail/alice") as f:
        assert f.read().count("\nSubject: test\n") == 2
    chrooted, seen = lines_of("/etc/postfix/master.cf"), roots(inst)
    assert wanted - {"local"} <= set(seen)
    for program, root in seen.items():
        assert root == (inst.queue if chrooted.get(program) else "/"), program
    assert not [line for line in syslog.lines if "panic" in line or "fatal" in line]
