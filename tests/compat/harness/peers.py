# SPDX-License-Identifier: Apache-2.0
"""Scripted peers: SMTP/LMTP sink, policy, milter, table and auth servers.

Every peer is a thread that answers from its script and keeps a transcript.
"""
import base64
import os
import re
import socket
import ssl
import struct
import threading
import time

from .instance import CERTS, TMP


class Drop(Exception):
    """Close the connection now."""


class Peer:
    """Listens on addr:port or on a unix path and serves each connection in a thread."""

    def __init__(self, addr="127.0.0.1", port=25, path=None, sort=False):
        self.addr, self.port, self.unix, self.sort = addr, port, path, sort
        self.sessions, self.active, self.lock = [], 0, threading.Lock()
        self.counts = {}

    def start(self):
        if self.unix:
            path = self.unix.replace("@TMP@", TMP).replace("@QUEUE@", f"{TMP}/queue")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            os.chmod(path, 0o666)
            self.listener.listen(50)
        else:
            family = socket.AF_INET6 if ":" in self.addr else socket.AF_INET
            self.listener = socket.create_server((self.addr, self.port), family=family, backlog=50)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        """No further connections; the address is free again."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:                         # stopped
                return
            log = []
            with self.lock:
                self.sessions.append(log)
                self.active += 1
            threading.Thread(target=self._serve, args=(conn, log), daemon=True).start()

    def _serve(self, conn, log):
        conn.settimeout(30)
        try:
            self.serve(conn, log)
        except (Drop, OSError, EOFError) as e:
            # After QUIT it is a race who closes first.
            if isinstance(e, Drop) or "C: QUIT" not in log[-2:]:
                log.append("[dropped]" if isinstance(e, Drop) else "[peer closed]")
        except Exception as e:                      # a harness bug: make it visible
            log.append(f"[harness error: {type(e).__name__}: {e}]")
        finally:
            try:
                conn.close()
            except OSError:
                pass
            with self.lock:
                self.active -= 1

    def pick(self, script, *keys):
        """First script entry whose regex matches one of the keys; lists are used up."""
        for pattern, value in script.items():
            for key in keys:
                if re.search(pattern, key):
                    if isinstance(value, list):
                        n = self.counts.get(pattern, 0)
                        self.counts[pattern] = n + 1
                        return value[min(n, len(value) - 1)]
                    return value
        return None

    def transcript(self):
        parts = ["\n".join(s) for s in self.sessions]
        if self.sort:
            parts.sort()
        out = []
        for n, text in enumerate(parts, 1):
            out.append(f"-- session {n}")
            out += text.split("\n")
        return out or ["-- no session"]


class LineReader:
    def __init__(self, conn):
        self.conn, self.buf = conn, b""

    def fill(self):
        chunk = self.conn.recv(65536)
        if not chunk:
            raise EOFError
        self.buf += chunk

    def line(self):
        while b"\n" not in self.buf:
            self.fill()
        line, self.buf = self.buf.split(b"\n", 1)
        return line

    def take(self, n):
        while len(self.buf) < n:
            self.fill()
        data, self.buf = self.buf[:n], self.buf[n:]
        return data


class SmtpSink(Peer):
    """SMTP or LMTP server.

    script: {regex: reply}, matched against the command line; also the pseudo commands
    CONNECT, DOT (end of data; for LMTP 'DOT rcpt') and TLS (the handshake).  Anchor the
    expressions: they are searched for.  A reply is
    text ('\\n' for more lines), 'DROP' (close), 'FAIL' (TLS only: break the handshake),
    'SLEEP n text', a list of these (used in turn, the last one repeats), or a function
    of the command line.
    """

    def __init__(self, addr="192.0.2.10", port=25, path=None, script=None, ehlo=None, lmtp=False,
                 cert=None, tls_max=None, ask_cert=False, wrapper=False, name="mx1.dest.test",
                 show_message=True, sort=False):
        super().__init__(addr, port, path, sort)
        self.script, self.lmtp, self.cert, self.name = script or {}, lmtp, cert, name
        self.tls_max, self.ask_cert, self.wrapper = tls_max, ask_cert, wrapper
        self.show_message = show_message
        if ehlo is None:
            ehlo = ["PIPELINING", "SIZE 10240000", "8BITMIME", "ENHANCEDSTATUSCODES"]
        self.ehlo = ehlo

    def serve(self, conn, log):
        r = LineReader(conn)
        tls = False

        def say(text):
            if text is None:
                return ""
            while callable(text):
                text = text("")
            m = re.match(r"SLEEP ([\d.]+) ?(.*)", text, re.S)
            if m:
                time.sleep(float(m[1]))
                text = m[2]
            if text == "DROP":
                raise Drop
            if not text:
                return ""
            for l in text.split("\n"):
                log.append("S: " + l)
            r.conn.sendall(b"".join(l.encode() + b"\r\n" for l in text.split("\n")))
            return text[:3]

        def reply(key, default):
            got = self.pick(self.script, key)
            if callable(got):
                got = got(key)
            return say(default if got is None else got)

        if self.wrapper:
            r.conn = conn = self._handshake(conn, log)
            tls = True
        reply("CONNECT", f"220 {self.name} {'LMTP' if self.lmtp else 'ESMTP'} sink")
        rcpts = []
        while True:
            raw = r.line()
            line = raw.rstrip(b"\r").decode("utf-8", "backslashreplace")
            log.append("C: " + line)
            verb = line.split(" ")[0].upper()
            if verb in ("EHLO", "LHLO"):
                caps = list(self.ehlo)
                if self.cert and not tls:
                    caps.append("STARTTLS")
                lines = [self.name] + caps
                text = "\n".join(f"250{'-' if i < len(lines) - 1 else ' '}{c}"
                                 for i, c in enumerate(lines))
                reply(line, text)
            elif verb == "STARTTLS":
                if reply(line, "220 ready").startswith("2"):
                    if self.pick(self.script, "TLS") == "FAIL":
                        conn.sendall(b"this is not TLS\r\n")
                        raise Drop
                    r.conn = conn = self._handshake(conn, log)
                    r.buf, tls = b"", True
            elif verb == "RCPT":
                if reply(line, "250 2.1.5 ok").startswith("2"):
                    rcpts.append(re.sub(r"^RCPT TO:<?([^>]*)>?.*", r"\1", line, flags=re.I))
            elif verb == "DATA":
                if reply(line, "354 go ahead" if rcpts else "554 5.5.1 no valid recipients").startswith("3"):
                    body = []
                    while True:
                        l = r.line()
                        if l.rstrip(b"\r") == b".":
                            break
                        body.append(l)
                    self._message(log, body)
                    self._done(reply, rcpts)
                    rcpts = []
            elif verb == "BDAT":
                n = int(line.split()[1])
                data = r.take(n)
                self._message(log, data.split(b"\n"))
                if "LAST" in line.upper():
                    self._done(reply, rcpts)
                else:
                    reply(line, "250 ok")
            elif verb == "QUIT":
                reply(line, "221 2.0.0 bye")
                return
            elif verb == "AUTH":
                if reply(line, "235 2.7.0 ok").startswith("334"):
                    while True:
                        more = r.line().rstrip(b"\r\n").decode()
                        log.append("C: " + more)
                        if not reply("AUTH-" + more, "235 2.7.0 ok").startswith("334"):
                            break
            else:
                if verb == "RSET":
                    rcpts = []
                reply(line, "250 2.0.0 ok")

    def _message(self, log, body):
        if self.show_message:
            for l in body:
                log.append("M: " + l.rstrip(b"\r").decode("utf-8", "backslashreplace"))
        else:
            log.append("M: [message]")

    def _done(self, reply, rcpts):
        if self.lmtp:
            for rcpt in rcpts:
                reply("DOT " + rcpt, f"250 2.0.0 {rcpt} saved")
        else:
            reply("DOT", "250 2.0.0 taken")

    def _handshake(self, conn, log):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(f"{CERTS}/{self.cert}.pem", f"{CERTS}/{self.cert}.key")
        sni = []
        ctx.sni_callback = lambda s, name, c: sni.append(name)
        if self.tls_max:
            ctx.maximum_version = getattr(ssl.TLSVersion, "TLSv" + self.tls_max.replace(".", "_"))
        if self.ask_cert:
            ctx.verify_mode = ssl.CERT_OPTIONAL
            ctx.load_verify_locations(f"{CERTS}/ca.pem")
        try:
            conn = ctx.wrap_socket(conn, server_side=True)
        except (ssl.SSLError, OSError) as e:
            log.append("[TLS failed]")
            raise EOFError from e
        extra = f" sni={sni[0]}" if sni and sni[0] else ""
        if self.ask_cert:
            extra += " client-cert" if conn.getpeercert() else " no-client-cert"
        log.append(f"[TLS {conn.version()}{extra}]")
        return conn


class Policy(Peer):
    """Policy delegation server: script {regex on 'name=value' lines: action}."""

    def __init__(self, port=10030, addr="127.0.0.1", path=None, script=None, show=None, default="DUNNO"):
        super().__init__(addr, port, path)
        self.script, self.show, self.default = script or {}, show, default

    def serve(self, conn, log):
        r = LineReader(conn)
        while True:
            attrs = []
            while True:
                line = r.line().decode("utf-8", "backslashreplace")
                if not line:
                    break
                attrs.append(line)
            for a in attrs:
                if self.show is None or a.split("=")[0] in self.show:
                    log.append(a)
            action = self.pick(self.script, "\n".join(attrs)) or self.default
            if action == "DROP":
                raise Drop
            log.append("=> action=" + action)
            conn.sendall(f"action={action}\n\n".encode())


class TablePeer(Peer):
    """Which process asks, how often and in what order is nobody's business: the transcript is
    the set of questions with their answers."""

    def transcript(self):
        pairs = set()
        for s in self.sessions:
            pairs.update(f"{q[3:]} => {a[3:]}" for q, a in zip(s[::2], s[1::2]))
        return sorted(pairs) or ["-- no session"]


class TcpTable(TablePeer):
    """tcp_table(5) server."""

    def __init__(self, port=10040, addr="127.0.0.1", script=None):
        super().__init__(addr, port)
        self.script = script or {}

    def serve(self, conn, log):
        r = LineReader(conn)
        while True:
            line = r.line().decode()
            log.append("C: " + line)
            got = self.pick(self.script, line.partition(" ")[2]) or "500 not found"
            log.append("S: " + got)
            conn.sendall(got.encode() + b"\n")


class SocketMap(TablePeer):
    """socketmap_table(5) server (netstrings)."""

    def __init__(self, port=10041, addr="127.0.0.1", path=None, script=None):
        super().__init__(addr, port, path)
        self.script = script or {}

    def serve(self, conn, log):
        r = LineReader(conn)
        while True:
            while b":" not in r.buf:
                r.fill()
            size, r.buf = r.buf.split(b":", 1)
            text = r.take(int(size) + 1)[:-1].decode()
            log.append("C: " + text)
            got = (self.pick(self.script, text) or "NOTFOUND ").encode()
            log.append("S: " + got.decode())
            conn.sendall(b"%d:%s," % (len(got), got))


class DovecotAuth(Peer):
    """Dovecot auth protocol server: users {name: password}; PLAIN and LOGIN."""

    def __init__(self, path="@QUEUE@/private/auth", users=None, mechs=("PLAIN", "LOGIN"), tempfail=()):
        super().__init__(path=path)
        self.users, self.mechs, self.tempfail = users or {}, mechs, tempfail

    def serve(self, conn, log):
        r = LineReader(conn)
        out = "VERSION\t1\t1\n"
        for m in self.mechs:
            out += f"MECH\t{m}\t{'plaintext' if m in ('PLAIN', 'LOGIN') else 'dictionary'}\n"
        conn.sendall((out + "SPID\t1\nCUID\t1\nCOOKIE\t" + "0" * 32 + "\nDONE\n").encode())
        state = {}
        while True:
            words = r.line().decode().split("\t")
            if words[0] == "AUTH":
                rid, mech = words[1], words[2]
                resp = next((w[5:] for w in words if w.startswith("resp=")), None)
                log.append("AUTH " + " ".join(sorted(w for w in words[2:] if not w.startswith("resp="))))
                if mech == "PLAIN" and resp:
                    raw = base64.b64decode(resp).split(b"\0")
                    self._verdict(conn, rid, raw[1].decode(), raw[2].decode(), log)
                elif resp:
                    state[rid] = base64.b64decode(resp).decode()
                    conn.sendall(f"CONT\t{rid}\t{base64.b64encode(b'Password:').decode()}\n".encode())
                else:
                    state[rid] = None if mech == "LOGIN" else "PLAIN"
                    prompt = base64.b64encode(b"Username:").decode() if mech == "LOGIN" else ""
                    conn.sendall(f"CONT\t{rid}\t{prompt}\n".encode())
            elif words[0] == "CONT":
                rid, text = words[1], base64.b64decode(words[2]).decode()
                if state.get(rid) == "PLAIN":
                    raw = text.split("\0")
                    self._verdict(conn, rid, raw[1], raw[2], log)
                elif state.get(rid) is None:
                    state[rid] = text
                    conn.sendall(f"CONT\t{rid}\t{base64.b64encode(b'Password:').decode()}\n".encode())
                else:
                    self._verdict(conn, rid, state.pop(rid), text, log)

    def _verdict(self, conn, rid, user, password, log):
        ok = self.users.get(user) == password
        log.append(f"{user}: {'ok' if ok else 'fail'}")
        if user in self.tempfail:
            conn.sendall(f"FAIL\t{rid}\tuser={user}\ttemp\treason=backend down\n".encode())
        elif ok:
            conn.sendall(f"OK\t{rid}\tuser={user}\n".encode())
        else:
            conn.sendall(f"FAIL\t{rid}\tuser={user}\treason=bad credentials\n".encode())


class Milter(Peer):
    """Milter (protocol 6).  script: {event: action}; events connect helo mail rcpt data
    header eoh body eom unknown, regex-matched against 'event argument'.

    Actions: accept reject tempfail discard continue drop, '550 5.7.1 text' (reply code), or
    for eom a list of ('addheader', n, v) ('insheader', i, n, v) ('chgheader', i, n, v)
    ('addrcpt', a) ('delrcpt', a) ('chgfrom', a) ('replbody', text) ('quarantine', reason),
    optionally ending in one of the plain actions.
    """
    EVENTS = {"C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data", "L": "header",
              "N": "eoh", "B": "body", "E": "eom", "U": "unknown"}
    PLAIN = {"accept": b"a", "reject": b"r", "tempfail": b"t", "discard": b"d", "continue": b"c"}

    def __init__(self, port=10050, addr="127.0.0.1", path=None, script=None, macros=False,
                 version=6, actions=0x1ff, protocol=0, show=None):
        super().__init__(addr, port, path)
        self.script, self.macros, self.version = script or {}, macros, version
        self.actions, self.protocol, self.show = actions, protocol, show

    def serve(self, conn, log):
        r = LineReader(conn)

        def send(cmd, data=b""):
            conn.sendall(struct.pack("!I", len(data) + 1) + cmd + data)
        while True:
            size = struct.unpack("!I", r.take(4))[0]
            pkt = r.take(size)
            cmd, data = chr(pkt[0]), pkt[1:]
            if cmd == "O":
                version, actions, proto = struct.unpack("!III", data[:12])
                log.append(f"options version={version} actions={actions:#x} protocol={proto:#x}")
                send(b"O", struct.pack("!III", self.version, self.actions & actions,
                                       self.protocol & proto))
                continue
            if cmd == "D":
                if self.macros:
                    parts = data[1:].split(b"\0")[:-1]
                    text = " ".join(f"{k.decode()}={v.decode()}"
                                    for k, v in sorted(zip(parts[::2], parts[1::2])))
                    log.append(f"macros {self.EVENTS.get(chr(data[0]), chr(data[0]))}: {text}")
                continue
            if cmd == "A":
                log.append("abort")
                continue
            if cmd in "QK":
                log.append("quit" if cmd == "Q" else "quit-new")
                if cmd == "Q":
                    return
                continue
            event = self.EVENTS.get(cmd, "cmd-" + cmd)
            arg = self._arg(cmd, data)
            if self.show is None or event in self.show:
                log.append(f"{event} {arg}".rstrip())
            got = self.pick(self.script, f"{event} {arg}")
            if got == "drop":
                raise Drop
            steps = got if isinstance(got, tuple) else (got,)
            final = "continue"
            for step in steps:
                if isinstance(step, tuple):
                    send(*self._edit(step))
                elif step:
                    final = step
            if final in self.PLAIN:
                send(self.PLAIN[final])
            else:
                send(b"y", final.encode() + b"\0")

    @staticmethod
    def _arg(cmd, data):
        if cmd == "C":
            host, _, rest = data.partition(b"\0")
            port = rest[1:3]
            return f"{host.decode()} {chr(rest[0])} {rest[3:].rstrip(bytes(1)).decode()}" \
                if rest[:1] in b"46" and port else f"{host.decode()} {rest[:1].decode()}"
        if cmd == "B":
            return repr(data.decode("utf-8", "backslashreplace"))
        if cmd == "E":
            return ""
        return " | ".join(p.decode("utf-8", "backslashreplace") for p in data.rstrip(b"\0").split(b"\0"))

    @staticmethod
    def _edit(step):
        kind, args = step[0], step[1:]
        z = lambda *a: b"".join(x.encode() + b"\0" for x in a)
        if kind == "addheader":
            return b"h", z(*args)
        if kind == "insheader":
            return b"i", struct.pack("!I", args[0]) + z(*args[1:])
        if kind == "chgheader":
            return b"m", struct.pack("!I", args[0]) + z(*args[1:])
        if kind == "addrcpt":
            return b"+", z(*args)
        if kind == "delrcpt":
            return b"-", z(*args)
        if kind == "chgfrom":
            return b"e", z(*args)
        if kind == "replbody":
            return b"b", args[0].encode()
        if kind == "quarantine":
            return b"q", z(*args)
        raise ValueError(kind)


class Raw(Peer):
    """A listener that does one thing per connection: fn(conn, log)."""

    def __init__(self, addr, port, fn):
        super().__init__(addr, port)
        self.serve = fn
