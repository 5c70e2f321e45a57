#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A worker for tests of master: notes what it was given in CONFIG/started.jsonl and serves as its arguments say.

Arguments: die (exit 3 before it is ready), idle (exit 0 once it is ready), watch=FILE (report FILE for renewal),
fail=FILE (refuse to serve while FILE exists). A session answers "hello PID"; what it sends is a status packet for
master, "kill N" is a signal for this process."""
import json
import os
import select
import socket
import sys

WORDS = dict(a.partition("=")[::2] for a in sys.argv[1:] if not a.startswith("-"))


def note():
    """One line about this start."""
    umask = os.umask(0o77)
    about = {"argv": sys.argv, "env": list(os.environ.items()), "cwd": os.getcwd(), "umask": umask, "pid": os.getpid(),
             "group": os.getpgid(0),
             "fds": {n: os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                     if os.path.lexists(f"/proc/self/fd/{n}")}}
    with open(os.environ["MAIL_CONFIG"] + "/started.jsonl", "a") as f:
        f.write(json.dumps(about) + "\n")


def serve(master, listener, limit):
    """Sessions until master says retire (or is gone) and the last one has ended."""
    sessions, retiring = [], False

    def report():
        full = limit and len(sessions) >= limit
        try:
            master.send(b"%s %d" % (b"full" if full else b"free", len(sessions)))
        except OSError:         # master is gone
            pass

    while not retiring or sessions:
        wanted = [master] * (not retiring) + sessions
        if not retiring and not (limit and len(sessions) >= limit):
            wanted.append(listener)
        for ready in select.select(wanted, [], [])[0]:
            if ready is master:
                try:
                    retiring = ready.recv(100) in (b"retire", b"")
                except ConnectionResetError:        # master died with a packet of ours unread
                    retiring = True
                if retiring:
                    listener.close()
            elif ready is listener:
                try:
                    client = listener.accept()[0]
                except BlockingIOError:
                    continue
                client.setblocking(True)
                client.send(b"hello %d\n" % os.getpid())
                sessions.append(client)
                report()
            else:
                data = ready.recv(100).strip()
                if data.startswith(b"kill "):
                    os.kill(os.getpid(), int(data[5:]))
                elif data and data != b"W":
                    master.send(data)
                if not data or data == b"W":
                    sessions.remove(ready)
                    ready.close()
                    report()


def main():
    """Life of a worker."""
    note()
    if "die" in WORDS:
        sys.exit(3)
    master, listener = socket.socket(fileno=5), socket.socket(fileno=6)
    if "fail" in WORDS and os.path.exists(WORDS["fail"]):
        master.send(b"failed cannot load " + WORDS["fail"].encode())
        sys.exit(1)
    if "watch" in WORDS:
        st = os.stat(WORDS["watch"])
        master.send(f"file {st.st_dev} {st.st_ino} {st.st_size} {st.st_ctime_ns} {WORDS['watch']}".encode())
    master.send(b"ready")
    if "idle" not in WORDS:
        serve(master, listener, int(sys.argv[sys.argv.index("-L") + 1]))


main()
