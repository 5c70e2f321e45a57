# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken input: configuration files, queue files, clients."""
import contextlib
import re
import smtplib
import socket
import time

import pytest

from harness.instance import Failed
from postern import PACKAGE, SANITIZED, process_status

OURS = pytest.mark.skipif(PACKAGE is not None, reason="the wording is ours")


@OURS
@pytest.mark.parametrize("file, text, where", [
    ("main.cf", "no equals sign\n", r"main\.cf.*line \d+.*missing '='"),
    ("main.cf", "= value\n", r"main\.cf.*line \d+.*missing attribute name"),
    ("main.cf", "soft_bounce = maybe\n", r"bad boolean configuration: soft_bounce = maybe"),
    ("main.cf", "smtpd_timeout = 5 parsecs\n", r"smtpd_timeout: bad time value or unit"),
    ("main.cf", "line_length_limit = 5\n", r"invalid line_length_limit parameter value 5"),
    ("main.cf", "mail_name = ${broken\n", r"mail_name|macro"),
    ("master.cf", "smtp inet n - n -\n", r"master\.cf.*line \d+"),
    ("master.cf", "x carrier-pigeon n - n - - smtpd\n", r"master\.cf.*line \d+.*carrier-pigeon"),
    ("master.cf", "127.0.0.1:2599 inet y - n - - smtpd\n", r"master\.cf.*line \d+.*inet service cannot be private"),
])
def test_bad_configuration_starts_nothing(make, file, text, where):
    inst = make(start=False, rootless=True)
    with open(f"{inst.config}/{file}", "a") as f:
        f.write(text)
    status, said = inst.postfix("start")
    assert status == 1
    assert re.search(where, said + inst.log_text()), said + inst.log_text()
    assert inst.pids() == []


@OURS
def test_reload_refuses_what_start_refuses_and_changes_nothing(make):
    inst = make(rootless=True)
    before = inst.master_pid()
    with inst.smtp() as session:
        assert session.ehlo()[0] == 250
        with open(f"{inst.config}/main.cf", "a") as f:
            f.write("smtpd_timeout = soon\n")
        status, said = inst.postfix("reload")
        assert status == 1 and "parameter smtpd_timeout: bad time value or unit: soon" in said + inst.log_text()
        assert session.noop()[0] == 250
        with inst.smtp() as another:
            assert another.noop()[0] == 250
    assert inst.master_pid() == before


@OURS
def test_parameter_without_effect_stops_the_start_by_name(make):
    inst = make({"smtpd_milters": "inet:127.0.0.1:9"}, start=False, rootless=True)
    status, said = inst.postfix("start")
    assert status == 1
    assert re.search(r"not supported by this version: smtpd_milters", said + inst.log_text())
    inst.configure(postern_accept_unsupported="smtpd_milters")
    inst.start()
    assert inst.master_pid()


def talk(inst, data, timeout=10):
    """Send raw bytes after the greeting; everything that came back until the server closed or fell silent."""
    with socket.create_connection((inst.address, inst.port), timeout) as s:
        got = s.recv(4096)
        try:
            s.sendall(data)
            s.settimeout(2)
            while chunk := s.recv(65536):
                got += chunk
        except OSError:
            pass
        return got.decode(errors="replace")


@pytest.mark.root
def test_hostile_commands_get_replies_and_the_server_lives(make):
    inst = make({"smtpd_hard_error_limit": "1000", "smtpd_junk_command_limit": "10000"})
    for data in (b"EHLO \0\0\0\r\nQUIT\r\n", b"\xff\xfe\xfd\r\nQUIT\r\n", b"EHLO " + b"a" * 100000 + b"\r\nQUIT\r\n",
                 b"MAIL FROM:<" + b"@a," * 5000 + b":b@c>\r\nQUIT\r\n", b"\r\n" * 1000 + b"QUIT\r\n",
                 b"EHLO x\nMAIL FROM:<a@b.test>\nQUIT\n", b"EHLO x\rQUIT\r\n\r\nQUIT\r\n"):
        replies = talk(inst, data).splitlines()
        assert len(replies) >= 2 and all(re.match(r"[245]\d\d[- ]", line) for line in replies), replies[:5]
    with inst.smtp() as client:
        assert client.noop()[0] == 250


def peak(inst):
    """Most memory that a process of the way in has ever had, in kB."""
    pids = inst.workers("smtpd") + inst.workers("cleanup") + inst.workers("qmgr")
    return max(int(process_status(pid)["VmHWM"].split()[0]) for pid in pids)


HOSTILE = {"one long header": "X-Long: " + "h" * 8000000 + "\n\nbody\n",
           "endless headers": "".join(f"X-N{n}: v\n" for n in range(300000)) + "\nbody\n",
           "folded header": "X-Folded: a\n" + " folded\n" * 800000 + "\nbody\n",
           "one long line": "Subject: x\n\n" + "l" * 8000000 + "\n",
           "long parts": "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\nX-Part: " * 300000 + "\n",
           "addresses": "To: " + "a@b.test,\n " * 300000 + "c@d.test\n\nbody\n"}


@pytest.mark.root
@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps freed memory")
def test_endless_headers_and_lines_take_bounded_memory(make):
    inst = make({"message_size_limit": "20000000", "virtual_mailbox_limit": "0"})
    inst.send("u1@virt.test")
    inst.wait_mail("vmail/u1")
    before = peak(inst)
    with inst.smtp(timeout=60) as client:
        client.ehlo()
        for name, text in HOSTILE.items():
            assert client.mail("a@example.net")[0] == 250
            assert client.rcpt("u1@virt.test")[0] == 250
            assert client.data(text)[0] in (250, 552, 554), name
            assert peak(inst) - before < 16 * 1024, f"kB of memory for {name}"
    inst.wait_idle()


@pytest.mark.root
def test_message_over_the_limit_is_refused_and_leaves_nothing(make):
    inst = make({"message_size_limit": "100000"})
    with inst.smtp(timeout=60) as client:
        client.ehlo()
        assert client.docmd("MAIL", "FROM:<a@b.test> SIZE=100001") == (552, b"5.3.4 Message size exceeds fixed limit")
        client.mail("a@example.net")
        client.rcpt("u1@virt.test")
        assert client.data("x" * 70 + "\n" * 200000) == (552, b"5.3.4 Error: message file too big")
        inst.wait(lambda: inst.queue_ids() == [], 30, "nothing of it in the queue")
        assert "queued as" in inst.send_on(client, "u1@virt.test")


@pytest.mark.root
@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps freed memory")
def test_thousands_of_recipients(make):
    inst = make({"smtpd_recipient_overshoot_limit": "5000", "smtpd_recipient_limit": "3000",
                 "smtpd_hard_error_limit": "5000", "virtual_mailbox_maps": "static:u1/"})
    inst.send("u1@virt.test")
    inst.wait_mail("vmail/u1")
    before = peak(inst)
    with inst.smtp(timeout=60) as client:
        client.ehlo()
        client.mail("a@example.net")
        codes = [client.rcpt(f"u{n}@virt.test")[0] for n in range(5000)]
        assert codes == [250] * 3000 + [452] * 2000
        assert client.data("Subject: many\n\nbody\n")[0] == 250
    assert peak(inst) - before < 16 * 1024
    assert len(inst.wait_mail("vmail/u1", 3001, 60)) == 3001


@pytest.mark.root
def test_one_byte_at_a_time_is_limited_as_a_whole(make):
    """Each byte comes in time, but not the command (smtpd_per_record_deadline, as under stress)."""
    inst = make({"smtpd_timeout": "1s", "smtpd_per_request_deadline": "yes"})
    with socket.create_connection((inst.address, inst.port), 10) as s:
        s.settimeout(0.3)
        got, end = s.recv(4096), time.monotonic() + 20
        with contextlib.suppress(ConnectionError):
            while b"421" not in got and time.monotonic() < end:
                s.sendall(b"N")
                with contextlib.suppress(socket.timeout):
                    got += s.recv(4096)
    assert b"421 4.4.2 mx.example.test Error: timeout exceeded" in got
    inst.wait_log("timeout after CONNECT from")


@pytest.mark.root
def test_bare_line_ends_and_eight_bits_in_commands(make):
    inst = make()
    for data, replies in ((b"EHLO x\r\nM\0AIL FROM:<a@b.test>\r\nNOOP\r\n", ["5", "250"]),
                          (b"HELO x\r\nMAIL FROM:<\xe4@b.test>\r\nNOOP\r\n", ["5", "250"]),
                          (b"HELO x\nNOOP\n", ["250", "250"]), (b"HELO x\rNOOP\r\nNOOP\r\n", ["", "250"]),
                          (b"HELO x\r\nNOOP " + b"y" * 5000 + b"\r\nNOOP\r\n", ["500 5.5.2", "250"])):
        lines = talk(inst, data + b"QUIT\r\n").splitlines()
        final = [line for line in lines if line[3:4] == " "]
        assert final[-1].startswith("221 2.0.0") and all(line[:1] in "245" for line in final), lines
        assert all(line.startswith(start) for line, start in zip(final[-3:-1], replies)), (data[:60], lines)


@pytest.mark.root
@pytest.mark.parametrize("dialogue", ["", "EHLO x\r\n", "EHLO x\r\nMAIL FROM:<a@b.test>\r\n",
                                      "EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<u1@virt.test>\r\n",
                                      "EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<u1@virt.test>\r\nDATA\r\nSubject: x\r\n"])
def test_a_silent_client_is_timed_out(make, dialogue):
    inst = make({"smtpd_timeout": "1s"})
    start = time.monotonic()
    with socket.create_connection((inst.address, inst.port), 10) as s:
        s.sendall(dialogue.encode())
        got = b""
        while chunk := s.recv(65536):
            got += chunk
    assert time.monotonic() - start > 0.8
    assert b"421 4.4.2" in got or b"DATA" in dialogue.encode()
    inst.wait_log(r"timeout after (CONNECT|EHLO|MAIL|RCPT|DATA)")
    inst.wait(lambda: not inst.queue_ids("incoming"), 30, "no half-written queue file")


@OURS
@pytest.mark.root
def test_unknown_restriction_is_a_temporary_failure(make):
    inst = make({"smtpd_recipient_restrictions": "permit_nothing_at_all"})
    with inst.smtp() as client:
        client.ehlo()
        client.mail("a@example.net")
        code, text = client.rcpt("u1@virt.test")
    assert code == 451 and b"4.3.5" in text


@pytest.mark.root
def test_smuggled_message_is_not_a_second_message(make):
    """A bare-LF end of data inside a message: refused, or part of the content, never an end."""
    # Without the exclusion of our own networks, in which the test client is.
    inst = make({"smtpd_forbid_bare_newline": "yes", "smtpd_forbid_bare_newline_exclusions": ""})
    smuggled = (b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<u1@virt.test>\r\nDATA\r\nSubject: one\r\n\r\nbody\n.\n"
                b"MAIL FROM:<evil@b.test>\r\nRCPT TO:<u1@virt.test>\r\nDATA\r\nSubject: two\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n")
    replies = talk(inst, smuggled)
    assert replies.count("queued as") <= 1
    inst.wait_idle()
    assert all(mail["Subject"] != "two" for mail in inst.maildir("vmail/u1"))


@OURS
def test_port_in_use_is_named(make):
    first = make(rootless=True)
    with pytest.raises((Failed, smtplib.SMTPException)) as error:
        make(rootless=True, port=first.port)
    assert str(first.port) in str(error.value)
