# SPDX-License-Identifier: Apache-2.0
"""What each TLS setting leads to against each kind of peer, as one table: the keywords of PMDF and the Messaging Server,
and ARgon's opportunistic and mandatory TLS, in both directions.

Each row is tried on a running system with a real peer; doc/tls-table.md is the same table for administrators, and must be
current. `test_seeds.py --write` writes it anew from the rows below, `make check-seeds` tries them all and prints it."""
import collections
import concurrent.futures
import os
import re
import socket
import ssl
import sys
import time
import warnings

import pytest

from postern import CERTS, PACKAGE, TOP, s_client, unverified
from harness.peers import Drop, SmtpSink

pytestmark = [pytest.mark.root, pytest.mark.skipif(PACKAGE is not None, reason="Postfix has no such keywords")]

TABLE = f"{TOP}/doc/tls-table.md"
PMDF, ARGON = "PMDF, Messaging Server", "ARgon"
DELAY = 2
KEYWORDS = ("notls", "maytls", "musttls")
Row = collections.namedtuple("Row", "group system setting peer outcome")
Trial = collections.namedtuple("Trial", "row setting")       # one of those that the row names

# --- the rows: (what the peer does, what comes of it) -----------------------------------------------------------

CLEAR, OVER_TLS = "mail in the clear", "mail over TLS"
NOT_OFFERED = "no mail: 4.7.4 TLS is required, but was not offered"
REFUSED = "no mail: 4.7.0 TLS is required, but host refused to start TLS"
LOST = "no mail: 4.4.2 lost connection while receiving the STARTTLS response"
HANDSHAKE = "no mail: 4.7.5 Cannot start TLS: handshake failure"
UNVERIFIED = "no mail: 4.7.5 Server certificate not verified"
SECOND = "deferred for smtp_tls_fallback_delay: 4.7.5 Cannot start TLS: handshake failure; second attempt: " + CLEAR

SERVERS = {
    "none": "does not offer STARTTLS", "454": "offers STARTTLS and answers it with 454",
    "gone": "closes the connection at STARTTLS", "garbage": "breaks the handshake",
    "middle": "drops the connection in mid-handshake", "old": "knows old protocols only (TLSv1.1)",
    "name": "has a certificate with a wrong name", "issuer": "has a certificate of an unknown issuer",
    "expired": "has an expired certificate", "good": "has the right certificate",
}
NEVER = dict.fromkeys(SERVERS, CLEAR)
MAY = {"none": CLEAR, "454": CLEAR, "gone": LOST, "garbage": SECOND, "middle": SECOND, "old": SECOND,
       "name": OVER_TLS, "issuer": OVER_TLS, "expired": OVER_TLS, "good": OVER_TLS}
MUST = {"none": NOT_OFFERED, "454": REFUSED, "gone": LOST, "garbage": HANDSHAKE, "middle": HANDSHAKE, "old": HANDSHAKE,
        "name": OVER_TLS, "issuer": OVER_TLS, "expired": OVER_TLS, "good": OVER_TLS}
CERTIFIED = dict(MUST, name=UNVERIFIED, issuer=UNVERIFIED, expired=UNVERIFIED)

# A transport with a keyword, and a policy for the destination.
MIXED = {
    "notlsclient with policy may": {"good": CLEAR},
    "notlsclient with policy encrypt": {"good": "no mail: 4.7.5 client TLS configuration problem"},
    "maytlsclient with policy none": {"good": CLEAR},
    "maytlsclient with policy encrypt": {"none": NOT_OFFERED, "good": OVER_TLS},
    "musttlsclient with policy none": {"none": NOT_OFFERED, "good": OVER_TLS},
    "musttlsclient with policy dane": {"none": NOT_OFFERED, "good": OVER_TLS},
    "musttlsclient with policy verify": {"issuer": UNVERIFIED, "good": OVER_TLS},
    "musttlsclient in LMTP": {"none": NOT_OFFERED, "garbage": HANDSHAKE, "good": OVER_TLS},
}

CLIENTS = {
    "ehlo": "says EHLO", "plain": "sends MAIL FROM without TLS", "good": "does STARTTLS and sends mail",
    "454": "does STARTTLS while the key cannot be read, then sends MAIL FROM", "garbage": "breaks the handshake",
    "middle": "drops the connection in mid-handshake", "old": "knows old protocols only (TLSv1.1)",
}
OFFERED, NOT_SHOWN, TAKEN = "STARTTLS offered", "STARTTLS not offered", "accepted in the clear"
ENDED = "the session ends, nothing is accepted"
NO_COMMAND = "530 5.7.0 No STARTTLS command has been given."
MUST_ISSUE = "530 5.7.0 Must issue a STARTTLS command first"
LOCAL = "454 4.7.0 TLS not available due to local problem, then "
UNKNOWN = "502 5.5.1 Error: command not implemented"
CERTIFICATES = {"no-cert": "has no certificate", "name": "has a certificate with another name",
                "issuer": "has a certificate of an unknown issuer", "expired": "has an expired certificate",
                "good": "has a certificate of a trusted issuer"}
NO_CERTIFICATE = "421 4.7.1 Error: No client certificate presented"
NOT_TRUSTED = "421 4.7.1 Error: Client certificate not trusted"


def server_half(plain):
    """Outcomes of a server that has TLS; PLAIN: of MAIL FROM without it."""
    return {"ehlo": OFFERED, "plain": plain, "good": OVER_TLS, "454": LOCAL + plain, "garbage": ENDED, "middle": ENDED,
            "old": ENDED}


def rows(group, system, setting, peers, outcomes):
    return [Row(group, system, setting, peer, outcomes[peer]) for peer in peers if peer in outcomes]


CLIENT_ROWS = [
    *rows("client", PMDF, "notls, notlsclient", SERVERS, NEVER),
    *rows("client", PMDF, "maytls, maytlsclient", SERVERS, MAY),
    *rows("client", PMDF, "musttls, musttlsclient", SERVERS, MUST),
    *[row for setting, outcomes in MIXED.items() for row in rows("client", PMDF, setting, SERVERS, outcomes)],
    *rows("client", ARGON, "opportunistic: smtp_tls_security_level = may", SERVERS, MAY),
    *rows("client", ARGON, "mandatory: policy encrypt", SERVERS, MUST),
    *rows("client", ARGON, "mandatory: policy verify", SERVERS, CERTIFIED),
    *rows("client", ARGON, "mandatory: policy secure", SERVERS, CERTIFIED),
    *rows("client", ARGON, "mandatory: policy fingerprint", ("none", "issuer", "good"),
          {"none": NOT_OFFERED, "issuer": UNVERIFIED, "good": OVER_TLS}),
    *rows("client", ARGON, "mandatory: policy dane-only", ("none", "issuer", "good"),
          {"none": NOT_OFFERED, "issuer": UNVERIFIED, "good": OVER_TLS}),
]
SERVER_ROWS = [
    *rows("server", PMDF, "notls, notlsserver", CLIENTS, {"ehlo": NOT_SHOWN, "plain": TAKEN, "good": UNKNOWN}),
    *rows("server", PMDF, "maytls, maytlsserver", CLIENTS, server_half(TAKEN)),
    *rows("server", PMDF, "musttls, musttlsserver", CLIENTS, server_half(NO_COMMAND)),
    *rows("server", ARGON, "opportunistic: smtpd_tls_security_level = may", CLIENTS, server_half(TAKEN)),
    *rows("server", ARGON, "mandatory: smtpd_tls_security_level = encrypt", CLIENTS, server_half(MUST_ISSUE)),
    *rows("server", ARGON, "mandatory, with smtpd_tls_req_ccert = yes", CERTIFICATES,
          {"no-cert": NO_CERTIFICATE, "name": OVER_TLS, "issuer": NOT_TRUSTED, "expired": NOT_TRUSTED,
           "good": OVER_TLS}),
]
SWITCHES = {
    "plain": "sends MAIL FROM without TLS", "good": "does STARTTLS",
    "wrapped": "connects to a port with smtpd_tls_wrappermode", "garbage": "breaks the handshake",
    "full": "does STARTTLS while NAME has no place", "refused": "does STARTTLS while NAME refuses the client",
}
SWITCH_ROWS = rows("server", PMDF, "maytlsserver tlsswitchchannel NAME", SWITCHES, {
    "plain": TAKEN + " by the first service", "good": "mail over TLS under NAME",
    "wrapped": "greeting of NAME, mail over TLS under NAME", "garbage": ENDED,
    "full": "421 4.3.2 Error: service not available, try again later",
    "refused": "421 4.3.2 Error: service not available, try again later"})
ROWS = CLIENT_ROWS + SERVER_ROWS + SWITCH_ROWS
PEERS = {"client": SERVERS, "server": {**CLIENTS, **CERTIFICATES}}


def peer_text(row):
    if "tlsswitchchannel" in row.setting:
        return SWITCHES[row.peer]
    return CERTIFICATES[row.peer] if "req_ccert" in row.setting else PEERS[row.group][row.peer]


def render():
    """The text of doc/tls-table.md."""
    lines = ["# What TLS settings lead to", "",
             "Each row has been tried on a running system (`make check-seeds`, which also finds out whether this file is",
             "current). Keywords are words of `channel_keywords`; the client half is a transport (smtp, lmtp), the server half",
             "a listener (smtpd). \"No mail\" means that the message waits and is tried again as after any other trouble,",
             "never in the clear. A policy is a row of `smtp_tls_policy_maps`."]
    for group, title, head in (("client", "Sending", "the server"), ("server", "Receiving", "the client")):
        lines += ["", f"## {title}", "", f"| system | setting | {head} | outcome |", "|---|---|---|---|"]
        lines += [f"| {r.system} | {r.setting} | {peer_text(r)} | {r.outcome} |" for r in ROWS if r.group == group]
    return "\n".join(lines) + "\n"


def trials(some_rows):
    return [Trial(row, setting) for row in some_rows
            for setting in (row.setting.split(", ") if row.system == PMDF else [row.setting])]


def mismatches(observed):
    return [f"{t.row.system}: {t.setting}: {peer_text(t.row)}:\n  expected {t.row.outcome}\n  found    {found}"
            for t, found in observed.items() if found != t.row.outcome]


# --- sending ----------------------------------------------------------------------------------------------------

class Server(SmtpSink):
    """An SMTP server with one of the flaws of SERVERS."""
    CERTIFICATE = {"none": None, "name": "wrong", "issuer": "other", "expired": "expired"}
    SCRIPT = {"454": {"^STARTTLS": "454 4.7.0 TLS not available"}, "gone": {"^STARTTLS": "DROP"},
              "garbage": {"^TLS": "FAIL"}}

    def __init__(self, kind, addr, lmtp=False):
        super().__init__(addr, 25, None, self.SCRIPT.get(kind), name="mx1.dest.test", show_message=False,
                         cert=self.CERTIFICATE.get(kind, "mx1"), lmtp=lmtp)
        self.kind = kind

    def _handshake(self, conn, log):
        if self.kind == "middle":
            conn.recv(1)
            raise Drop
        if self.kind != "old":
            return super()._handshake(conn, log)
        try:
            return old_context(ssl.PROTOCOL_TLS_SERVER, "mx1").wrap_socket(conn, server_side=True)
        except (ssl.SSLError, OSError) as e:
            raise EOFError from e

    def way(self):
        """How mail came: CLEAR, OVER_TLS or None."""
        ways = set()
        for session in self.sessions:
            tls = [n for n, line in enumerate(session) if line.startswith("[TLS TLS")]
            mail = [n for n, line in enumerate(session) if line.startswith("C: MAIL")]
            ways |= {OVER_TLS if tls and tls[0] < n else CLEAR for n in mail}
        assert len(ways) < 2, self.sessions
        return ways.pop() if ways else None


def old_context(protocol, cert=None):
    context = ssl.SSLContext(protocol)
    if cert:
        context.load_cert_chain(f"{CERTS}/{cert}.pem", f"{CERTS}/{cert}.key")
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return context


def fingerprint(name, kind):
    with open(f"{CERTS}/fingerprints.txt") as f:
        return next(line.split()[2] for line in f if line.startswith(f"{name} {kind}-sha256"))


POLICIES = {**{level: level for level in ("none", "may", "encrypt", "dane", "dane-only")},
            **{level: f"{level} match=mx1.dest.test" for level in ("verify", "secure")},
            "fingerprint": f"fingerprint match={fingerprint('mx1', 'cert')}"}


def sending_config(zone, domains):
    """Destinations of the rows; the settings that send each row's mail its way."""
    transports, policies = [], []
    for number, (trial, domain) in enumerate(domains.items()):
        zone[domain] = {"A": f"192.0.2.{100 + number}"}
        if "LMTP" in trial.setting:
            transports.append(f"{{ {domain} = to-lmtp:{domain}:25 }}")
        elif trial.row.system == PMDF:
            transports.append(f"{{ {domain} = {trial.setting.split()[0]}: }}")
        if "policy" in trial.setting:
            policy = trial.setting.split()[-1]
            policies.append(f"{{ {domain} = {POLICIES[policy]} }}")
            if policy.startswith("dane"):
                zone[domain]["secure"] = True
            if policy == "dane-only":
                digest = fingerprint("mx1", "pkey").replace(":", "").lower()
                zone[f"_25._tcp.{domain}"] = {"TLSA": [(3, 1, 1, digest)], "secure": True}
    return {"smtp_tls_security_level": "may", "smtp_tls_CAfile": f"{CERTS}/ca.pem", "smtp_dns_support_level": "dnssec",
            "smtp_tls_protocols": ">=TLSv1.2", "smtp_tls_mandatory_protocols": ">=TLSv1.2",
            "smtp_tls_fingerprint_digest": "sha256", "smtp_tls_fallback_delay": f"{DELAY}s", "dns_trust": "ad",
            "transport_maps": f"inline:{{ {' '.join(transports)} }}",
            "smtp_tls_policy_maps": f"inline:{{ {' '.join(policies)} }}"}


STATUS = r"to=<u@%s>,.* dsn=([\d.]+), status=(\w+) \((.*)\)$"


def reason(text):
    """A reason without names of hosts and what the server said."""
    text = re.sub(r" (by )?(host|with) \S+\[[\d.]+\](:\d+)?", lambda m: "" if m[1] or m[2] == "with" else " host", text)
    # What is asked for too often waits for its destination.
    return text.split(": 454")[0].removeprefix("delivery temporarily suspended: ")


def outcome_of(found, server):
    """From the status lines of one recipient and what its server saw."""
    tries = [(dsn, status, reason(text)) for dsn, status, text in found]
    failures = list(dict.fromkeys(f"{dsn} {text}" for dsn, status, text in tries if status == "deferred"))
    if tries[-1][1] == "sent":
        if not failures:
            return server.way()
        return f"deferred for smtp_tls_fallback_delay: {', '.join(failures)}; second attempt: {server.way()}"
    assert server.way() is None, server.sessions
    return f"no mail: {', '.join(failures)}"


def observe_sending(make, zone):
    domains = {trial: f"c{n}.test" for n, trial in enumerate(trials(CLIENT_ROWS))}
    config = sending_config(zone, domains)
    servers = {trial: Server(trial.row.peer, zone[domain]["A"], "LMTP" in trial.setting)
               for trial, domain in domains.items()}
    for server in servers.values():
        server.start()
    # Keywords for one half on the line, those for both in main.cf.
    lines = "".join(f"{k}client unix - - n - - smtp -o channel_keywords={k}client -o smtp_tls_security_level=\n"
                    f"{k} unix - - n - - smtp -o smtp_tls_security_level=\n" for k in KEYWORDS)
    lines += "to-lmtp unix - - n - - lmtp -o channel_keywords=musttlsclient\n"
    config.update({f"{k}_channel_keywords": k for k in KEYWORDS})
    inst = make(config, lines + "tlsproxy unix - - n - 0 tlsproxy\n")
    with inst.smtp() as client:
        for domain in domains.values():
            inst.send_on(client, f"u@{domain}")

    def found(trial):
        return re.findall(STATUS % re.escape(domains[trial]), inst.log_text(), re.M)

    def tried(trial):
        tries = found(trial)
        return tries and (tries[-1][1] == "sent" or trial.row.outcome != SECOND)
    inst.wait(lambda: all(tried(trial) for trial in domains), 60, "every message to be tried")
    # Another time for what waits: nothing at a mandatory level is forgotten by then.
    waiting = {trial: len(found(trial)) for trial in domains if found(trial)[-1][1] != "sent"}
    time.sleep(DELAY)

    def tried_again():
        assert inst.run([inst.command("postqueue"), "-f"])[0] == 0
        return all(len(found(trial)) > n for trial, n in waiting.items())
    inst.wait(tried_again, 60, "what waits to be tried again")
    outcomes = {trial: outcome_of(found(trial), servers[trial]) for trial in domains}
    for server in servers.values():
        server.stop()
    return outcomes


# --- receiving --------------------------------------------------------------------------------------------------

TLS = f"-o smtpd_tls_cert_file={CERTS}/mx.pem -o smtpd_tls_key_file={CERTS}/mx.key -o smtpd_tls_CAfile={CERTS}/ca.pem"
ASK = "-o smtpd_tls_req_ccert=yes"
LISTENERS = {setting: (2511 + n, more) for n, (setting, more) in enumerate({
    # Keywords for one half on the line, those for both in main.cf.
    **{f"{k}server": f"-o channel_keywords={k}server" for k in KEYWORDS}, **dict.fromkeys(KEYWORDS, ""),
    "opportunistic: smtpd_tls_security_level = may": "-o smtpd_tls_security_level=may",
    "mandatory: smtpd_tls_security_level = encrypt": "-o smtpd_tls_security_level=encrypt",
    "mandatory, with smtpd_tls_req_ccert = yes": f"-o smtpd_tls_security_level=encrypt {ASK}",
}.items())}
NO_KEY = 20                 # added to the port: the same with a key file that is not there
SWITCHING = {"plain": 2551, "good": 2551, "garbage": 2551, "wrapped": 2552, "full": 2553, "refused": 2554}
PATIENT = 2555              # as "full", but waits for a place


def receiving_master():
    lines = ["tlsproxy unix - - n - 0 tlsproxy"]
    for port, settings in LISTENERS.values():
        lines.append(f"{port} inet n - n - - smtpd {TLS} {settings} -o smtpd_tls_protocols=>=TLSv1.2"
                     " -o smtpd_tls_mandatory_protocols=>=TLSv1.2")
        lines.append(f"{port + NO_KEY} inet n - n - - smtpd {TLS} {settings} -o smtpd_tls_key_file=/absent.key")
    for port, more, name in ((2551, "maytlsserver ", "inside"), (2552, "", "inside"), (2553, "maytlsserver ", "small"),
                             (2554, "maytlsserver ", "shy"), (PATIENT, "maytlsserver ", "small")):
        wrapper = "-o smtpd_tls_wrappermode=yes" if port == 2552 else ""
        patience = 2 if port == SWITCHING["full"] else 60
        lines.append(f"{port} inet n - n - - smtpd {TLS} {wrapper} -o smtpd_tls_switch_timeout={patience}s"
                     f" -o {{ channel_keywords = {more}tlsswitchchannel {name} }}")
    for name, maxproc, more in (("inside", "-", ""), ("small", "1", ""),
                                ("shy", "-", "-o smtpd_delay_reject=no -o smtpd_client_restrictions=reject")):
        lines.append(f"{name} pass - - n - {maxproc} smtpd -o myhostname={name}.example.test {more}")
    return "\n".join(lines) + "\n"


class Client:
    """An SMTP client that can go wrong in every way of CLIENTS."""

    def __init__(self, port, context=None):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.buffer = b""
        if context:
            self.s = context.wrap_socket(self.s)
        self.greeting = self.reply()

    def reply(self):
        """The last line of one reply, all lines of EHLO's; "" at the end of the session."""
        while not (whole := re.match(rb"(?:\d\d\d-.*\r\n)*\d\d\d(?: .*)?\r\n", self.buffer)):
            try:
                more = self.s.recv(4096)
            except OSError:
                more = b""
            if not more:
                return ""
            self.buffer += more
        self.buffer = self.buffer[whole.end():]
        return whole[0].decode().strip()

    def say(self, line):
        self.s.sendall(line.encode() + b"\r\n")
        return self.reply()

    def ehlo(self):
        return self.say("EHLO client.example.net")

    def invite(self):
        self.ehlo()
        return self.say("STARTTLS")

    def starttls(self, context=None):
        answer = self.invite()
        if answer.startswith("220"):
            self.s = (context or unverified()).wrap_socket(self.s)
        return answer

    def mail(self):
        """What becomes of a message."""
        answer = self.say("MAIL FROM:<sender@example.net>")
        if not answer.startswith("250"):
            return answer.replace("mx.example.test ", "")
        assert self.say("RCPT TO:<u1@virt.test>").startswith("250")
        assert self.say("DATA").startswith("354")
        assert self.say("Subject: x\r\n\r\nx\r\n.").startswith("250")
        return OVER_TLS if isinstance(self.s, ssl.SSLSocket) else TAKEN

    def ended(self):
        """After what nobody can go on from."""
        self.s.settimeout(20)
        try:
            while self.s.recv(4096):
                pass
        except ConnectionError:
            pass
        return ENDED


def with_certificate(name):
    context = unverified()
    # The server judges the certificate behind the handshake, which TLSv1.3 ends before the client hears of it.
    if name:
        context.load_cert_chain(f"{CERTS}/{name}.pem", f"{CERTS}/{name}.key")
    return context


CLIENT_CERTIFICATES = {"no-cert": None, "name": "wrong", "issuer": "stranger", "expired": "expired", "good": "client"}


def behave(port, kind):
    """What a client of this kind sees."""
    client = Client(port + NO_KEY if kind == "454" else port)
    if kind == "ehlo":
        return OFFERED if "STARTTLS" in client.ehlo() else NOT_SHOWN
    if kind == "plain":
        client.ehlo()
        return client.mail()
    if kind == "454":
        return f"{client.starttls()}, then {client.mail()}"
    if kind == "good":
        answer = client.starttls()
        if not answer.startswith("220"):
            return answer
        client.ehlo()
        return client.mail()
    assert client.invite().startswith("220")
    if kind == "garbage":
        client.s.sendall(b"this is not TLS\r\nMAIL FROM:<sender@example.net>\r\n")
        return client.ended()
    if kind == "middle":
        # The first bytes of a ClientHello, and the end.
        client.s.sendall(bytes.fromhex("16030100c8010000c40303"))
        client.s.shutdown(socket.SHUT_WR)
        return client.ended()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        old_context(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(client.s)
    return ENDED


def show_certificate(port, kind):
    client = Client(port)
    assert client.starttls(with_certificate(CLIENT_CERTIFICATES[kind])).startswith("220")
    answer = client.ehlo()
    return client.mail() if answer.startswith("250") else answer.replace("mx.example.test ", "")


def switch(kind):
    """A client of a service with tlsswitchchannel."""
    if kind in ("plain", "garbage"):
        found = behave(SWITCHING[kind], kind)
        return found + " by the first service" if kind == "plain" else found
    if kind == "wrapped":
        client = Client(SWITCHING[kind], unverified())
        assert "inside.example.test" in client.greeting and "inside.example.test" in client.ehlo()
        return f"greeting of NAME, {client.mail()} under NAME"
    held = None
    if kind == "full":
        held = Client(PATIENT)
        held.starttls()
        assert "small.example.test" in held.ehlo()
    client = Client(SWITCHING[kind])
    assert client.starttls().startswith("220")
    if kind == "good":
        assert "inside.example.test" in client.ehlo()
        return client.mail() + " under NAME"
    answer = client.reply()
    assert client.reply() == ""
    return answer.replace("mx.example.test ", "")


def observe(trial):
    if trial.row in SWITCH_ROWS:
        return switch(trial.row.peer)
    port = LISTENERS[trial.setting][0]
    return (show_certificate if "req_ccert" in trial.setting else behave)(port, trial.row.peer)


def observe_receiving(make, _zone):
    config = {"smtpd_client_connection_count_limit": "0"}
    for keyword in KEYWORDS:
        port = LISTENERS[keyword][0]
        config.update({f"{port}_channel_keywords": keyword, f"{port + NO_KEY}_channel_keywords": keyword})
    inst = make(config, receiving_master())
    tried = trials(SERVER_ROWS + SWITCH_ROWS)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = dict(zip(tried, pool.map(observe, tried)))
    # A client that nobody here wrote; the system has survived all of the above.
    status, text = s_client("127.0.0.1", LISTENERS["musttls"][0], stdin="MAIL FROM:<sender@example.net>\r\nQUIT\r\n")
    assert status == 0 and "250 2.1.0 Ok" in text, text
    accepted = sum(OVER_TLS in outcome or outcome.startswith(TAKEN) or outcome.endswith(TAKEN)
                   for outcome in found.values())
    assert len(inst.wait_mail("vmail/u1", accepted)) == accepted
    return found


# --- the test ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("direction,observe_all", [("sending", observe_sending), ("receiving", observe_receiving)])
def test_every_row(make, zone, direction, observe_all):
    observed = observe_all(make, zone)
    wrong = mismatches(observed)
    assert not wrong, f"{direction}: {len(wrong)} of {len(observed)} rows\n" + "\n".join(wrong)


REQUIREMENTS = {"old": "level verify: .*protocol", "name": "level verify: .*mismatch", "issuer": "level verify: .*issuer",
                "expired": "level verify: certificate has expired"}


def test_report_says_which_requirement_failed(make, zone):
    """In the notice that the sender gets in the end; the log line stays what other programs know."""
    servers = {kind: Server(kind, f"192.0.2.{90 + n}") for n, kind in enumerate(REQUIREMENTS)}
    for kind, server in servers.items():
        zone[f"{kind}.test"] = {"A": server.addr}
        server.start()
    inst = make({"smtp_tls_policy_maps": "static:{verify match=mx1.dest.test}", "smtp_tls_CAfile": f"{CERTS}/ca.pem",
                 "smtp_tls_mandatory_protocols": ">=TLSv1.2", "maximal_queue_lifetime": "0", "bounce_queue_lifetime": "0"},
                "tlsproxy unix - - n - 0 tlsproxy\n")
    for kind in REQUIREMENTS:
        inst.send(f"u@{kind}.test", sender="u1@virt.test")
    notices = [part for message in inst.wait_mail("vmail/u1", len(REQUIREMENTS)) for part in message.walk()
               if part.get_content_type() == "message/delivery-status"]
    found = {str(block["Final-Recipient"]): block for notice in notices for block in notice.get_payload()}
    for kind, wanted in REQUIREMENTS.items():
        block = found[f"rfc822; u@{kind}.test"]
        assert re.search(f"x-tls; {wanted}", " ".join(block["Diagnostic-Code"].split())), (kind, block.as_string())
        assert block["Remote-MTA"] == f"dns; {kind}.test" and block["Status"] == "4.7.5"
    for server in servers.values():
        server.stop()


def test_table_is_current():
    with open(TABLE) as f:
        assert f.read() == render(), "run `tests/system/test_seeds.py --write`"


def test_each_row_stands_once():
    assert len({(r.group, r.system, r.setting, r.peer) for r in ROWS}) == len(ROWS)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        with open(TABLE, "w") as out:
            out.write(render())
    else:
        os.write(1, render().encode())
