# SPDX-License-Identifier: Apache-2.0
"""What a scenario module imports: peers under short names, and the steps."""
from .peers import (SmtpSink as sink, Policy as policy, TcpTable as tcp_table,  # noqa: F401
                    SocketMap as socketmap, DovecotAuth as dovecot_auth, Milter as milter, Raw as raw)
from .client import SmtpClient
from .instance import CONFIG as CONFIG_DIR, CERTS
import os
import re
import textwrap
import time


def table(text, type=None, command="postmap", mode=0o644, owner=None):
    """A file in FILES; with a type it is also compiled with postmap (or postalias)."""
    return {"text": textwrap.dedent(text).lstrip("\n"), "type": type, "command": command,
            "mode": mode, "owner": owner}


def aliases(text, type="hash"):
    return table(text, type, "postalias")


class Step:
    """A step has run(ctx) and may add sections with ctx.add(name, lines)."""

    def __init__(self, fn):
        self.run = fn


def client(script, src=None, addr="127.0.0.1", port=25, name=None, idle=True):
    """SMTP dialogue; then (unless idle=False) wait for the queue to calm down."""
    def run(ctx):
        c = SmtpClient(ctx.inst.expand(script), src, addr, port)
        ctx.add(name or "client", c.run())
        ctx.wait_disconnects()
        if idle:
            ctx.inst.wait_idle()
    return Step(run)


def msg(sender, *rcpts, body="Subject: test\n\nbody", src=None, helo="client.example.net", idle=True,
        opts="", ropts="", port=25):
    """Plain SMTP submission of one message."""
    lines = [f"EHLO {helo}", f"MAIL FROM:<{sender}>{' ' + opts if opts else ''}"]
    lines += [f"RCPT TO:<{r}>{' ' + ropts if ropts else ''}" for r in rcpts]
    lines += ["DATA", f"From: <{sender or 'postmaster@example.net'}>", "Date: Thu, 01 Jan 2026 00:00:00 +0000",
              "Message-Id: <fixed@client.example.net>"]
    lines += textwrap.dedent(body).strip("\n").split("\n") + [".", "QUIT"]
    return client("\n".join(lines), src=src, idle=idle, port=port)


def cmd(*argv, stdin="", user=None, sort=False, shell=False, name=None, env=None, hide=False, stderr=True,
        limit=None):
    """Run one of the mail system's commands; records output and exit status."""
    def run(ctx):
        i = ctx.inst
        args = [i.expand(a) for a in argv]
        data = stdin if isinstance(stdin, bytes) else i.expand(textwrap.dedent(stdin).lstrip("\n")).encode()
        real = ["/bin/sh", "-c"] + args if shell else [i.command(args[0])] + args[1:]
        rc, out, err = i.run(real, data, user, env=env)
        if hide:
            return
        lines = out.decode("utf-8", "backslashreplace").splitlines()
        if limit:
            lines = [l for l in lines if re.search(limit, l)]
        lines = [f"$ {' '.join(argv)}".replace("\n", "\\n")] + lines
        if stderr:
            errors = err.decode("utf-8", "backslashreplace").splitlines()
            # postconf walks a hash table to find questionable parameters
            lines += ["stderr: " + l for l in (sorted(errors) if argv[0] == "postconf" else errors)]
        ctx.add(name or "command", lines + [f"exit {rc}"], unordered=sort)
    return Step(run)


def sh(script, **kw):
    """Run a shell script with MAIL_CONFIG and COMMANDS in its environment; use sparingly."""
    return cmd(script, shell=True, **kw)


def submit(text, *args, user=None, idle=True):
    """sendmail(1) submission."""
    inner = cmd("sendmail", *args, stdin=text, user=user)

    def run(ctx):
        inner.run(ctx)
        if idle:
            ctx.inst.wait_idle()
    return Step(run)


def wait_idle(timeout=15):
    return Step(lambda ctx: ctx.inst.wait_idle(timeout))


def wait_log(pattern, count=1, timeout=15):
    def run(ctx):
        i = ctx.inst
        i.wait(lambda: len(re.findall(pattern, i.log_text()[i.log_start:])) >= count, timeout,
               f"log line {pattern!r} x {count}")
        i.settle()
    return Step(run)


def wait_sink(peer, text, count=1, timeout=15):
    def run(ctx):
        p = ctx.peers[peer]
        ctx.inst.wait(lambda: "\n".join("\n".join(s) for s in p.sessions).count(text) >= count,
                      timeout, f"{peer} has seen {text!r}")
        ctx.inst.settle()
    return Step(run)


def reload(*settings):
    """Change main.cf settings (name=value) and make the running system use them."""
    def run(ctx):
        i = ctx.inst
        if settings:
            i.run([i.command("postconf"), "-e"] + [i.expand(s) for s in settings])
            os.utime(i.path("main.cf"), (time.time() - 3600,) * 2)
        i.run([i.command("postfix"), "-c", CONFIG_DIR, "reload"])
        i.settle(quiet=0.25)
    return Step(run)


def retry():
    """Flush the queue and wait for the next delivery attempt to end."""
    def run(ctx):
        i = ctx.inst
        count = lambda: i.log_text().count("(queue active)")
        before = count()
        i.run([i.command("postqueue"), "-f"])
        i.wait(lambda: count() > before, 10, "next delivery attempt")
        i.wait_idle()
    return Step(run)


def fingerprint(name, kind="cert"):
    """SHA-256 fingerprint (AA:BB:..) of a test certificate or of its public key (kind='pkey')."""
    for line in open(f"{CERTS}/fingerprints.txt"):
        words = line.split()
        if words[:2] == [name, f"{kind}-sha256"]:
            return words[2]
    raise KeyError(name)


def sleep(seconds):
    return Step(lambda ctx: time.sleep(seconds))


def show_file(path, name=None):
    def run(ctx):
        try:
            text = open(ctx.inst.path(path), errors="backslashreplace").read()
        except OSError as e:
            text = f"[{e.strerror}]"
        ctx.add(name or f"file {path}", text.splitlines())
    return Step(run)


def write_file(path, spec):
    return Step(lambda ctx: ctx.inst.add_file(path, spec))


def call(fn):
    """Escape hatch: fn(ctx)."""
    return Step(fn)
