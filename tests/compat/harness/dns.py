# SPDX-License-Identifier: Apache-2.0
"""Tiny authoritative DNS server (UDP and TCP) for the scenario's zone.

Zone: {"name": {"A": [...], "MX": [(10, "mx1.dest.test")], "TXT": [...], "CNAME": "x",
"TLSA": [(3, 1, 1, "hex"), "hex of all"], "AAAA": [...], "PTR": "name"}}.  A key that is an IPv4
address gives its PTR ("198.51.100.7": "client.example.net", None: no PTR).  Every A
record gets a PTR unless the address has its own key.  A value "SERVFAIL" or "TIMEOUT"
instead of the dict (or of one type) does that.  "secure": True sets the AD bit; behind a CNAME every name of the
chain must have it.
"""
import ipaddress
import socket
import struct
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28,
         "SRV": 33, "TLSA": 52}
NAMES = {v: k for k, v in TYPES.items()}


def _name(n):
    out = b""
    for label in n.rstrip(".").split("."):
        if label:
            raw = label.encode()
            out += bytes([len(raw)]) + raw
    return out + b"\0"


def _rdata(rtype, v):
    if rtype == "A":
        return socket.inet_aton(v)
    if rtype == "AAAA":
        return socket.inet_pton(socket.AF_INET6, v)
    if rtype in ("PTR", "CNAME", "NS"):
        return _name(v)
    if rtype == "MX":
        return struct.pack("!H", v[0]) + _name(v[1])
    if rtype == "SRV":
        return struct.pack("!HHH", *v[:3]) + _name(v[3])
    if rtype == "TXT":
        raw = v.encode()
        return b"".join(bytes([len(raw[i:i + 255])]) + raw[i:i + 255]
                        for i in range(0, max(len(raw), 1), 255))
    if rtype == "TLSA":
        return bytes.fromhex(v) if isinstance(v, str) else bytes(v[:3]) + bytes.fromhex(v[3])
    raise ValueError(rtype)


class Dns:
    def __init__(self, zone, addr="127.0.0.1", port=53):
        self.zone, self.queries = {}, []
        ptr = {}
        for name, data in zone.items():
            try:
                ptr[ipaddress.ip_address(name)] = data
            except ValueError:
                self.zone[name.lower().rstrip(".")] = data
        for name, data in zone.items():
            if isinstance(data, dict):
                for rtype in ("A", "AAAA"):
                    for ip in _as_list(data.get(rtype, [])):
                        if ip not in ("SERVFAIL", "TIMEOUT"):
                            ptr.setdefault(ipaddress.ip_address(ip), name)
        for ip, target in ptr.items():
            if target in ("SERVFAIL", "TIMEOUT"):
                self.zone[ip.reverse_pointer] = target
            elif target:
                self.zone[ip.reverse_pointer] = {"PTR": target}
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((addr, port))
        self.tcp = socket.create_server((addr, port))
        for target in (self._udp, self._tcp):
            threading.Thread(target=target, daemon=True).start()

    def _udp(self):
        while True:
            data, peer = self.udp.recvfrom(4096)
            try:
                reply = self.answer(data, False)
            except Exception:
                continue
            if reply:
                self.udp.sendto(reply, peer)

    def _tcp(self):
        while True:
            conn, _ = self.tcp.accept()
            threading.Thread(target=self._tcp_one, args=(conn,), daemon=True).start()

    def _tcp_one(self, conn):
        with conn:
            f = conn.makefile("rb")
            while True:
                head = f.read(2)
                if len(head) < 2:
                    return
                reply = self.answer(f.read(struct.unpack("!H", head)[0]), True)
                if reply:
                    conn.sendall(struct.pack("!H", len(reply)) + reply)

    def answer(self, q, tcp):
        qid, flags, nq, _, _, nadd = struct.unpack("!6H", q[:12])
        pos, labels = 12, []
        while q[pos]:
            labels.append(q[pos + 1:pos + 1 + q[pos]].decode("latin-1"))
            pos += q[pos] + 1
        qtype = struct.unpack("!H", q[pos + 1:pos + 3])[0]
        question = q[12:pos + 5]
        name, rtype = ".".join(labels).lower(), NAMES.get(qtype, str(qtype))
        self.queries.append((name, rtype))
        rcode, answers, secure = 0, [], True
        for _ in range(8):
            data = self.zone.get(name)
            if data is None:
                wild = self.zone.get("*." + name.split(".", 1)[-1])
                exists = any(k.endswith("." + name) for k in self.zone)
                if wild is None:
                    rcode, secure = 0 if exists or answers and exists else 3, False
                    break
                data = wild
            if data == "TIMEOUT" or isinstance(data, dict) and data.get(rtype) == "TIMEOUT":
                return None
            if data == "SERVFAIL" or isinstance(data, dict) and data.get(rtype) == "SERVFAIL":
                rcode = 2
                break
            secure = secure and bool(data.get("secure"))
            if "CNAME" in data and rtype != "CNAME":
                answers.append((name, "CNAME", data["CNAME"]))
                name = data["CNAME"].lower().rstrip(".")
                continue
            answers += [(name, rtype, v) for v in _as_list(data.get(rtype, []))]
            break
        body = b""
        for n, t, v in answers:
            rd = _rdata(t, v)
            body += _name(n) + struct.pack("!HHIH", TYPES[t], 1, 300, len(rd)) + rd
        auth = b""
        if not answers or rcode == 3:
            soa = _name("ns.test") + _name("root.test") + struct.pack("!5I", 1, 60, 60, 60, 60)
            zone = name.split(".")[-1]
            auth = _name(zone) + struct.pack("!HHIH", 6, 1, 60, len(soa)) + soa
        head = 0x8400 | (flags & 0x0110) | rcode | 0x80
        if secure and not rcode:
            head |= 0x20
        limit = 65535 if tcp else 4096 if nadd else 512
        reply = question + body + auth
        if len(reply) + 12 > limit:
            return struct.pack("!6H", qid, head | 0x200, 1, 0, 0, 0) + question
        return struct.pack("!6H", qid, head, 1, len(answers), 1 if auth else 0, 0) + reply


def _as_list(v):
    return list(v) if isinstance(v, list) else [v]
