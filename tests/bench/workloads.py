#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Workloads for the bench rig. Each prints one JSON line per run.

  workloads.py [--mta postern|postfix] [--base DIR] [--port P] [--runs N] [--only-n N] WORKLOAD...
  WORKLOAD: w1 w2 w3 w4 w5 w6 w7 w8 limits all     (see README.md for what each one measures)
"""
import argparse
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mta import Base, MailInstance, SYSTEMS, TOP, make_certs, measure, greet, sh

TOOLS = os.path.join(TOP, "build", "bench")
LOAD, SINK, FSL = (os.path.join(TOOLS, x) for x in ("smtpload", "smtpsink", "fsynclim"))
WORK = os.environ.get("BENCH_DIR") or os.path.join(tempfile.gettempdir(), "mail-bench")  # scratch
os.makedirs(WORK, exist_ok=True)
CERTS = None


def certs():
    global CERTS
    if not CERTS:
        CERTS = make_certs(os.path.join(WORK, "certs"))
    return CERTS


def out(d):
    print(json.dumps(d), flush=True)
    return d


def ctxt():
    with open("/proc/stat") as f:
        for l in f:
            if l.startswith("ctxt"):
                return int(l.split()[1])


class Sink:
    """smtpsink process + its shared counters"""

    def __init__(self, addr="127.0.0.1", port=21626, n=1, delay=0, tls=None, ids=None):
        """tls: the kind of its key, "rsa" or "ec"."""
        self.cf = tempfile.mktemp(prefix="sink", dir=WORK)
        a = [SINK, "-a", "%s:%d" % (addr, port), "-n", str(n), "-w", str(delay), "-C", self.cf]
        if tls:
            c, k = certs()[tls]
            a += ["-c", c, "-k", k]
        if ids:
            a += ["-o", ids]
        self.p = subprocess.Popen(a)
        time.sleep(0.2)
        if self.p.poll() is not None:
            raise RuntimeError("sink did not start")

    def get(self):
        with open(self.cf, "rb") as f:
            return struct.unpack("6q", f.read(48))  # messages conns open maxopen bytes handshakes

    def stop(self):
        self.p.terminate()
        self.p.wait()
        os.unlink(self.cf)

    def cpu(self):
        return measure([self.p.pid], pss=False)["cpu_s"]


class BareServer(Base):
    """What one process with OpenSSL and nothing else can do: no log, no time-outs, no rules. For w4."""

    name = "bare"

    def __init__(self, port, kind):
        self.port, self.kind = port, kind

    def start(self):
        self.sink = Sink(port=self.port, tls=self.kind)

    def stop(self):
        self.sink.stop()

    def pids(self):
        return [self.sink.p.pid]


class Sampler(threading.Thread):
    """largest memory and process numbers seen while a workload runs (1 sample/s: costs < 2 % on 100 processes)"""

    def __init__(self, m):
        super().__init__(daemon=True)
        self.m, self.go, self.best = m, True, {}
        self.start()

    def run(self):
        t = 0
        while self.go:
            if time.time() - t >= 1:
                s = self.m.measure()
                t = time.time()
                if s["pss_mb"] >= self.best.get("pss_mb", -1):
                    self.best = s
            time.sleep(0.05)

    def end(self):
        self.go = False
        self.join()
        s = self.m.measure()
        return self.best if self.best.get("pss_mb", 0) > s["pss_mb"] else s


def source(m, n, sessions, *a, size=5000, stdin=None):
    p = subprocess.run(
        [LOAD, "-a", "%s:%d" % (m.host, m.port), "-m", str(n), "-s", str(sessions), "-l", str(size), *map(str, a)],
        stdout=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return json.loads(p.stdout)


def wait_for(f, n, limit=120, poll=0.02):
    t = time.time()
    while f() < n and time.time() - t < limit:
        time.sleep(poll)
    return f()


def load_run(m, workload, n, sessions, *a, size=5000, sink=None, extra=None):
    """inject n messages, wait until all are done; one JSON line, with what extra() adds"""
    time.sleep(0.3)
    m.log_mark()
    base = sink.get()[0] if sink else 0
    c0, x0, t0 = m.measure(pss=False)["cpu_s"], ctxt(), time.time()
    smp = Sampler(m)
    r = source(m, n, sessions, *a, size=size)
    got = wait_for((lambda: sink.get()[0] - base), r["ok"]) if sink else wait_for(m.log_done, r["ok"])
    dt = time.time() - t0
    x1 = ctxt()
    s = smp.end()
    cpu = m.measure(pss=False)["cpu_s"] - c0
    d = dict(
        workload=workload,
        mta=m.name,
        n=n,
        sessions=sessions,
        size=size,
        seconds=round(dt, 3),
        rate=round(got / dt, 1),
        accept_seconds=r["seconds"],
        accept_rate=r["rate"],
        p50_ms=r["p50_ms"],
        p99_ms=r["p99_ms"],
        max_ms=r["max_ms"],
        rss_mb=s["rss_mb"],
        pss_mb=s["pss_mb"],
        cpu_s=round(cpu, 2),
        cpu_ms_per_msg=round(1000 * cpu / max(1, got), 3),
        client_cpu_s=r["client_cpu_s"],
        ctxt_per_msg=round((x1 - x0) / max(1, got), 1),
        procs=s["procs"],
        by=s["by"],
        done=got,
        fail=r["fail"],
    )
    if extra:
        d.update(extra())
    if r["last_error"]:
        d["error"] = r["last_error"]
    return out(d)


# ---- workloads: functions of (make, opt); make(params, master) gives a created, stopped instance ----
def w1(make, o):
    """inbound -> discard; sessions 1/20/100; one message per connection, and connection reuse"""
    m = make()
    m.start()
    load_run(m, "warmup", 200, 20)
    try:
        for s, n in ((1, 800), (20, 3000), (100, 3000)):
            load_run(m, "w1-s%d" % s, o.n or n, s)
            load_run(m, "w1-s%d-reuse" % s, o.n or n, s, "-r", 0)
    finally:
        m.stop()


RELAY = {"default_transport": "smtp:[127.0.0.1]:21626", "relay_transport": "smtp:[127.0.0.1]:21626"}


def w2(make, o):
    """relay to one sink, plain"""
    m = make(RELAY)
    k = Sink()
    m.start()
    try:
        load_run(m, "warmup", 100, 20, sink=k)
        load_run(m, "w2-5k", o.n or 2000, 20, sink=k)
        load_run(m, "w2-100k", o.n or 600, 20, size=100000, sink=k)
    finally:
        m.stop()
        k.stop()


def tlsparams(kind):
    c, k = certs()[kind]
    return {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": c, "smtpd_tls_key_file": k}


def w3(make, o):
    """relay, STARTTLS in (one handshake per message) and out"""
    for kind in ("rsa", "ec"):
        m = make({**RELAY, **tlsparams(kind), "smtp_tls_security_level": "encrypt"})
        k = Sink(tls="rsa")
        m.start()
        try:
            load_run(m, "warmup", 100, 20, "-S", sink=k)
            before = k.get()[5]
            load_run(m, "w3-%s-5k" % kind, o.n or 1000, 20, "-S", sink=k,
                     extra=lambda: {"sink_handshakes": k.get()[5] - before})
            if kind == "ec":
                load_run(m, "w3-ec-100k", o.n or 400, 20, "-S", size=100000, sink=k)
        finally:
            m.stop()
            k.stop()


def handshakes(m, kind, mode, args, n):
    """n handshakes on a running server; one JSON line"""
    c0, x0 = m.measure(pss=False)["cpu_s"], ctxt()
    r = source(m, n, 20, *args)
    cpu = m.measure(pss=False)["cpu_s"] - c0
    s = m.measure()
    out(
        dict(
            workload="w4-%s-%s" % (kind, mode),
            mta=m.name,
            n=n,
            seconds=r["seconds"],
            rate=r["rate"],
            p50_ms=r["p50_ms"],
            p99_ms=r["p99_ms"],
            rss_mb=s["rss_mb"],
            pss_mb=s["pss_mb"],
            cpu_s=round(cpu, 2),
            cpu_ms_per_hs=round(1000 * cpu / n, 3),
            client_cpu_s=r["client_cpu_s"],
            ctxt_per_hs=round((ctxt() - x0) / n, 1),
            resumed=r["resumed"],
            procs=s["procs"],
            by=s["by"],
            fail=r["fail"],
        )
    )


def w4(make, o):
    """TLS 1.3 handshakes after STARTTLS: full and resumed, RSA-2048 and P-256; then 2,000 idle TLS sessions"""
    for kind in ("rsa", "ec"):
        m = BareServer(o.port, kind) if o.mta == "bare" else make({**tlsparams(kind), **many_sessions(2000)})
        m.start()
        try:
            source(m, 100, 20, "-H")
            for mode, a in (("full", ["-H"]), ("resumed", ["-H", "-R"])):
                handshakes(m, kind, mode, a, o.n or 10000)
            if kind == "ec":
                idle_sessions(m, "w4-idle", o.n or 2000, "-S")
        finally:
            m.stop()


def many_sessions(n):
    return {"default_process_limit": n + 50, "smtpd_client_connection_count_limit": 0, "smtpd_timeout": "120s"}


def idle_sessions(m, workload, n, *args):
    """n sessions that are open after EHLO: memory per connection (PSS), time to greet the last one"""
    greet(m.host, m.port)
    b = m.measure()
    c0 = b["cpu_s"]
    p = subprocess.Popen(
        [LOAD, "-a", "%s:%d" % (m.host, m.port), "-m", str(n), "-I", "-T", "90", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    r = json.loads(p.stdout.readline())
    s = m.measure()
    g = greet(m.host, m.port)
    p.stdin.close()
    p.wait()
    out(
        dict(
            workload=workload,
            mta=m.name,
            n=r["ok"],
            seconds=r["seconds"],
            rate=r["rate"],
            p50_ms=r["p50_ms"],
            p99_ms=r["p99_ms"],
            greet_last_ms=r["max_ms"],
            next_greet_ms=round(g * 1000, 1),
            rss_mb=s["rss_mb"],
            pss_mb=s["pss_mb"],
            base_pss_mb=b["pss_mb"],
            pss_kb_per_conn=round((s["pss_mb"] - b["pss_mb"]) * 1024 / max(1, r["ok"]), 1),
            rss_kb_per_conn=round((s["rss_mb"] - b["rss_mb"]) * 1024 / max(1, r["ok"]), 1),
            cpu_s=round(s["cpu_s"] - c0, 2),
            procs=s["procs"],
            by=s["by"],
            fail=r["fail"],
        )
    )


def w5(make, o):
    """1000 idle sessions after EHLO, without TLS"""
    n = o.n or 1000
    m = make(many_sessions(n))
    m.start()
    try:
        idle_sessions(m, "w5-idle", n)
    finally:
        m.stop()


def w6(make, o):
    """5,000 messages to 500 destinations; each sink reply batch takes 200 ms"""
    n, doms = o.n or 5000, 500
    base = "127.1.0.1"
    m = make({"default_transport": "smtp:[127.0.0.1]:9", "transport_maps": "hash:MAPFILE", "defer_transports": "smtp"})
    mf = m.etc + "/transport"
    with open(mf, "w") as f:
        for i in range(doms):
            a = (127 << 24) + (1 << 16) + 1 + i
            f.write("d%d.test smtp:[%d.%d.%d.%d]:21727\n" % (i, a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255))
    m.set(transport_maps="hash:" + mf)
    m.cmd("postmap", "hash:" + mf)
    k = Sink(addr=base, port=21727, n=doms, delay=200)
    m.start()
    try:
        r = source(m, n, 20, "-r", 0, "-D", doms)
        time.sleep(0.5)
        q = m.queue_count()
        m.set(defer_transports="")
        m.reload()
        time.sleep(0.5)
        c0, x0, t0 = m.measure(pss=False)["cpu_s"], ctxt(), time.time()
        smp = Sampler(m)
        m.flush()
        got = wait_for(lambda: k.get()[0], n, limit=150)
        dt = time.time() - t0
        s = smp.end()
        cpu = m.measure(pss=False)["cpu_s"] - c0
        g = k.get()
        out(
            dict(
                workload="w6-500dest-200ms",
                mta=m.name,
                n=n,
                queued=q,
                done=got,
                seconds=round(dt, 2),
                rate=round(got / dt, 1),
                p50_ms=None,
                p99_ms=None,
                rss_mb=s["rss_mb"],
                pss_mb=s["pss_mb"],
                cpu_s=round(cpu, 2),
                connections=g[1],
                max_open=g[3],
                ctxt_per_msg=round((ctxt() - x0) / max(1, got), 1),
                procs=s["procs"],
                by=s["by"],
                inject_rate=r["rate"],
            )
        )
    finally:
        m.stop()
        k.stop()


def timed(f, *a, **k):
    t = time.time()
    r = f(*a, **k)
    return round(time.time() - t, 3), r


def private_mb(pid):
    """Memory that only this process has (USS)."""
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return round(sum(int(l.split()[1]) for l in f if l.startswith("Private_")) / 1024, 1)


def w7(make, o):
    """20,000 deferred messages: listing, flush (to discard), qmgr memory, restart"""
    n = o.n or 20000
    m = make(
        {
            "default_transport": "smtp:[127.0.0.1]:9",
            "relay_transport": "smtp:[127.0.0.1]:9",
            "defer_transports": "smtp",
            "minimal_backoff_time": "1h",
            "maximal_backoff_time": "1h",
        }
    )
    m.start()
    try:
        r = source(m, n, 20, "-r", 0, "-D", 100, "-T", 180)

        def count():
            return (
                sum(len(fs) for _, _, fs in os.walk(m.queue + "/deferred"))
                if os.path.isdir(m.queue + "/deferred")
                else n
            )

        t_def = time.time()
        wait_for(count, n, limit=60, poll=0.3)
        tp, x = timed(m.cmd, "postqueue", "-p")
        tj, y = timed(m.cmd, "postqueue", "-j")
        lp, lj = x.count("src@bench.test"), y.count('"queue_id"')
        m.stop()
        t0 = time.time()
        tstart = m.start()
        s0 = m.measure()
        # flush with all destinations still failing: full retry cycle of the queue
        m.log_mark()

        old = m.done_re
        m.done_re = rb"status=deferred"
        t0 = time.time()
        smp = Sampler(m)
        m.flush()
        got1 = wait_for(m.log_done, n, limit=120, poll=0.1)
        tretry = round(time.time() - t0, 2)
        s1 = smp.end()
        m.done_re = old
        qmgrs = [p for p in m.pids() if "qmgr" in measure([p], pss=False)["by"]]
        qmgr = max((measure([p], pss=False)["rss_mb"] for p in qmgrs), default=None)
        qmgr_uss = max(map(private_mb, qmgrs), default=None)
        m.set(default_transport="discard:bench", defer_transports="")
        wait_for(lambda: count(), n, limit=20, poll=0.2)
        m.log_mark()
        t0 = time.time()
        m.reload()
        smp = Sampler(m)
        m.flush()
        got = wait_for(m.log_done, n, limit=120, poll=0.1)
        tf = round(time.time() - t0, 2)
        s2 = smp.end()
        out(
            dict(
                workload="w7-queue",
                mta=m.name,
                n=n,
                seconds=tf,
                rate=round(got / tf, 1),
                p50_ms=None,
                p99_ms=None,
                inject_rate=r["rate"],
                postqueue_p_s=tp,
                postqueue_p_n=lp,
                postqueue_j_s=tj,
                postqueue_j_n=lj,
                restart_to_greet_s=round(tstart, 3),
                retry_cycle_s=tretry,
                retry_done=got1,
                flush_s=tf,
                flush_done=got,
                qmgr_rss_mb=qmgr,
                qmgr_uss_mb=qmgr_uss,
                rss_mb=s1["rss_mb"],
                pss_mb=s1["pss_mb"],
                cpu_s=s2["cpu_s"],
                procs=s1["procs"],
                by=s1["by"],
            )
        )
    finally:
        m.wipe()


def w8(make, o):
    """kill -9 of the whole instance in the middle of relaying, 5 times; accepted mail that is lost, and duplicates"""
    for rnd in range(o.kills):
        ids, got = WORK + "/w8.acc", WORK + "/w8.got"
        for f in (ids, got):
            if os.path.exists(f):
                os.unlink(f)
        m = make({**RELAY, "minimal_backoff_time": "2s", "maximal_backoff_time": "2s", "queue_run_delay": "2s"})
        k = Sink(ids=got)
        m.start()
        n = 3000
        try:
            p = subprocess.Popen(
                [
                    LOAD,
                    "-a",
                    "%s:%d" % (m.host, m.port),
                    "-m",
                    str(n),
                    "-s",
                    "20",
                    "-k",
                    "-o",
                    ids,
                    "-x",
                    "r%d" % rnd,
                    "-T",
                    "60",
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            at = random.uniform(0.3, 1.6)
            time.sleep(at)
            m.kill9()
            t0 = time.time()
            ts = m.start()
            r = json.loads(p.communicate()[0])
            acc = set(open(ids).read().split())

            def missing():
                return len(acc - set(open(got).read().split()))

            t = time.time()
            while (missing() or m.queue_count()) and time.time() - t < 8:
                m.flush()
                time.sleep(1)
            g = open(got).read().split()
            dup = len(g) - len(set(g))
            out(
                dict(
                    workload="w8-kill9",
                    mta=m.name,
                    n=n,
                    kill_at_s=round(at, 2),
                    accepted=len(acc),
                    delivered=len(g),
                    lost=missing(),
                    duplicates=dup,
                    unacked_delivered=len(set(g) - acc),
                    restart_to_greet_s=round(ts, 2),
                    left_in_queue=m.queue_count(),
                    fail=r["fail"],
                    seconds=r["seconds"],
                    rate=r["rate"],
                )
            )
        finally:
            m.wipe()
            k.stop()


def limits(make, o):
    """what the box itself can do: fsync commits/s, source->sink ceiling, signatures/s"""
    d = WORK + "/fs"
    os.makedirs(d, exist_ok=True)
    for w in (1, 20):
        print(sh(FSL, d, w, 3).strip(), flush=True)
    k = Sink()

    class M:
        host, port = "127.0.0.1", 21626

    for s in (1, 20, 100):
        for a in ([], ["-r", 0]):
            r = source(M, 10000, s, *a)
            out(
                dict(
                    workload="ceiling-s%d%s" % (s, "-reuse" if a else ""),
                    mta="smtpload->smtpsink",
                    **{x: r[x] for x in ("rate", "p50_ms", "p99_ms", "client_cpu_s", "seconds")}
                )
            )
    k.stop()
    k = Sink(tls="rsa")
    for nm, a in (("full", ["-H"]), ("resumed", ["-H", "-R"]), ("msg-tls", ["-S"])):
        r = source(M, 2000, 20, *a)
        out(
            dict(
                workload="ceiling-tls-rsa-" + nm,
                mta="smtpload->smtpsink",
                **{x: r[x] for x in ("rate", "p50_ms", "p99_ms", "client_cpu_s", "seconds", "resumed")}
            )
        )
    k.stop()
    pk = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "postfix", "127.0.0.1:21628", "1000"])
    time.sleep(0.3)
    for s in (1, 20, 100):
        for a in ([], ["-d"]):
            t = time.time()
            sh(
                "/usr/sbin/smtp-source",
                "-s",
                s,
                "-m",
                10000,
                "-l",
                5000,
                *a,
                "-f",
                "a@b.test",
                "-t",
                "c@d.test",
                "127.0.0.1:21628"
            )
            dt = time.time() - t
            out(
                dict(
                    workload="ceiling-s%d%s" % (s, "-reuse" if a else ""),
                    mta="smtp-source->smtp-sink",
                    seconds=round(dt, 3),
                    rate=round(10000 / dt, 1),
                )
            )
    pk.terminate()
    pk.wait()
    for alg in ("rsa2048", "ecdsap256", "ecdhx25519"):
        t = sh("openssl", "speed", "-seconds", "1", alg)
        out(dict(workload="speed-" + alg, mta="openssl", line=t.strip().splitlines()[-1]))


ALL = dict(limits=limits, w1=w1, w2=w2, w3=w3, w4=w4, w5=w5, w6=w6, w7=w7, w8=w8)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--mta", choices=sorted(SYSTEMS) + ["bare"], default="postern")
    a.add_argument("--base", default=WORK + "/run")
    a.add_argument("--port", type=int, default=21525)
    a.add_argument("--runs", type=int, default=1)
    a.add_argument("--kills", type=int, default=5)
    a.add_argument("--only-n", dest="n", type=int, default=0, help="override message counts")
    a.add_argument("--param", action="append", default=[], help="extra main.cf NAME=VALUE")
    a.add_argument("what", nargs="+")
    o = a.parse_args()

    def onterm(*_):
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, onterm)  # so that `finally:` stops the instance

    def make(params=None, master=None):
        base = os.path.join(o.base, o.mta)
        MailInstance(base, o.mta, o.port, **SYSTEMS[o.mta]).destroy()  # leftovers of an interrupted run
        p = dict(params or {})
        p.update(x.split("=", 1) for x in o.param)
        return MailInstance(base, o.mta, o.port, **SYSTEMS[o.mta]).create(p, master)

    for i in range(o.runs):
        for w in ALL if o.what == ["all"] else o.what:
            ALL[w](make, o)


if __name__ == "__main__":
    main()
