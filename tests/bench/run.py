#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--runs N] [--only-n N] [--mta NAME] [--profile] [WORKLOAD...] -- Postfix and Postern by turns on the same fresh file system,
medians side by side with the goals of FIGURES.md. Needs root: the runs have a mount namespace of their own."""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3"
DEFAULT = ["w1", "w2", "w3", "w4", "w5", "w7", "w8"]
PEERS = ("postfix", "postern")

# (workload, figure, goal as text, test of (postern's median, postern's ratio to postfix)): second column of FIGURES.md.
GOALS = (
    ("w1-s1", "rate", "1x", lambda value, ratio: ratio >= 1),
    ("w1-s20", "rate", "1.5x", lambda value, ratio: ratio >= 1.5),
    ("w1-s20", "p99_ms", "under 50 ms", lambda value, ratio: value < 50),
    ("w1-s100", "rate", "1.5x", lambda value, ratio: ratio >= 1.5),
    ("w1-s100", "p99_ms", "-", None),
    ("w1-s20", "cpu_ms_per_msg", "-", None),
    ("w1-s20", "ctxt_per_msg", "1/5 in the end", None),
    ("w2-5k", "rate", "1.5x", lambda value, ratio: ratio >= 1.5),
    ("w2-100k", "rate", "1.5x", lambda value, ratio: ratio >= 1.5),
    ("w2-5k", "cpu_ms_per_msg", "-", None),
    ("w2-5k", "ctxt_per_msg", "-", None),
    ("w3-rsa-5k", "rate", "2x", lambda value, ratio: ratio >= 2),
    ("w3-rsa-5k", "cpu_ms_per_msg", "-", None),
    ("w3-rsa-5k", "sink_handshakes", "-", None),
    ("w3-ec-5k", "rate", "2x", lambda value, ratio: ratio >= 2),
    ("w3-ec-5k", "cpu_ms_per_msg", "-", None),
    ("w3-ec-100k", "rate", "-", None),
    ("w4-rsa-full", "rate", "2x", lambda value, ratio: ratio >= 2),
    ("w4-rsa-full", "p50_ms", "near 10 ms", lambda value, ratio: value < 12),
    ("w4-rsa-full", "cpu_ms_per_hs", "0.7x", lambda value, ratio: ratio <= 0.7),
    ("w4-ec-full", "rate", "2x", lambda value, ratio: ratio >= 2),
    ("w4-ec-full", "cpu_ms_per_hs", "0.55x", lambda value, ratio: ratio <= 0.55),
    ("w4-rsa-resumed", "rate", "1.4x", lambda value, ratio: ratio >= 1.4),
    ("w4-rsa-resumed", "cpu_ms_per_hs", "0.55x", lambda value, ratio: ratio <= 0.55),
    ("w4-ec-resumed", "rate", "1.4x", lambda value, ratio: ratio >= 1.4),
    ("w4-ec-resumed", "cpu_ms_per_hs", "0.55x", lambda value, ratio: ratio <= 0.55),
    ("w4-idle", "pss_kb_per_conn", "1/25, 96 KB", lambda value, ratio: ratio <= 0.04 and value < 96),
    ("w4-idle", "rate", "8x", lambda value, ratio: ratio >= 8),
    ("w5-idle", "pss_kb_per_conn", "1/20", lambda value, ratio: ratio <= 0.05),
    ("w5-idle", "rate", "10x", lambda value, ratio: ratio >= 10),
    ("w5-idle", "procs", "-", None),
    ("w7-queue", "postqueue_p_s", "1/2 in the end", None),
    ("w7-queue", "retry_cycle_s", "1/2 in the end", None),
    ("w7-queue", "flush_s", "1/2 in the end", None),
    ("w7-queue", "restart_to_greet_s", "1/2 in the end", None),
    ("w7-queue", "qmgr_uss_mb", "no more in the end", None),
    ("w8-kill9", "lost", "0 lost", lambda value, ratio: value == 0),
    ("w8-kill9", "duplicates", "-", None),
)


def namespace(opts):
    """Replace this process by one in a mount namespace with the package, the accounts and a fresh file system."""
    again = [PYTHON, "-B", os.path.abspath(__file__), "--inside"] + sys.argv[1:]
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private"] + again)


def prepare():
    """Inside the namespace: Debian's package in its place, users postfix and postdrop, all of it only here."""
    sys.path.insert(0, os.path.join(TOP, "tests", "compat"))
    from harness import world
    package = os.path.join(TOP, "build", "oracle")
    world.private_root(package if os.path.isdir(package) else None)


def run_one(workload, mta, opts):
    """Lines that one run of a workload printed."""
    argv = [PYTHON, "-B", f"{HERE}/workloads.py", "--mta", mta]
    if opts.only_n:
        argv += ["--only-n", str(opts.only_n)]
    p = subprocess.run(argv + [workload], stdout=subprocess.PIPE, text=True)
    rows = [json.loads(line) for line in p.stdout.splitlines() if line.startswith("{")]
    if p.returncode:
        print(f"bench: {workload} on {mta} failed", file=sys.stderr)
    return [row for row in rows if row["workload"] != "warmup"], p.returncode == 0


def median(rows, workload, mta, key):
    values = [r[key] for r in rows if r["workload"] == workload and r["mta"] == mta and
              isinstance(r.get(key), (int, float))]
    if not values:
        return None
    # A lost message is never averaged away.
    return max(values) if key == "lost" else statistics.median(values)


def number(value):
    return "-" if value is None else f"{value:.4g}"


def report(rows):
    print(f"\n{'workload':14s} {'figure':18s} {'Postfix':>10s} {'Postern':>10s} {'ratio':>7s} {'bare':>8s}  goal")
    for workload, key, goal, reached in GOALS:
        theirs, ours = (median(rows, workload, mta, key) for mta in PEERS)
        bare = median(rows, workload, "bare", key)
        if theirs is None and ours is None:
            continue
        ratio = ours / theirs if ours is not None and theirs else None
        verdict = ""
        if reached and ours is not None and (ratio is not None or key in ("lost", "p99_ms")):
            verdict = "reached" if reached(ours, ratio) else "MISSED"
        print(f"{workload:14s} {key:18s} {number(theirs):>10s} {number(ours):>10s} "
              f"{'' if ratio is None else f'{ratio:.2f}x':>7s} {'' if bare is None else number(bare):>8s}  "
              f"{goal:18s} {verdict}".rstrip())
    hop(rows)


def hop(rows):
    """What a process of its own for TLS costs: CPU over that of the bare server, and what of it a message notices."""
    for kind, mode in (("rsa", "full"), ("ec", "full"), ("rsa", "resumed"), ("ec", "resumed")):
        ours, bare = (median(rows, f"w4-{kind}-{mode}", mta, "cpu_ms_per_hs") for mta in ("postern", "bare"))
        if ours and bare:
            print(f"{kind} {mode}: a handshake costs {ours:.3f} ms CPU with smtpd and tlsproxy, {bare:.3f} ms in one bare process "
                  f"without log, rules or time-outs: {ours - bare:+.3f} ms")
    for kind in ("rsa", "ec"):
        ours, plain = (median(rows, w, "postern", "cpu_ms_per_msg") for w in (f"w3-{kind}-5k", "w2-5k"))
        shake = median(rows, f"w4-{kind}-full", "postern", "cpu_ms_per_hs")
        if ours and plain and shake:
            print(f"{kind}: a 5 KB message relayed with TLS in and out costs {ours:.3f} ms CPU, without TLS {plain:.3f} ms; "
                  f"the handshake in is {shake:.3f} ms of the difference")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    ap.add_argument("--mounted", action="store_true", help=argparse.SUPPRESS)
    ap.add_argument("--runs", type=int, default=3, help="medians of so many interleaved runs")
    ap.add_argument("--only-n", type=int, default=0, help="override the message counts")
    ap.add_argument("--mta", choices=PEERS + ("bare",), action="append",
                    help="default: both and, for w4, a bare TLS server")
    ap.add_argument("--profile", action="store_true", help="run profile.py on w1 or w2 instead")
    ap.add_argument("--raw", metavar="FILE", default=os.path.join(TOP, "build", "bench", "rows.jsonl"))
    ap.add_argument("workload", nargs="*", default=DEFAULT)
    opts = ap.parse_args()
    if os.geteuid():
        sys.exit("bench: must run as root (it makes a mount namespace and starts mail systems)")
    if not opts.inside:
        namespace(opts)
    if not opts.mounted:
        prepare()
        again = [PYTHON, "-B", os.path.abspath(__file__), "--mounted"] + sys.argv[1:]
        return subprocess.run([f"{HERE}/journal.sh"] + again).returncode
    built = {"postfix": f"{TOP}/build/oracle/usr/sbin/postfix", "postern": f"{TOP}/build/libexec/smtpd"}
    peers = [mta for mta in opts.mta or PEERS + ("bare",) if mta == "bare" or os.path.exists(built[mta])]
    if opts.profile:
        for workload in [w for w in opts.workload if w in ("w1", "w2")]:
            for mta in [p for p in peers if p in PEERS]:
                print(f"== {workload} on {mta}", flush=True)
                subprocess.run([PYTHON, "-B", f"{HERE}/profile.py", "--mta", mta, workload])
        return 0
    rows, good = [], True
    for turn in range(opts.runs):
        for workload in opts.workload:
            for mta in [p for p in peers if p != "bare" or workload == "w4"]:
                got, ok = run_one(workload, mta, opts)
                rows, good = rows + got, good and ok
                for r in got:
                    print(f"run {turn + 1} {r['workload']:14s} {mta:8s} {r.get('rate', '')} /s", flush=True)
    os.makedirs(os.path.dirname(opts.raw), exist_ok=True)
    with open(opts.raw, "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)
    report(rows)
    return 0 if good and rows else 1


if __name__ == "__main__":
    sys.exit(main())
