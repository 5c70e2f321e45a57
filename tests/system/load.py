# SPDX-License-Identifier: Apache-2.0
"""Clients that send numbered messages all the time and remember which were accepted, and where a message must end."""
import glob
import re
import smtplib
import socket
import socketserver
import threading
import time

BOX = "vmail/u1"            # where u1@virt.test is delivered
NOTICES = "vmail/u2"        # where the notices to SENDER are
SENDER = "u2@virt.test"
LATER_PORT = 2600
# A message to all of these leaves every kind of trace in the queue: a delivery, a deferral, a notice.
EVERYWHERE = ["u1@virt.test", "x@later.test", "x@bad.test"]
ROUTES = {"transport_maps": f"inline:{{ {{later.test = smtp:[127.0.0.1]:{LATER_PORT}}} "
                            "{bad.test = error:5.1.1 no} }",
          "relay_domains": "later.test, bad.test"}
# smtpd would refuse what the error transport is to return.
TO_ERROR = {"smtpd_reject_unlisted_recipient": "no"}


class Load:
    """with Load(instance, "u1@virt.test") as load: ... ; then load.accepted has the subjects that got a 250.

    FIRST is called with each new connection's client (for STARTTLS). Counts of the others: refused (a 4xx or 5xx
    reply, 4xx only in temporary), broken (the session was cut)."""

    def __init__(self, instance, recipient, clients=4, pause=0.03, prefix="n", first=None, source="127.0.0.1",
                 timeout=20):
        self.instance, self.recipient, self.pause, self.prefix = instance, recipient, pause, prefix
        self.first, self.source, self.timeout = first, source, timeout
        self.accepted, self.refused, self.temporary, self.broken, self.errors = set(), 0, 0, 0, set()
        self.counter, self.lock, self.going = 0, threading.Lock(), True
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a session got neither a reply nor an end"

    def wait_more(self, count, timeout=30):
        """Until COUNT more messages than now are accepted."""
        want, end = len(self.accepted) + count, time.monotonic() + timeout
        while len(self.accepted) < want and time.monotonic() < end:
            time.sleep(0.01)
        have = len(self.accepted) - want + count
        assert have >= count, f"only {have} of {count} messages accepted in {timeout} s; {self.errors}"

    def _client(self):
        while self.going:
            with self.lock:
                self.counter += 1
                subject = f"{self.prefix}{self.counter}"
            try:
                self._send(subject)
                with self.lock:
                    self.accepted.add(subject)
            except smtplib.SMTPResponseException as e:
                with self.lock:
                    self.refused += 1
                    self.temporary += 400 <= e.smtp_code < 500
                    self.errors.add(f"{e.smtp_code} {e.smtp_error!r}")
            except smtplib.SMTPRecipientsRefused as e:
                with self.lock:
                    self.refused += 1
                    self.temporary += all(400 <= code < 500 for code, _ in e.recipients.values())
                    self.errors.add(str(e))
            except (smtplib.SMTPException, OSError, socket.timeout) as e:
                with self.lock:
                    self.broken += 1
                    self.errors.add(f"{type(e).__name__}: {e}")
                time.sleep(0.05)
            time.sleep(self.pause)

    def _send(self, subject):
        with self.instance.smtp(source=self.source, timeout=self.timeout) as client:
            if self.first:
                self.first(client)
            self.instance.send_on(client, self.recipient, SENDER, f"Subject: {subject}\n\nbody\n")


class Sink:
    """The host of later.test: takes every message and remembers the subjects, and in copies (subject, recipient) for
    each recipient of each message. PAUSE() says how many seconds it thinks about one. with Sink() as sink: ..."""

    def __init__(self, port=LATER_PORT, pause=None):
        self.subjects, self.copies = [], []
        outer = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self):
                self.connection.settimeout(30)
                try:
                    self.talk()
                except OSError:
                    pass

            def talk(self):
                self.wfile.write(b"220 sink\r\n")
                people = []
                while line := self.rfile.readline():
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"MAIL":
                        people = []
                    if verb == b"RCPT":
                        people.append(line.split(b"<")[1].split(b">")[0].decode())
                    if verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        text = []
                        while text[-1:] != [b".\r\n"]:
                            text.append(self.rfile.readline())
                            if not text[-1]:
                                return
                        if pause:
                            time.sleep(pause())
                        found = [row[9:].strip().decode() for row in text if row.startswith(b"Subject: ")]
                        outer.subjects += found
                        outer.copies += [(subject, who) for subject in found for who in people]
                    self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                    if verb == b"QUIT":
                        return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
            request_queue_size = 512
        self.server = Server(("127.0.0.1", port), Session)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Box:
    """Subjects of the messages in a Maildir, also of the messages that notices in it return; each file is read once."""

    def __init__(self, instance, path):
        self.where, self.read, self.subjects = f"{instance.root}/{path}/new", set(), []

    def look(self):
        for file in set(glob.glob(f"{self.where}/*")) - self.read:
            with open(file, errors="replace") as f:
                self.subjects += re.findall(r"^Subject: (.*)", f.read(), re.M)
            self.read.add(file)
        return self.subjects


def wait_all_delivered(instance, load, everywhere=False, timeout=60):
    """Flush until every accepted message is where it belongs: in the Maildir and, if it went EVERYWHERE, at the host
    of later.test and in a notice to its sender. Returns the subjects found in the Maildir, one for each copy."""
    box, notices = Box(instance, BOX), Box(instance, NOTICES)
    with Sink() as sink:
        places = {"Maildir": box.look}
        if everywhere:
            places.update({"relay": lambda: sink.subjects, "notices": notices.look})
        end = time.monotonic() + timeout
        while True:
            lost = {name: load.accepted - set(look()) for name, look in places.items()}
            if not any(lost.values()):
                return box.subjects
            left = {name: sorted(subjects)[:10] for name, subjects in lost.items() if subjects}
            assert time.monotonic() < end, f"of {len(load.accepted)} accepted messages these are missing: {left}"
            instance.run([instance.command("postqueue"), "-f"])
            time.sleep(0.3)
