# SPDX-License-Identifier: Apache-2.0
"""The programs of Debian's package, unpacked below build/oracle, on the directories of an instance of ours.

They run in a mount namespace of their own, in which the package appears in its place in /usr and /etc/postfix.
As a program: debian.py COMMAND ARGUMENT... executes a command there."""
import ctypes
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEER = os.path.join(TOP, "build", "oracle")
COMMANDS, DAEMONS = "/usr/sbin", "/usr/lib/postfix/sbin"
MS_BIND = 4096


class Debian:
    """The package's commands and daemons on the tree of INST."""

    def __init__(self, inst):
        self.inst = inst
        os.makedirs("/etc/postfix", exist_ok=True)

    def run(self, command, *args, stdin=b"", timeout=30):
        """(status, standard output, standard error)"""
        p = subprocess.run(self.argv(command, *args), input=stdin, capture_output=True, env=self.inst.env, cwd="/",
                           timeout=timeout)
        return p.returncode, p.stdout.decode(errors="surrogateescape"), p.stderr.decode(errors="surrogateescape")

    @staticmethod
    def argv(command, *args):
        return ["unshare", "-m", sys.executable, os.path.abspath(__file__), f"{COMMANDS}/{command}", *args]

    def take_place(self):
        """main.cf names the package's programs from now on."""
        set_paths(self.inst, DAEMONS, COMMANDS, f"{COMMANDS}/sendmail", "/usr/bin/mailq", "/usr/bin/newaliases")

    def start(self):
        self.take_place()
        self._postfix("start")
        self.inst.wait(lambda: os.path.exists(f"{self.inst.queue}/public/pickup"), 30, "public/pickup")
        self.inst.settle()
        self.inst.log_start = len(self.inst.log_text())

    def stop(self):
        self._postfix("stop")

    def _postfix(self, what):
        # Daemons must not inherit a pipe, so output is a file.
        with open(f"{self.inst.root}/debian.out", "w+") as out:
            status = subprocess.run(self.argv("postfix", "-c", self.inst.config, what), env=self.inst.env, cwd="/",
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60).returncode
            out.seek(0)
            assert status == 0, f"{what}: {status}\n{out.read()}\n{self.inst.log_text()}"


class Ours:
    """Our commands and daemons on the same tree, by the same names."""

    def __init__(self, inst):
        self.inst = inst

    def run(self, command, *args, stdin=b"", timeout=30):
        p = subprocess.run([self.inst.command(command), *args], input=stdin, capture_output=True, env=self.inst.env,
                           cwd="/", timeout=timeout)
        return p.returncode, p.stdout.decode(errors="surrogateescape"), p.stderr.decode(errors="surrogateescape")

    def take_place(self):
        set_paths(self.inst, self.inst.daemons, self.inst.commands,
                  *map(self.inst.command, ("sendmail", "mailq", "newaliases")))

    def start(self):
        self.take_place()
        self.inst.start()

    def stop(self):
        assert self.inst.stop() == 0


def set_paths(inst, daemons, commands, sendmail, mailq, newaliases):
    values = {"daemon_directory": daemons, "command_directory": commands, "sendmail_path": sendmail,
              "mailq_path": mailq, "newaliases_path": newaliases}
    with open(f"{inst.config}/main.cf") as f:
        lines = [line for line in f if line.split("=")[0].strip() not in values]
    inst.write("main.cf", "".join(lines) + "".join(f"{name} = {value}\n" for name, value in values.items()))


def enter():
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source, target, kind, flags, data):
        if libc.mount(source.encode(), target.encode(), kind, ctypes.c_ulong(flags), data):
            error = ctypes.get_errno()
            raise OSError(error, f"mount {source} on {target}: {os.strerror(error)}")
    mount("overlay", "/usr", b"overlay", 0, f"lowerdir={PEER}/usr:/usr".encode())
    mount(f"{PEER}/etc/postfix", "/etc/postfix", None, MS_BIND, None)


if __name__ == "__main__":
    enter()
    os.execv(sys.argv[1], sys.argv[1:])
