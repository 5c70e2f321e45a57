# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario inside a prepared world and returns its normalised result."""
import glob
import importlib.util
import json
import mailbox
import os
import re
import signal
import sys
import time
import traceback

from . import world, instance
from .dns import Dns
from .instance import Instance, TMP
from .normal import Normaliser, hide_notice_text

# Names every scenario can rely on.  ZONE adds to it or overrides.
ZONE = {
    "mx.example.test": {"A": "127.0.0.25"},
    "example.test": {"MX": [(10, "mx.example.test")]},
    "virt.test": {"MX": [(10, "mx.example.test")]},
    "client.example.net": {"A": "198.51.100.7"},
    "example.net": {"MX": [(10, "client.example.net")]},
    "dest.test": {"MX": [(10, "mx1.dest.test")]},
    "mx1.dest.test": {"A": "192.0.2.10"},
    "mx2.dest.test": {"A": "192.0.2.11"},
    "mx3.dest.test": {"A": "192.0.2.12"},
    "relay.test": {"A": "192.0.2.20"},
}


OWNERS = {uid: name for name, (uid, _) in world.USERS.items()} | {0: "root", 65534: "nobody"}


def load(path):
    spec = importlib.util.spec_from_file_location("scenario", path)
    mod = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mod)
    return mod


class Context:
    def __init__(self, inst, peers):
        self.inst, self.peers, self.sections, self.seen = inst, peers, {}, {}
        self.mail, self.unordered = [], set()

    def add(self, name, lines, unordered=False):
        """Add a section; a repeated name gets a number.  If unordered, all but the first and
        last line are sorted once they are normalised."""
        n = self.seen[name] = self.seen.get(name, 0) + 1
        name = name if n == 1 else f"{name} {n}"
        self.sections[name] = list(lines)
        if unordered:
            self.unordered.add(name)

    def wait_disconnects(self):
        i = self.inst
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            text = i.log_text()[i.log_start:]
            if text.count("]: disconnect from ") >= text.count("]: connect from "):
                return
            time.sleep(0.02)


def collect_mail(ctx):
    """Every mailbox and maildir below TMP, messages sorted by content."""
    boxes = {}
    for d in sorted(glob.glob(f"{TMP}/vmail/**/new", recursive=True) +
                    glob.glob(f"{TMP}/home/*/**/new", recursive=True)):
        msgs = [open(f"{d}/{f}", "rb").read() for f in os.listdir(d)]
        st = os.stat(d)
        boxes[os.path.relpath(os.path.dirname(d), TMP) + "/"] = (st, msgs)
    files = glob.glob(f"{TMP}/mail/*") + glob.glob(f"{TMP}/home/*/mbox") + \
        [f for f in glob.glob(f"{TMP}/vmail/*") if os.path.isfile(f)]
    for f in sorted(files):
        if os.path.isfile(f):
            raw = open(f, "rb").read()
            msgs = [raw] if not raw.startswith(b"From ") else \
                [b"From " + m for m in (b"\n" + raw).split(b"\nFrom ")[1:]]
            boxes[os.path.relpath(f, TMP)] = (os.stat(f), msgs)
    for name, (st, msgs) in boxes.items():
        if not msgs:
            continue
        owner = OWNERS.get(st.st_uid, st.st_uid)
        ctx.mail.append((name, f"[owner {owner} mode {st.st_mode & 0o7777:04o} messages {len(msgs)}]", msgs))


def run_scenario(path, commands, daemons, package, want_stop=False):
    """Returns {'sections': {...}} or {'error': text}."""
    world.build(package)
    mod = load(path)
    inst = Instance(commands, daemons)
    zone = dict(ZONE)
    zone.update(getattr(mod, "ZONE", {}))
    Dns(zone)
    peers = dict(getattr(mod, "PEERS", {}))
    ctx = Context(inst, peers)
    result = {}
    try:
        inst.create(getattr(mod, "CONFIG", {}), getattr(mod, "MASTER", ""), getattr(mod, "FILES", {}))
        early = [p for p in peers.values() if "@QUEUE@" not in (p.unix or "")]
        for p in early:
            p.start()
        if getattr(mod, "START", True):
            inst.start()
        for p in peers.values():            # sockets in the queue directory: it exists now
            if p not in early:
                p.start()
        for step in mod.STEPS:
            step.run(ctx)
        if inst.started:
            inst.wait_idle()
            inst.settle()
    except instance.Timeout as e:
        ctx.add("timeout", [f"gave up waiting for: {e}"])
    except instance.Failed as e:
        result["error"] = str(e)
    except Exception:
        result["error"] = traceback.format_exc()
    log = inst.log_text()
    if want_stop or getattr(mod, "STOP", False):
        ctx.add("stop", [f"exit {inst.stop()}"])
    collect_mail(ctx)
    result["sections"] = normalise(ctx, mod, log)
    result["raw_log"] = log
    return result


def fold_ehlo(lines, known):
    """Abbreviate an EHLO reply that the scenario has seen before: one change, one diff."""
    out, n = [], 0
    while n < len(lines):
        out.append(lines[n])
        n += 1
        if lines[n - 1].startswith("C: EHLO "):
            end = n
            while end < len(lines) and lines[end].startswith("S: 250-"):
                end += 1
            block = lines[n:end + 1]
            if len(block) > 2:
                if block in known:
                    out.append(f"S: [EHLO reply {known.index(block) + 1} again]")
                    n = end + 1
                else:
                    known.append(block)
    return out


def sort_queue(lines):
    """Order the entries of a queue listing: queue ids, and so their order, are arbitrary."""
    head, body, tail = lines[:2], lines[2:-2], lines[-2:]
    entries = "\n".join(body).strip("\n").split("\n\n")
    if len(entries) < 2:
        return lines
    return head + "\n\n".join(sorted(entries)).split("\n") + [""] + tail


def sort_report(lines):
    """Order the per-recipient paragraphs of a delivery report: deliveries end in any order."""
    if not any(l.startswith("Content-Type: multipart/report") for l in lines):
        return lines
    out, run, kind = [], [], None
    for para in "\n".join(lines).split("\n\n"):
        this = para[:1] == "<" and "<" or para.startswith("Final-Recipient:") and "F" or None
        if this != kind:
            out += sorted(run)
            run, kind = [], this
        if this:
            run.append(para)
        else:
            out.append(para)
    return "\n\n".join(out + sorted(run)).split("\n")


def normalise(ctx, mod, log):
    inst = ctx.inst
    # Ask without our main.cf: a scenario may have broken it on purpose.
    rc, out, _ = inst.run([inst.command("postconf"), "-d", "-h", "mail_version"])
    norm = Normaliser(inst, out.decode().strip() or "unknown-version")
    check = getattr(mod, "CHECK", ("steps", "peers", "mail", "out", "log"))
    texts = ["\n".join(l) for l in ctx.sections.values()]
    norm.learn(*texts)
    extra = getattr(mod, "NORMALISE", [])

    own_text = "bounce_template_file" in getattr(mod, "CONFIG", {})

    def clean(lines):
        lines = norm.lines(lines)
        if not own_text:
            lines = hide_notice_text(lines)
        for pattern, repl in extra:
            lines = [re.sub(pattern, repl, l) for l in lines]
        return lines
    sections, known = {}, []
    for name, lines in ctx.sections.items():
        if "steps" in check or name in ("timeout", "stop"):
            sections[name] = fold_ehlo(clean(lines), known)
            if re.match(r"\$ (postqueue -p|mailq|sendmail -bp)", lines[0] if lines else ""):
                sections[name] = sort_queue(sections[name])
            if name in ctx.unordered:
                sections[name][1:-1] = sorted(sections[name][1:-1])
    if "peers" in check:
        for name, peer in ctx.peers.items():
            for _ in range(25):
                if not peer.active:
                    break
                time.sleep(0.02)
            sections[f"peer {name}"] = [re.sub(r"^(C: MAIL FROM:.*) SIZE=\d+", r"\1 SIZE=N", l)
                                        for l in clean(peer.transcript())]
    if "mail" in check:
        for name, head, msgs in ctx.mail:
            texts = [clean(m.decode("utf-8", "backslashreplace").split("\n")) for m in msgs]
            lines = [head]
            for t in sorted(map(sort_report, texts)):
                while t and not t[-1]:
                    t.pop()
                lines += ["-- message"] + t
            sections[f"mail {name}"] = lines
    if "out" in check:
        for f in sorted(glob.glob(f"{TMP}/out/**", recursive=True)):
            if os.path.isfile(f):
                sections[f"out {os.path.basename(f)}"] = clean(
                    open(f, errors="backslashreplace").read().splitlines())
    if "log" in check:
        sections["log"] = []
        lines = norm.log(log[inst.log_start:], getattr(mod, "LOG", None), getattr(mod, "LOG_DROP", None))
        for pattern, repl in extra:
            lines = [re.sub(pattern, repl, l) for l in lines]
        sections["log"] = lines
    return sections


def main(argv):
    """Entry point inside the namespaces: PATH COMMANDS DAEMONS PACKAGE RESULT KEEP STOP."""
    path, commands, daemons, package, result_file, keep, stop = argv
    signal.alarm(100)           # the last resort, should our parent be gone
    try:
        result = run_scenario(path, commands, daemons, package, stop == "1")
    except BaseException:
        result = {"error": traceback.format_exc()}
    if keep:
        Instance(commands, daemons).keep(keep)
    with open(result_file, "w") as f:
        json.dump(result, f)
    sys.stdout.flush()
    os._exit(0)
