# SPDX-License-Identifier: Apache-2.0
"""postconf -j: what programs read."""
import json
import subprocess

from postern import COMMANDS

MAIN = "myhostname = a.test\nmynetworks = 127.0.0.0/8,\n  [::1]/128\nsmtpd_banner = \"quoted\" \\ text\n"
MASTER = "25 inet n - n - - smtpd\n  -o { smtpd_banner = two words }\nretry unix - - n - - error\n"


def objects(directory, *args):
    """The lines of `postconf -j ARGS`, parsed."""
    p = subprocess.run([f"{COMMANDS}/postconf", "-c", str(directory), "-j", *args], capture_output=True, text=True, timeout=20)
    assert p.returncode == 0, p.stderr
    return [json.loads(line) for line in p.stdout.splitlines()]


def test_json_of_both_files(tmp_path):
    (tmp_path / "main.cf").write_text(MAIN)
    (tmp_path / "master.cf").write_text(MASTER)
    assert objects(tmp_path, "-n")[-2:] == [{"name": "mynetworks", "value": "127.0.0.0/8, [::1]/128"},
                                            {"name": "smtpd_banner", "value": '"quoted" \\ text'}]
    assert len(objects(tmp_path, "-d")) > 900
    assert objects(tmp_path, "-M", "retry") == [{"service": "retry", "type": "unix", "private": "-", "unprivileged": "-",
                                                 "chroot": "n", "wakeup": "-", "process_limit": "-", "command": "error"}]
    assert objects(tmp_path, "-F", "25/inet/chroot") == [{"service": "25", "type": "inet", "field": "chroot", "value": "n"}]
    assert objects(tmp_path, "-P") == [{"service": "25", "type": "inet", "name": "smtpd_banner", "value": "two words"}]


def test_json_excludes_other_forms(tmp_path):
    (tmp_path / "main.cf").write_text(MAIN)
    for options in (["-f"], ["-h"], ["-H"], ["-m"], ["-e", "x=y"]):
        p = subprocess.run([f"{COMMANDS}/postconf", "-c", str(tmp_path), "-j", *options], capture_output=True, text=True,
                           timeout=20)
        assert p.returncode == 1 and "with option -j, do not specify" in p.stderr, p.stderr
