# SPDX-License-Identifier: Apache-2.0
"""Scripted SMTP client.

The script is plain text, one line per SMTP line (common indentation is removed):
a line is sent and its reply awaited; after a 354 reply lines are sent as message text
up to the lone dot (skipped when DATA was refused and a header line follows).  Other forms:
  { ... }           lines between braces lines go out in one write, then all replies are read
  @raw TEXT         send TEXT as is, with backslash escapes; wait for one reply
  @send TEXT        same, but wait for no reply
  @expect [N]       read N (1) replies;     @quiet SECONDS: note whether the server stays silent
  @starttls [ARGS]  STARTTLS and TLS handshake; cert=NAME presents a client certificate,
                    max=1.2 and min=1.3 limit the version, ciphers=LIST what is offered up to TLSv1.2;
                    @tls [ARGS]: handshake at once (wrapper mode)
  @bdat N [LAST] TEXT   BDAT with TEXT (escapes); N='-' computes the length,
                    a number pads TEXT with 'x'
  @auth plain|login USER PASS
  @repeat N LINE    send LINE N times, one reply each
  @fill N           (message text) N bytes of 'x' in lines of 72
  @hold             keep the connection open until the scenario ends (no close)
  @close            close without QUIT
"""
import base64
import re
import socket
import ssl
import textwrap
import time

from .instance import CERTS


class SmtpClient:
    held = []

    def __init__(self, script, src=None, addr="127.0.0.1", port=25, timeout=15):
        self.lines = textwrap.dedent(script).strip("\n").split("\n")
        self.src, self.addr, self.port, self.timeout = src, addr, port, timeout
        self.out, self.buf, self.hold = [], b"", False

    def run(self):
        try:
            if isinstance(self.addr, str) and self.addr.startswith("/"):
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.settimeout(self.timeout)
                self.sock.connect(self.addr)
            else:
                src = (self.src, 0) if self.src else None
                self.sock = socket.create_connection((self.addr, self.port), self.timeout, src)
        except OSError as e:
            return [f"[connect: {e.strerror or e}]"]
        try:
            self._dialogue()
        except EOFError:
            self.out.append("[server closed]")
        except (ConnectionResetError, BrokenPipeError):
            self.out.append("[server closed]")
        except socket.timeout:
            self.out.append("[timeout]")
        if not self.hold:
            self.sock.close()
        return self.out

    def _dialogue(self):
        data = False
        lines = self.lines
        if lines and lines[0].split()[:1] == ["@tls"]:
            self._handshake(lines[0].split()[1:])
            lines = lines[1:]
        if lines and lines[0] == "@nogreeting":
            lines = lines[1:]
        else:
            self._reply()
        group, skip = None, False
        for n, line in enumerate(lines):
            if skip:                        # the text of a message whose DATA was refused
                skip = line != "."
                continue
            if data:
                if line.startswith("@fill "):
                    n = int(line[6:])
                    self._send(b"".join(b"x" * min(72, n - i) + b"\r\n" for i in range(0, n, 72)))
                    self.out.append(f"C: [{n} bytes]")
                    continue
                if line.startswith("@esc "):
                    self._send(_unescape(line[5:]))
                    self.out.append("C: [raw] " + line[5:])
                    continue
                self._send(line.encode() + b"\r\n")
                if line == ".":
                    data = False
                    self.out.append("C: [message]")
                    self._reply()
                continue
            if line == "{":
                group = []
            elif line == "}":
                self._send(b"".join(l.encode() + b"\r\n" for l in group))
                indata = False
                for l in group:
                    if indata and l != ".":
                        continue
                    self.out.append("C: " + l)
                    indata = False
                    code = self._reply()
                    if code == "354":
                        indata = True
                data, group = indata, None
            elif group is not None:
                group.append(line)
            elif line.startswith("@"):
                self._directive(line[1:])
                if self.hold:
                    SmtpClient.held.append(self.sock)
                    return
            else:
                self.out.append("C: " + line)
                self._send(line.encode("utf-8") + b"\r\n")
                data = self._reply() == "354"
                skip = line == "DATA" and not data and bool(re.match(r"[A-Z][\w-]*: ", (lines + [""])[n + 1]))

    def _directive(self, text):
        word, _, rest = text.partition(" ")
        if word in ("raw", "send"):
            self.out.append(f"C: [{word}] {rest}")
            self._send(_unescape(rest))
            if word == "raw":
                self._reply()
        elif word == "expect":
            for _ in range(int(rest or 1)):
                self._reply()
        elif word == "sleep":
            time.sleep(float(rest))
        elif word == "quiet":
            self.sock.settimeout(float(rest))
            try:
                self._reply()
            except socket.timeout:
                self.out.append("[silence]")
            self.sock.settimeout(self.timeout)
        elif word == "starttls":
            self.out.append("C: STARTTLS")
            self._send(b"STARTTLS\r\n")
            if self._reply() == "220":
                self._handshake(rest.split())
        elif word == "bdat":
            m = re.match(r"(\S+)( LAST)? ?(.*)", rest)
            body = _unescape(m[3])
            size = len(body) if m[1] == "-" else m[1]
            if m[1].isdigit():
                body += b"x" * (int(m[1]) - len(body))
            cmd = f"BDAT {size}{m[2] or ''}"
            self.out.append(f"C: {cmd} [{m[3]}]")
            self._send(cmd.encode() + b"\r\n" + body)
            self._reply()
        elif word == "auth":
            mech, user, password = rest.split()
            if mech == "plain":
                text = "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()
                self.out.append("C: " + text)
                self._send(text.encode() + b"\r\n")
                self._reply()
            else:
                for text in ("AUTH LOGIN", user, password):
                    raw = text.encode() if " " in text else base64.b64encode(text.encode())
                    self.out.append("C: " + raw.decode())
                    self._send(raw + b"\r\n")
                    if self._reply() != "334":
                        break
        elif word == "repeat":
            n, _, line = rest.partition(" ")
            for _ in range(int(n)):
                self.out.append("C: " + line)
                self._send(line.encode() + b"\r\n")
                self._reply()
        elif word == "hold":
            self.hold = True
        elif word == "close":
            self.sock.close()
            self.out.append("[client closed]")
        else:
            raise ValueError("unknown client directive @" + word)

    def _handshake(self, args):
        opts = dict(a.partition("=")[::2] for a in args)
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        if "cert" in opts:
            ctx.load_cert_chain(f"{CERTS}/{opts['cert']}.pem", f"{CERTS}/{opts['cert']}.key")
        if "max" in opts:
            ctx.maximum_version = getattr(ssl.TLSVersion, "TLSv" + opts["max"].replace(".", "_"))
        if "min" in opts:
            ctx.minimum_version = getattr(ssl.TLSVersion, "TLSv" + opts["min"].replace(".", "_"))
        if "ciphers" in opts:
            ctx.set_ciphers(opts["ciphers"])
        try:
            self.sock = ctx.wrap_socket(self.sock, server_hostname=opts.get("sni"))
        except ssl.SSLError as e:
            self.out.append(f"[TLS failed: {e.reason}]")
            raise EOFError
        self.buf = b""
        der = self.sock.getpeercert(True)
        cipher = " " + self.sock.cipher()[0] if "ciphers" in opts else ""
        self.out.append(f"[TLS {self.sock.version()}{cipher} peer={_cn(der)}]")

    def _send(self, raw):
        self.sock.sendall(raw)

    def _line(self):
        while b"\n" not in self.buf:
            try:
                chunk = self.sock.recv(65536)
            except ssl.SSLEOFError:
                chunk = b""
            except ssl.SSLError as e:
                self.out.append(f"[TLS error: {e.reason}]")
                chunk = b""
            if not chunk:
                raise EOFError
            self.buf += chunk
        line, self.buf = self.buf.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def _reply(self):
        while True:
            line = self._line()
            self.out.append("S: " + line)
            if len(line) < 4 or line[3] != "-":
                return line[:3]


def _unescape(text):
    return text.encode("utf-8").decode("unicode_escape").encode("latin-1")


def _cn(der):
    """Common name from a certificate, without an ASN.1 library."""
    last = None
    for m in re.finditer(rb"\x06\x03\x55\x04\x03[\x0c\x13](.)", der or b"", re.S):
        last = der[m.end():m.end() + m[1][0]].decode("latin-1")
    return last or "none"
