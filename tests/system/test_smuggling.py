# SPDX-License-Identifier: Apache-2.0
"""SMTP smuggling: whatever looks like an end of data to some other server is content to this one.

Each message carries a look-alike of <CR><LF>.<CR><LF> and, behind it, a whole second transaction. It is sent with DATA
and with BDAT, in one segment and cut before and after each byte of the look-alike, to each setting of
smtpd_forbid_bare_newline."""
import collections
import glob
import re
import socket
import time

import pytest

SETTINGS = ["no", "normalize", "reject"]
LIMIT = 2048                    # line_length_limit: a longer line is read in pieces, none of which begins a line
LOOKALIKES = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\n.\r", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\r\n.\r", b"\n\r.\n", b"\n\r.\r\n",
    b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\n.\r\r\n", b"\r\r.\r\r", b"\r\n..\r\n", b"\n..\n", b"\r\n. \r\n",
    b"\r\n .\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\0\n.\r\n", b"\r\n.\r\0\n", b"\n\0.\n",
    b"\x85.\x85", b"\v.\v", b"\f.\f", b"x" * LIMIT + b".\r\n", b"x" * LIMIT + b"\n.\n",
    # At the very beginning of the content.
    b".\n", b".\r\r\n", b".\r"]
BEGINS = {b".\n", b".\r\r\n", b".\r"}

# Documented for "no": LF is as good as CRLF, and a line end has all CRs that stand before the LF.
END_BY_LF = re.compile(rb"(?:^|\n)\.\r*\n")
BARE_LF = re.compile(rb"(?<!\r)\n")

Case = collections.namedtuple("Case", "number content cut by_chunk")


class Session:
    """A pipelining client that knows when the server has read what was sent."""

    def __init__(self, inst):
        self.socket = socket.create_connection((inst.address, inst.port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.ends = (f"{inst.port:04X}", f"{self.socket.getsockname()[1]:04X}")
        self.say(b"", 220)
        self.say(b"EHLO client.example.net\r\n", 250)

    def send(self, *segments):
        for number, segment in enumerate(segments):
            if number:
                self.await_reading()
            self.socket.sendall(segment)

    def await_reading(self):
        """Until nothing waits in the server's socket, so that what follows comes to it as another read."""
        end = time.monotonic() + 20
        while self.unread():
            assert time.monotonic() < end, "the server does not read"
            time.sleep(0.0005)

    def unread(self):
        with open("/proc/net/tcp") as f:
            for line in f:
                words = line.split()
                if (words[1][-4:], words[2][-4:]) == self.ends:
                    return int(words[4].split(":")[1], 16)
        return 0

    def reply(self):
        while line := self.file.readline():
            if line[3:4] != b"-":
                return int(line[:3])
        return None

    def say(self, text, *codes):
        self.socket.sendall(text)
        assert [self.reply() for _ in codes] == list(codes), text

    def replies(self, last):
        """Codes up to the first LAST, or the end of the connection."""
        codes = []
        while not codes or codes[-1] not in (last, None):
            codes.append(self.reply())
        return codes


def transaction(sender):
    return b"MAIL FROM:<%s>\r\nRCPT TO:<u1@virt.test>\r\n" % sender


def honest(number):
    return b"honest%d@a.test" % number


def smuggled(number):
    return b"evil%d@b.test" % number


def cases(lookalike, numbers, chunks):
    """The look-alike in one piece, cut at each of its bytes, and (CHUNKS) with the end of a chunk there."""
    head = b"" if lookalike in BEGINS else b"Subject: honest\r\n\r\nbody"
    end = len(head) + len(lookalike)
    cuts = range(max(len(head), end - 8), end + 1)
    plan = [(None, False), *((cut, False) for cut in cuts), *((cut, True) for cut in cuts if chunks and cut)]
    for cut, by_chunk in plan:
        number = next(numbers)
        yield Case(number, head + lookalike + transaction(smuggled(number)) +
                   b"DATA\r\nSubject: smuggled\r\n\r\nsmuggled body\r\n.\r\n", cut, by_chunk)


def send_data(session, case):
    session.say(transaction(honest(case.number)) + b"DATA\r\n", 250, 250, 354)
    content = case.content + b"VRFY u1@virt.test\r\n"
    session.send(*([content] if case.cut is None else [content[:case.cut], content[case.cut:]]))
    return session.replies(252)


def send_bdat(session, case):
    session.say(transaction(honest(case.number)), 250, 250)
    first, second = case.content[:case.cut], case.content[case.cut:] if case.cut is not None else b""
    if case.by_chunk:
        session.send(b"BDAT %d\r\n" % len(first) + first)
        chunk = session.reply()
        session.send(b"BDAT %d LAST\r\n" % len(second) + second + b"VRFY u1@virt.test\r\n")
        return [chunk, *session.replies(252)]
    else:
        first = b"BDAT %d LAST\r\n" % len(case.content) + first
        session.send(*([first + b"VRFY u1@virt.test\r\n"] if case.cut is None else
                       [first, second + b"VRFY u1@virt.test\r\n"]))
    return session.replies(252)


def expected(setting, case, chunked):
    """Reply codes up to the one to VRFY (what they may be), and the envelope senders of what is delivered."""
    if setting == "reject" and BARE_LF.search(case.content):
        # The chunk that has the bare LF is refused, and then the others are discarded.
        early = case.by_chunk and BARE_LF.search(case.content[:case.cut])
        return [[550, 551, 252] if early else [250, 550, 252]] if case.by_chunk else [[550, 252]], []
    if setting == "no" and not chunked and END_BY_LF.search(case.content).end() < len(case.content):
        return [[250, 250, 250, 354, 250, 252]], [honest(case.number), smuggled(case.number)]
    return [[250, 250, 252] if case.by_chunk else [250, 252]], [honest(case.number)]


def delivered(inst):
    """Content of the messages by envelope sender."""
    out = collections.defaultdict(list)
    for path in glob.glob(f"{inst.root}/vmail/u1/new/*"):
        with open(path, "rb") as f:
            text = f.read()
        out[re.match(rb"Return-Path: <(.*?)>", text)[1]].append(text)
    return out


@pytest.mark.root
@pytest.mark.parametrize("setting", SETTINGS)
def test_lookalike_of_end_of_data_is_content(make, setting):
    inst = make({"smtpd_forbid_bare_newline": setting, "smtpd_forbid_bare_newline_exclusions": "",
                 "smtpd_forbid_unauth_pipelining": "no", "smtpd_hard_error_limit": "1000",
                 "smtpd_soft_error_limit": "1000", "line_length_limit": str(LIMIT)})
    numbers = iter(range(1, 1 << 20))
    wanted, wrong = {}, []
    for lookalike in LOOKALIKES:
        for chunked, send in ((False, send_data), (True, send_bdat)):
            session = Session(inst)
            for case in cases(lookalike, numbers, chunked):
                codes, senders = expected(setting, case, chunked)
                got = send(session, case)
                if got not in codes:
                    wrong.append((lookalike[-12:], send.__name__, case.cut, case.by_chunk, got, codes))
                    session = Session(inst)
                wanted.update((sender, case) for sender in senders)
            # No transaction is left, whatever was accepted or refused.
            session.say(b"DATA\r\nQUIT\r\n", 503, 221)
    assert not wrong
    inst.wait_idle(timeout=30)
    mail = delivered(inst)
    assert {sender: len(texts) for sender, texts in mail.items()} == dict.fromkeys(wanted, 1)
    assert set(re.findall(r": from=<(.*?)>, size=", inst.log_text())) == {sender.decode() for sender in wanted}
    # Where it was not a message of its own, the second transaction is text of the first.
    for sender, case in wanted.items():
        text = b"\nRCPT TO:<u1@virt.test>\nDATA\nSubject: smuggled\n\nsmuggled body\n"
        separate = smuggled(case.number) in wanted
        assert (text in mail[sender][0]) != separate, (setting, case)
