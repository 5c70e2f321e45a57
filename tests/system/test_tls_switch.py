# SPDX-License-Identifier: Apache-2.0
"""tlsswitchchannel: a session goes on under another smtpd service once TLS has begun."""
import os
import re
import socket
import ssl
import time

import pytest

from postern import CERTS, PACKAGE, Failed, unverified

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="Postfix has no such keyword")]

CONFIG = {"smtpd_tls_cert_file": f"{CERTS}/mx.pem", "smtpd_tls_key_file": f"{CERTS}/mx.key", "smtpd_tls_loglevel": "1",
          "smtpd_client_connection_count_limit": "0", "smtpd_client_connection_rate_limit": "0",
          "smtpd_client_event_limit_exceptions": "", "smtpd_tls_switch_timeout": "60s",
          "smtpd_reject_unlisted_recipient": "no"}
SOURCE = "2501 inet n - n - - smtpd -o { channel_keywords = maytlsserver tlsswitchchannel inside }\n"
TARGET = ("inside pass - - n - %s smtpd -o syslog_name=inside -o myhostname=inside.example.test"
          " -o smtpd_tls_received_header=yes -o smtpd_sender_restrictions=$inside_senders %s\n")
TLSPROXY = "tlsproxy unix - - n - 0 tlsproxy\n"


def target(maxproc="-", more=""):
    return TARGET % (maxproc, more)


SENDERS = {"inside_senders": "check_sender_access inline:{never@example.net=REJECT}"}


class Client:
    """A client that sends and reads literally; TLS on demand."""

    def __init__(self, port, source="127.0.0.1", wrapped=False):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
        self.buffer = b""
        if wrapped:
            self.handshake()
        self.greeting = self.reply()

    def handshake(self):
        self.s = unverified().wrap_socket(self.s)

    def reply(self):
        """One reply, lines joined; "" when the connection is gone."""
        while not re.search(rb"^\d\d\d(?: .*)?\r\n", self.buffer, re.M):
            try:
                more = self.s.recv(4096)
            except (ConnectionError, ssl.SSLError):
                more = b""
            if not more:
                return ""
            self.buffer += more
        end = re.search(rb"^\d\d\d(?: .*)?\r\n", self.buffer, re.M).end()
        text, self.buffer = self.buffer[:end], self.buffer[end:]
        return text.decode()

    def say(self, line):
        self.s.sendall(line.encode() + b"\r\n")
        return self.reply()

    def starttls(self):
        self.say("EHLO client.example.net")
        assert self.say("STARTTLS").startswith("220")
        self.handshake()
        return self

    def send(self, recipient="u1@virt.test", sender="sender@example.net"):
        for line, code in ((f"MAIL FROM:<{sender}>", "250"), (f"RCPT TO:<{recipient}>", "250"), ("DATA", "354"),
                           ("Subject: switched\r\n\r\ntext\r\n.", "250")):
            answer = self.say(line)
            assert answer.startswith(code), answer

    def close(self):
        self.s.close()


def test_by_starttls(make):
    inst = make(dict(CONFIG, **SENDERS), SOURCE + target() + TLSPROXY)
    before = Client(2501)
    assert "mx.example.test" in before.greeting
    assert "mx.example.test" in before.say("EHLO client.example.net")
    before.s.sendall(b"STARTTLS\r\n")
    assert before.reply().startswith("220")
    before.handshake()
    # Nothing is said unasked: the next thing that the client sees is the reply to its EHLO.
    answer = before.say("EHLO client.example.net")
    assert answer.startswith("250-inside.example.test") and "STARTTLS" not in answer
    # Restrictions, log name and trace header are the target's.
    assert before.say("MAIL FROM:<never@example.net>").startswith("250")
    assert before.say("RCPT TO:<u1@virt.test>").startswith("554")
    assert before.say("RSET").startswith("250")
    before.send()
    assert before.say("QUIT").startswith("221")
    message, = inst.wait_mail("vmail/u1")
    received = message.get_all("Received")[-1] if len(message.get_all("Received")) == 1 else message["Received"]
    assert "by inside.example.test" in received and "ESMTPS" in received and "using TLSv1" in received
    inst.wait_log(r"inside/smtpd\[\d+\]: disconnect from .* ehlo=1 mail=2 rcpt=1/2 data=1 rset=1 quit=1")
    log = inst.log_text()
    assert re.search(r"inside/smtpd\[\d+\]: TLS session of .* comes from service 2501, helo=<client.example.net>", log)
    assert re.search(r"/smtpd\[\d+\]: TLS session of .* goes on under service inside", log)
    assert re.search(r"(?<!inside)/smtpd\[\d+\]: disconnect from .* ehlo=1 starttls=1 commands=2", log)
    # Without TLS the session stays where it began.
    plain = Client(2501)
    assert "mx.example.test" in plain.say("EHLO client.example.net")
    plain.send("u2@virt.test")
    plain.close()
    message, = inst.wait_mail("vmail/u2")
    assert "by mx.example.test" in message["Received"]


def test_by_wrapped_port(make):
    # Both in their jail, and the target with a private socket of its own for programs of this host.
    source = ("2502 inet n - y - - smtpd -o smtpd_tls_wrappermode=yes"
              " -o { channel_keywords = tlsswitchchannel inside }\n")
    inst = make(dict(CONFIG, **SENDERS), source + target().replace("pass - - n", "unix - - y") + TLSPROXY)
    client = Client(2502, wrapped=True)
    assert "inside.example.test" in client.greeting
    assert client.say("EHLO client.example.net").startswith("250-inside.example.test")
    client.send()
    client.close()
    assert len(inst.wait_mail("vmail/u1")) == 1


def handshake_with_data(plain, data):
    """The last bytes of the handshake and DATA in one segment; returns what comes back up to RCPT's reply."""
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = unverified().wrap_bio(received, sent)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(sent.read())
            received.write(plain.recv(65536))
    tls.write(data)
    plain.sendall(sent.read())
    answer = b""
    while b"250 2.1.5" not in answer:
        received.write(plain.recv(65536))
        try:
            answer += tls.read(65536)
        except ssl.SSLWantReadError:
            pass
    return answer.decode()


def test_early_input_is_not_lost(make):
    make(dict(CONFIG, **SENDERS), SOURCE + target() + TLSPROXY)
    early = b"EHLO client.example.net\r\nMAIL FROM:<sender@example.net>\r\nRCPT TO:<u1@virt.test>\r\n"
    for _ in range(5):
        client = Client(2501)
        client.say("EHLO client.example.net")
        assert client.say("STARTTLS").startswith("220")
        assert handshake_with_data(client.s, early).startswith("250-inside.example.test")
        client.close()
    for _ in range(5):
        client = Client(2501).starttls()
        client.s.sendall(b"EHLO client.example.net\r\nMAIL FROM:<sender@example.net>\r\nRCPT TO:<u1@virt.test>\r\n")
        assert client.reply().startswith("250-inside.example.test")
        assert client.reply().startswith("250 2.1.0")
        assert client.reply().startswith("250 2.1.5")
        client.close()


def test_full_target(make):
    """The target's places are taken before the session is handed over: 421 on the TLS session when there is none."""
    hasty = SOURCE.replace("2501", "2502").replace("smtpd ", "smtpd -o smtpd_tls_switch_timeout=1s ")
    inst = make(dict(CONFIG, **SENDERS), SOURCE + hasty + target("1") + TLSPROXY)
    first = Client(2501).starttls()
    assert first.say("EHLO client.example.net").startswith("250-inside")
    second = Client(2502).starttls()
    assert second.reply().startswith("421 4.3.2 mx.example.test Error: service not available")
    assert second.reply() == ""
    inst.wait_log(r"warning: TLS session of .* cannot go on under service inside: no room in that service")
    # Nothing of the second one is left in the way of the third.
    assert first.say("QUIT").startswith("221")
    first.close()
    inst.wait_log(r"inside/smtpd\[\d+\]: disconnect from")
    third = Client(2501).starttls()
    assert third.say("EHLO client.example.net").startswith("250-inside")
    third.close()


def test_refusing_target(make):
    limits = "-o smtpd_client_connection_count_limit=1"
    inst = make(dict(CONFIG, **SENDERS), SOURCE + target(more=limits) + TLSPROXY)
    first = Client(2501).starttls()
    assert first.say("EHLO client.example.net").startswith("250-inside")
    second = Client(2501).starttls()
    assert second.reply().startswith("421 4.3.2")
    inst.wait_log(r"inside/smtpd\[\d+\]: warning: Connection concurrency limit exceeded: 2 from .* for service inside")
    first.close()
    # The place of the one that was refused is free again.
    inst.wait_log(r"inside/smtpd\[\d+\]: disconnect from")
    time.sleep(0.2)
    third = Client(2501).starttls()
    assert third.say("EHLO client.example.net").startswith("250-inside")
    third.close()


def test_connect_restrictions_of_the_target(make):
    refuse = "-o smtpd_delay_reject=no -o smtpd_client_restrictions=reject"
    inst = make(dict(CONFIG, **SENDERS), SOURCE + target(more=refuse) + TLSPROXY)
    client = Client(2501).starttls()
    assert client.reply().startswith("421 4.3.2")
    inst.wait_log(r"inside/smtpd\[\d+\]: NOQUEUE: reject: CONNECT from")


def test_reload(make):
    """Sessions that are under way go on; the socket is there for those that come after."""
    inst = make(dict(CONFIG, **SENDERS), SOURCE + target() + TLSPROXY)
    held = Client(2501)
    held.say("EHLO client.example.net")
    switched = Client(2501).starttls()
    assert switched.say("EHLO client.example.net").startswith("250-inside")
    inst.reload()
    held.starttls()
    assert held.say("EHLO client.example.net").startswith("250-inside")
    held.send()
    switched.send("u2@virt.test")
    after = Client(2501).starttls()
    assert after.say("EHLO client.example.net").startswith("250-inside")
    for client in (held, switched, after):
        client.close()
    # Without the keyword the socket goes; and comes again with it.
    path = f"{inst.queue}/private/tlsswitch.inside"
    assert os.path.exists(path)
    with open(f"{inst.config}/master.cf") as f:
        master = f.read()
    inst.write("master.cf", master.replace("tlsswitchchannel inside", ""))
    inst.reload()
    inst.wait(lambda: not os.path.exists(path), 10, "the socket to go")
    stays = Client(2501).starttls()
    assert stays.say("EHLO client.example.net").startswith("250-mx.example.test")
    stays.close()
    inst.write("master.cf", master)
    inst.reload()
    inst.wait(lambda: os.path.exists(path), 10, "the socket to come")
    again = Client(2501).starttls()
    assert again.say("EHLO client.example.net").startswith("250-inside")
    again.close()


@pytest.mark.alarms
def test_target_that_is_killed(make):
    inst = make(dict(CONFIG, **SENDERS), SOURCE + target() + TLSPROXY)
    client = Client(2501).starttls()
    assert client.say("EHLO client.example.net").startswith("250-inside")
    found = inst.wait_log(r"inside/smtpd\[\d+\]: connect from")
    assert found
    rc, text = inst.postfix("sessions")
    assert rc == 0
    pid = next(int(line.split()[1]) for line in text.splitlines()[1:] if line.split()[2] == "inside")
    os.kill(pid, 9)
    assert client.reply() == ""
    again = Client(2501).starttls()
    assert again.say("EHLO client.example.net").startswith("250-inside")
    again.close()


@pytest.mark.parametrize("keywords,problem", [
    ("maytlsserver musttlsserver", "maytlsserver and musttlsserver contradict each other"),
    ("maytls tlsswitchchannel nowhere", "tlsswitchchannel nowhere: there is no such service"),
    ("maytls tlsswitchchannel smtp", "tlsswitchchannel smtp: this service is not smtpd"),
    ("maytls tlsswitchchannel 2501", "tlsswitchchannel 2501: that is this service itself"),
    ("maytls tlsswitchchannel inside", "tlsswitchchannel inside: that service switches, too (to other)"),
    ("notls tlsswitchchannel other", "notls and tlsswitchchannel other contradict each other"),
    ("musttls", "musttlsserver contradicts smtpd_tls_security_level (may)"),
])
def test_mistakes(make, keywords, problem):
    """`postfix check` and `postfix start` name the service."""
    level = "-o smtpd_tls_security_level=may" if keywords == "musttls" else ""
    master = (f"2501 inet n - n - - smtpd -o {{ channel_keywords = {keywords} }} {level}\n"
              "inside pass - - n - - smtpd -o { channel_keywords = maytls tlsswitchchannel other }\n"
              "other pass - - n - - smtpd\n")
    inst = make(CONFIG, master, start=False)
    rc, text = inst.postfix("check")
    assert rc == 1 and f"fatal: 2501/inet: channel_keywords: {problem}" in text, text
    with pytest.raises(Failed, match="2501/inet: channel_keywords"):
        inst.start()


def test_mistake_at_reload(make):
    inst = make(CONFIG, SOURCE + target() + TLSPROXY)
    with open(f"{inst.config}/master.cf") as f:
        master = f.read()
    inst.write("master.cf", master.replace("maytlsserver tlsswitchchannel", "notls tlsswitchchannel"))
    with pytest.raises(Failed, match="2501/inet: channel_keywords"):
        inst.reload()
    # What runs stays as it was.
    client = Client(2501).starttls()
    assert client.say("EHLO client.example.net").startswith("250-inside")
    client.close()
