# SPDX-License-Identifier: Apache-2.0
"""pipe(8) and spawn(8): commands that master.cf names, as users see them when something is wrong."""
import os
import socket
import time

import pytest

pytestmark = pytest.mark.root

PIPE = "{name} unix - n n - - pipe\n  {attributes}\n"


def deliver_to(make, attributes, text="Subject: x\n\nbody\n", **config):
    """An instance with the transport `cmd`, and one message given to it."""
    config.setdefault("transport_maps", "inline:{ {virt.test = cmd:hop} }")
    config.setdefault("notify_classes", "")
    inst = make(config, PIPE.format(name="cmd", attributes=attributes))
    inst.send("u1@virt.test", sender="", text=text)
    return inst


@pytest.mark.parametrize("attributes, said", [
    ("user=root argv=/bin/cat", "specifies root privileges"),
    ("user=postfix argv=/bin/cat", "specifies mail system owner postfix"),
    ("user=bob:postdrop argv=/bin/cat", "postdrop group id"),
    ("user=nosuch argv=/bin/cat", "unknown username: nosuch"),
    ("argv=/bin/cat", "missing user="),
    ("user=bob", "missing argv="),
    ("user=bob argv=/bin/cat $nonesuch", 'unknown macro name: "nonesuch"'),
])
def test_a_wrong_line_defers_and_says_why(make, attributes, said):
    inst = deliver_to(make, attributes)
    inst.wait_log(r"relay=cmd, .*dsn=4\.3\.5, status=deferred \(mail system configuration error\)")
    assert said in inst.log_text()
    inst.wait(lambda: len(inst.queue_files("deferred")) == 1, 30, "the message in deferred")


def test_time_limit_kills_the_group_and_bounces(make):
    started = time.monotonic()
    inst = deliver_to(make, "user=bob argv=/bin/sh -c {sleep 300 & sleep 300}", cmd_time_limit="1s")
    inst.wait_log(r'dsn=5\.3\.0, status=bounced \(Command time limit exceeded: "/bin/sh"')
    assert time.monotonic() - started < 20
    time.sleep(0.2)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                assert not (f.read() == b"sleep\x00300\x00" and os.readlink(f"/proc/{pid}/cwd") == inst.queue)
        except OSError:
            continue


def test_nothing_leaks_into_a_command(make):
    """Rights, environment, descriptors; and what the message says is never looked at by a shell."""
    inst = make({"transport_maps": "inline:{ {virt.test = cmd:hop} }"},
                PIPE.format(name="cmd", attributes="user=bob argv=/bin/sh @CONFIG@/see.sh ${sender}"),
                {"see.sh": "exec >@OUT@/result\nid\nenv | cut -d= -f1 | sort | tr '\\n' ' '\necho\n"
                           "ls /proc/self/fd | wc -l\n"
                           "grep -e CapEff -e SigIgn /proc/self/status\necho \"$1\"\ncat >/dev/null\n"})
    inst.send("u1@virt.test", sender='"`id>/tmp/x`$(id);"@example.net')
    inst.wait_log(r"status=sent \(delivered via cmd service\)")
    lines = open(f"{inst.root}/out/result").read().splitlines()
    assert lines[0].startswith("uid=61002(bob) gid=61002(bob) groups=61002(bob)")
    assert set(lines[1].split()) <= {"LANG", "MAIL_CONFIG", "PATH", "PWD", "TZ", "SHLVL", "_", "OLDPWD"}
    assert int(lines[2]) == 4           # 0, 1, 2 and the directory itself
    assert lines[3].split()[1] == "0" * 16 or lines[4].split()[1] == "0" * 16
    assert lines[5] == "`id>/tmp/x`$(id);@example.net"
    assert not os.path.exists("/tmp/x")


def test_spawn_serves_several_clients_and_hides_its_troubles(make):
    inst = make({},
                "2600 inet n n n - 0 spawn\n  user=alice argv=/bin/sh -c {read a; echo got $a}\n"
                "2601 inet n n n - 0 spawn\n  user=alice argv=/no/such/command\n"
                "2602 inet n n n - 0 spawn\n  user=root argv=/bin/id\n")
    clients = [socket.create_connection(("127.0.0.1", 2600), timeout=20) for _ in range(3)]
    for n, client in reversed(list(enumerate(clients))):
        client.sendall(b"%d\n" % n)
        assert client.makefile("rb").read() == b"got %d\n" % n
        client.close()
    for port in (2601, 2602):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            assert client.makefile("rb").read() == b""
    inst.wait_log("execvp /no/such/command: No such file or directory")
    inst.wait_log("command /no/such/command exit status 1")
    inst.wait_log("request to deliver as root")
