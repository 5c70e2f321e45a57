# SPDX-License-Identifier: Apache-2.0
"""Normalisation: everything that may differ between two correct runs becomes a name.

Order matters: paths first (they contain the product name), then queue ids that were
really seen in this run, then dates, message-ids and numbers that depend on time.
"""
import re

DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [ \d]\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
                  r"\d{4} \d\d:\d\d:\d\d [+-]\d{4}( \([A-Z]+\))?")
CTIME = re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
                   r"[ \d]\d \d\d:\d\d:\d\d( [A-Z]{3})?( \d{4})?")
LOGLINE = re.compile(r"^\S+ +\d+ \d\d:\d\d:\d\d \S+ ([^\[\s]+)\[(\d+)\]: (.*)$")
# Programs whose log lines say nothing about the scenario.
LOG_SKIP = {"anvil", "master", "postfix-script", "postlog", "postlogd", "tlsmgr", "scache"}
LOG_SKIP_TEXT = re.compile(r"^statistics: |^daemon started|^refreshing the |^starting the |"
                           r"^terminating on signal|^stopping the |^warning: TLS library problem: |"
                           r"^warning: (file system clock is|resetting file time stamps)")
ORDERED = {"smtpd", "submission/smtpd", "postscreen"}       # one client at a time: order is meaningful


NOTICE_TEXT = re.compile(r"(Content-Description: Notification(?:(?!\\r\\n\\r\\n).)*\\r\\n\\r\\n)"
                         r"(?:(?!\\r\\n<|\\r\\n--).)*\\r\\n(?=<|--)")


def hide_notice_text(lines):
    """The wording of a delivery notice is the product's own: only that there is some is compared.

    Works on lines of a message (also with the "M: " of a transcript) and on a body quoted as one line."""
    out, state = [], None
    for line in lines:
        bare = line[3:] if line.startswith("M: ") else line
        if state == "text":
            if not bare.startswith(("<", "--")):
                continue
            state = None
        elif state == "head" and not bare.strip():
            out += [line, line[:len(line) - len(bare)] + "NOTICE TEXT", line]
            state = "text"
            continue
        elif bare == "Content-Description: Notification":
            state = "head"
        out.append(NOTICE_TEXT.sub(r"\1NOTICE TEXT\\r\\n", line))
    return out


class Normaliser:
    def __init__(self, inst, version):
        self.inst, self.version = inst, version
        self.qids = set()

    def learn(self, *texts):
        self.qids.update(self.inst.scan_qids())
        for text in texts:
            self.qids.update(re.findall(r"queued as ([0-9A-Za-z]{6,})", text))
        pats = sorted(self.qids, key=len, reverse=True)
        self.qid_re = re.compile(r"(?<![0-9A-Za-z])(" + "|".join(map(re.escape, pats)) + r")(?![0-9A-Za-z])") \
            if pats else None

    def text(self, s):
        i = self.inst
        for path, name in ((i.daemons, "@DAEMONS@"), (i.commands, "@COMMANDS@")):
            s = re.sub(r"(?<![\w/])" + re.escape(path.rstrip("/")) + r"(?=[/\s:;,)\"']|$)", name, s)
        s = re.sub(r"/tmp/mta\b", "@TMP@", s)
        s = s.replace(i.certs, "@CERTS@")
        for name in ("mailq", "newaliases", "sendmail"):        # may live outside COMMANDS
            s = re.sub(re.escape(i.command(name)) + r"\b", f"@COMMANDS@/{name}", s)
        if self.qid_re:
            s = self.qid_re.sub("QID", s)
        s = DATE.sub("DATE", s)
        s = CTIME.sub("CTIME", s)
        s = re.sub(r"\bQID\.\d+/", "QID.TIME/", s)
        s = re.sub(r"<\d{14}\.QID@", "<MSGID@", s)
        s = re.sub(r"\b(Postfix|Postern)\b", "MAILNAME", s)
        s = re.sub(r"\b(POSTFIX|POSTERN)\b", "MAILNAME", s)
        s = re.sub(r"(?<![@.])\b(postfix|postern)\b(?![.]\w)", "mailname", s)
        s = re.sub(r"MAILNAME(-\d{8})? " + re.escape(self.version) + r"\b", "MAILNAME VERSION", s)
        s = re.sub(r"\bversion " + re.escape(self.version) + r"\b", "version VERSION", s)
        s = re.sub(r"\bdelay=[\d.]+, delays=[\d./]+", "delay=N, delays=N", s)
        s = re.sub(r"(\bmessage_)?\bsize=\d+", r"\1size=N", s)
        s = re.sub(r"(TLSv1(?:\.\d)?) with cipher .*", r"\1 with cipher CIPHER", s)
        s = re.sub(r"\(using (TLSv1(?:\.\d)?) with cipher [^)]*\)+(?: *\([^)]*bits\)+)?", r"(using \1 with cipher CIPHER)", s)
        s = re.sub(r"\bprocess id \d+|\bpid \d+|\bPID[: ]+\d+", "pid N", s)
        s = re.sub(r"^(QID[*!#]?) +\d+ +CTIME", r"\1 SIZE CTIME", s)            # queue listing
        s = re.sub(r"^-- \d+ Kbytes", "-- N Kbytes", s)
        s = re.sub(r'"(arrival_time|message_size)": \d+', r'"\1": N', s)
        s = re.sub(r"\b(deferred|defer|flush|active|incoming|hold)/[0-9A-F]/(?=QID)", r"\1/H/", s)
        s = re.sub(rf"\b(uid=|userid ){i.owner_uid}\b", r"\1MAILOWNER", s)
        s = re.sub(r"SSL_accept error from (\S+): .*", r"SSL_accept error from \1: REASON", s)
        s = re.sub(r"SSL_connect error to (\S+): .*", r"SSL_connect error to \1: REASON", s)
        s = re.sub(r"(YP_LAST_MODIFIED:?\s+)\d+", r"\1N", s)
        return s

    def lines(self, seq):
        out = []
        skip = False
        for line in seq:
            line = self.text(line)
            # Details of the TLS session in a Received: header, over two or three lines.
            if re.match(r"^(M: )?\s+\(using TLSv1", line):
                out.append(re.sub(r"\(using (TLSv1(?:\.\d)?).*", r"(using \1 with cipher CIPHER", line))
                skip = True
                continue
            if skip and re.match(r"^(M: )?\s+(key-exchange|\(\d+/\d+ bits\)|server-|client-sig)", line):
                continue
            skip = False
            out.append(line)
        return out

    def log(self, text, only=None, drop=None):
        """Log lines grouped by program; within a group sorted unless ORDERED."""
        groups = {}
        for raw in text.splitlines():
            m = LOGLINE.match(raw)
            if not m:
                groups.setdefault("(unparsed)", []).append(self.text(raw))
                continue
            prog = re.sub(r"^[^/]+/", "", m[1])
            msg = self.text(m[3])
            if prog in LOG_SKIP or LOG_SKIP_TEXT.match(msg):
                if not re.match(r"(fatal|panic|error|warning: (?!TLS library|file system clock|resetting file))", msg):
                    continue
            if only and not any(re.search(p, f"{prog}: {msg}") for p in only):
                continue
            if drop and any(re.search(p, f"{prog}: {msg}") for p in drop):
                continue
            groups.setdefault(prog, []).append(f"{prog}: {msg}")
        out = []
        for prog in sorted(groups):
            out += groups[prog] if prog in ORDERED else sorted(groups[prog])
        return out
