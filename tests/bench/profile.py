#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""profile.py [w1|w2] [--mta postern|postfix] [-n N] -- where a message's time goes, in the steady state.

System calls per message by program (strace), then CPU and context switches per message without tracing, then where the
CPU was (perf, when it is installed). `run.py --profile w1` makes the namespace that this needs."""
import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mta import MailInstance, SYSTEMS, thread_nanoseconds                   # noqa: E402
from workloads import RELAY, Sink, WORK, source, wait_for                   # noqa: E402

SYSCALL = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?: resumed)?[(>]")


def program(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return "?"


def per_program(pids, figure):
    """Sum of FIGURE(pid) over the processes of each program."""
    out = collections.Counter()
    for pid in pids:
        try:
            out[program(pid)] += figure(pid)
        except OSError:
            pass
    return out


def switches(pid):
    """Context switches of all threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            total += sum(int(n) for n in re.findall(r"ctxt_switches:\s+(\d+)", f.read()))
    return total


def milliseconds(pid):
    return thread_nanoseconds(pid) / 1e6


def trace(instance, count, path):
    """System calls of COUNT messages: {program: Counter}."""
    pids = instance.pids()
    tasks = {int(task): program(pid) for pid in pids for task in os.listdir(f"/proc/{pid}/task")}
    strace = subprocess.Popen(["strace", "-f", "-qq", "-o", path] + [a for p in pids for a in ("-p", str(p))],
                              stderr=subprocess.DEVNULL)
    time.sleep(1.0)
    instance.log_mark()
    source(instance, count, 4)
    wait_for(instance.log_done, count, 30)
    for pid in instance.pids():
        tasks.setdefault(pid, program(pid))
    strace.send_signal(signal.SIGINT)
    strace.wait()
    calls = collections.defaultdict(collections.Counter)
    with open(path, errors="replace") as f:
        for line in f:
            match = SYSCALL.match(line)
            if match and "resumed" not in line[:40]:
                calls[tasks.get(int(match[1]), "?")][match[2]] += 1
    return calls


def report_calls(calls, count):
    total = sum(sum(c.values()) for c in calls.values())
    print(f"system calls per message: {total / count:.1f}")
    for name, counter in sorted(calls.items(), key=lambda item: -sum(item[1].values())):
        top = ", ".join(f"{call} {n / count:.1f}" for call, n in counter.most_common(25))
        print(f"  {name:16s} {sum(counter.values()) / count:6.1f}  {top}")


def steady(instance, count, perf_data):
    """CPU and context switches per message without tracing; samples for perf meanwhile."""
    source(instance, 200, 4)
    c0, u0 = (per_program(instance.pids(), figure) for figure in (switches, milliseconds))
    perf = None
    if shutil.which("perf"):
        perf = subprocess.Popen(["perf", "record", "-q", "-F", "997", "-a", "-g", "-o", perf_data, "sleep", "4"],
                                stderr=subprocess.DEVNULL)
    instance.log_mark()
    rate = source(instance, count, 4)["rate"]
    wait_for(instance.log_done, count, 30)
    c1, u1 = (per_program(instance.pids(), figure) for figure in (switches, milliseconds))
    print(f"steady: {rate:.0f} messages/s; per message {(c1 - c0).total() / count:.1f} context switches, "
          f"{(u1 - u0).total() / count:.3f} ms CPU")
    for name, spent in (u1 - u0).most_common():
        print(f"  {name:16s} cpu {spent / count:.3f} ms  context switches {(c1[name] - c0[name]) / count:.1f}")
    return perf and perf.wait() == 0


def report_perf(perf_data):
    for key, lines in (("comm", 12), ("dso", 12), ("symbol", 28)):
        text = subprocess.run(["perf", "report", "-i", perf_data, "--no-children", "-g", "none", "--stdio", "--sort", key],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        rows = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        print(f"CPU by {key}:\n" + "\n".join(rows[:lines]))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("workload", choices=("w1", "w2"))
    ap.add_argument("-n", type=int, default=400, help="messages under strace")
    ap.add_argument("--mta", choices=sorted(SYSTEMS), default="postern")
    opts = ap.parse_args()
    base = os.path.join(WORK, "profile")
    instance = MailInstance(base, opts.mta, 21527, **SYSTEMS[opts.mta])
    instance.destroy()
    instance.create({**(RELAY if opts.workload == "w2" else {}), "max_use": "100000", "in_flow_delay": "0"})
    sink = Sink() if opts.workload == "w2" else None
    instance.start()
    try:
        source(instance, 200, 4)
        time.sleep(1.0)
        report_calls(trace(instance, opts.n, f"{base}/trace"), opts.n)
        if steady(instance, 2000, f"{base}/perf.data"):
            report_perf(f"{base}/perf.data")
    finally:
        instance.destroy()
        if sink:
            sink.stop()


if __name__ == "__main__":
    main()
