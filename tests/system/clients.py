# SPDX-License-Identifier: Apache-2.0
"""Other people's programs for the whole-system tests: unpacked below build/clients, laid over /usr in our namespace."""
import contextlib
import os
import shutil
import subprocess
import time

from postern import COMMANDS, TOP, world

TREE = os.path.join(TOP, "build", "clients")
USERS = ("alice", "bob", "carol")
SERVICE_USERS = {"dovecot": 61021, "dovenull": 61022}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@contextlib.contextmanager
def installed():
    """The programs and their files in /usr and /etc, and our commands in /usr/sbin as an installation leaves them."""
    for name in ("usr", "work"):
        os.makedirs(f"{world.ROOT}/ns/clients/{name}", exist_ok=True)
    mounted = []

    def mount(source, target, *rest):
        world.mount(source, target, *rest)
        mounted.append(target)

    try:
        mount("clients", "/usr", "overlay", 0, f"lowerdir={TREE}/usr:/usr,upperdir={world.ROOT}/ns/clients/usr,"
              f"workdir={world.ROOT}/ns/clients/work")
        for target, mode in (("/run", "755"), ("/var/mail", "1777"), ("/var/spool", "755"), ("/var/cache", "755"),
                             ("/var/lib", "755")):
            os.makedirs(target, exist_ok=True)
            mount("clients", target, "tmpfs", 0, f"mode={mode}")
        shutil.copytree(f"{TREE}/etc", "/etc", dirs_exist_ok=True, symlinks=True)
        os.makedirs("/var/spool/cron/crontabs", mode=0o730)
        add_accounts()
        install_commands()
        yield
    finally:
        for target in reversed(mounted):
            subprocess.run(["umount", "-l", target], check=True)


def add_accounts():
    for database, row in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"), ("group", "{0}:x:{1}:\n")):
        known = {line.split(":")[0] for line in open(f"/etc/{database}")}
        with open(f"/etc/{database}", "a") as f:
            f.writelines(row.format(name, uid) for name, uid in SERVICE_USERS.items() if name not in known)


def install_commands():
    for name in ("sendmail", "mailq", "newaliases", "postdrop", "postqueue", "postlog"):
        target = f"/usr/sbin/{name}"
        if COMMANDS != "/usr/sbin":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
            shutil.copy(f"{COMMANDS}/{name}", target)
        if name in ("postdrop", "postqueue", "postlog"):
            shutil.chown(target, group=int(world.lookup("group", "postdrop")[2]))
            os.chmod(target, 0o2755)


def empty_homes(homes):
    for user in USERS:
        for name in os.listdir(f"{homes}/{user}"):
            path = f"{homes}/{user}/{name}"
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def own(path, user, text, mode=0o600):
    """A file of a user's."""
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    os.chown(path, *world.USERS[user])
    return path


class Outcome:
    """What a program did."""

    def __init__(self, process):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def said(self):
        return self.out + self.err


def run(*argv, user=None, home=None, stdin="", timeout=60, **env):
    """Run a program as it would be run from a user's shell (no group or environment of ours); as root without USER."""
    ids = {}
    full = {"PATH": PATH, "LANG": "C.UTF-8", "TZ": "UTC", "HOME": home or "/root", "USER": user or "root",
            "LOGNAME": user or "root", **env}
    if user:
        uid, gid = world.USERS[user]
        ids = dict(user=uid, group=gid, extra_groups=[])
    return Outcome(subprocess.run(argv, input=stdin, capture_output=True, text=True, errors="surrogateescape",
                                  timeout=timeout, env=full, cwd=home or "/", check=False, **ids))


@contextlib.contextmanager
def daemon(argv, log, ready, timeout=15):
    """A foreground daemon, its output in the file LOG, ended at the end; READY says when it is up."""
    with open(log, "w") as out, subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/",
                                                 env={"PATH": PATH, "TZ": "UTC"}) as process:
        try:
            end = time.monotonic() + timeout
            while not ready():
                with open(log) as f:
                    assert process.poll() is None and time.monotonic() < end, f"{argv[0]} is not up: {f.read()}"
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


DOVECOT = """\
base_dir = /run/dovecot
state_dir = /var/lib/dovecot
log_path = {root}/dovecot.log
protocols = lmtp pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_username_format = %Ln
mail_location = maildir:~/Maildir
recipient_delimiter = +
postmaster_address = postmaster@example.test
lda_mailbox_autocreate = yes
lmtp_save_to_detail_mailbox = yes
first_valid_uid = 1000
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = passwd
}}
service lmtp {{
  unix_listener {root}/lmtp {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


def dovecot_conf(root):
    with open(f"{root}/dovecot.conf", "w") as f:
        f.write(DOVECOT.format(root=root))
    return f"{root}/dovecot.conf"


@contextlib.contextmanager
def dovecot(root):
    """A Dovecot with LMTP at ROOT/lmtp and POP3 at 127.0.0.1:110; everybody's password is "secret"."""
    with daemon(["/usr/sbin/dovecot", "-F", "-c", dovecot_conf(root)], f"{root}/dovecot.out",
                lambda: os.path.exists(f"{root}/lmtp")):
        yield f"{root}/lmtp"
