#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""oracle.py -- run one scenario against two mail systems and show where they differ."""
import argparse
import concurrent.futures
import difflib
import fnmatch
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
SCENARIOS = os.path.join(HERE, "scenarios")
TOP = os.path.dirname(os.path.dirname(HERE))
PACKAGE = os.path.join(TOP, "build", "oracle")              # Debian's postfix, unpacked by fetch_oracle.sh
POSTFIX = ("/usr/sbin", "/usr/lib/postfix/sbin")            # where it appears inside the namespaces
POSTERN = (os.path.join(TOP, "build", "sbin"), os.path.join(TOP, "build", "libexec"))
TIMEOUT = 90
LIVE = set()            # running scenario processes, killed when we are interrupted


def expand_lists(patterns):
    """Replace each @FILE by the names it lists, one per line, '#' begins a comment."""
    for p in patterns:
        if not p.startswith("@"):
            yield p
            continue
        with open(p[1:]) as f:
            yield from filter(None, (line.partition("#")[0].strip() for line in f))


def names(patterns):
    every = sorted(f[:-3] for f in os.listdir(SCENARIOS) if f.endswith(".py") and f[0] != "_")
    if not patterns:
        return every
    picked = []
    for p in expand_lists(patterns):
        p = os.path.basename(p)
        p = p[:-3] if p.endswith(".py") else p
        hit = fnmatch.filter(every, p) or [n for n in every if n.startswith(p)]
        if not hit:
            sys.exit(f"oracle: no scenario matches {p!r}")
        picked += [n for n in hit if n not in picked]
    return picked


def run_one(name, opts):
    """Run a scenario in fresh namespaces; returns its result."""
    fd, result_file = tempfile.mkstemp(prefix="oracle-", suffix=".json")
    os.close(fd)
    keep = os.path.join(opts.keep_dir, name) if opts.keep else ""
    # The shell is pid 1 of the new pid namespace: it reaps orphans, and when it exits the
    # kernel kills all that is left.  --kill-child covers the death of unshare itself.
    argv = ["unshare", "-m", "-n", "-p", "-u", "--fork", "--mount-proc", "--kill-child",
            "sh", "-c", '"$@"; exit $?', "sh", sys.executable, os.path.abspath(__file__), "_inside",
            os.path.join(SCENARIOS, name + ".py"), opts.commands, opts.daemons, opts.package, result_file, keep,
            "1" if opts.stop else "0"]
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
           "PYTHONDONTWRITEBYTECODE": "1"}
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                                start_new_session=True)
        LIVE.add(proc)
        try:
            proc.wait(TIMEOUT)
            err = None
        except subprocess.TimeoutExpired:
            err = f"scenario ran past {TIMEOUT} s"
        finally:
            if proc.poll() is None:
                proc.kill()             # and with it, by --kill-child, the whole pid namespace
                proc.wait()
            LIVE.discard(proc)
        out.seek(0)
        text = out.read().decode(errors="replace")
    try:
        with open(result_file) as f:
            result = json.load(f)
    except ValueError:
        result = {}
        err = err or "scenario died"
    os.unlink(result_file)
    if err:
        result["error"] = f"{err}\n{text}"
    result["seconds"] = time.monotonic() - start
    return result


def flat(result, ignore=()):
    out = []
    for name, lines in result.get("sections", {}).items():
        if any(fnmatch.fnmatch(name, p) for p in ignore):
            continue
        out.append(f"==== {name}")
        out += lines
    return out


def expected_file(name):
    return os.path.join(SCENARIOS, name + ".expected.json")


def diff(want, got, ignore, labels):
    a, b = flat(want, ignore), flat(got, ignore)
    if a == b:
        return []
    out = list(difflib.unified_diff(a, b, *labels, lineterm="", n=3))
    return out


def each(opts, fn):
    """Run fn(name) for all scenarios, opts.jobs at a time, results in order."""
    todo = names(opts.scenario)
    with concurrent.futures.ThreadPoolExecutor(opts.jobs) as pool:
        try:
            yield from zip(todo, pool.map(fn, todo))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for proc in list(LIVE):
                proc.kill()
            raise


def cmd_run(opts):
    bad = 0
    for name, res in each(opts, lambda n: run_one(n, opts)):
        if opts.json:
            print(json.dumps({"scenario": name, **{k: v for k, v in res.items() if k != "raw_log"}}, indent=1))
        else:
            print(f"#### {name} ({res['seconds']:.1f} s)")
            print("\n".join(flat(res, opts.ignore)))
        if opts.raw_log:
            print(res.get("raw_log", ""))
        if "error" in res:
            bad += 1
            print("ERROR", res["error"])
    return 1 if bad else 0


def oracle_version():
    with open(os.path.join(PACKAGE, ".packages")) as f:
        return "postfix " + re.search(r"^postfix_(\d+\.\d+\.\d+)", f.read(), re.M)[1]


def cmd_record(opts):
    bad = good = 0
    version = oracle_version()

    def job(name):
        return [run_one(name, opts) for _ in range(opts.runs)]
    for name, runs in each(opts, job):
        errors = [r["error"] for r in runs if "error" in r]
        lines = []
        for r in runs[1:]:
            lines += diff(runs[0], r, opts.ignore, ("run 1", "other run"))
        if errors or lines or "timeout" in runs[0].get("sections", {}):
            bad += 1
            print(f"FLAKY  {name}" if lines else f"ERROR  {name}")
            print("\n".join(errors[:1] + lines[:60] + runs[0].get("sections", {}).get("timeout", [])))
            if errors or not opts.force:
                continue
        else:
            good += 1
        if not opts.dry_run:
            with open(expected_file(name), "w") as f:
                json.dump({"scenario": name, "oracle": version, "sections": runs[0]["sections"]}, f,
                          indent=1, ensure_ascii=False)
                f.write("\n")
        print(f"ok     {name} ({max(r['seconds'] for r in runs):.1f} s)", flush=True)
    print(f"{good} recorded, {bad} failed")
    return 1 if bad else 0


def cmd_compare(opts):
    good = bad = 0

    def job(name):
        res = {}
        for _ in range(1 + opts.retries):
            res = run_one(name, opts)
            try:
                want = json.load(open(expected_file(name)))
            except FileNotFoundError:
                return res, ["no recorded expectation; run 'oracle.py record'"]
            lines = diff(want, res, opts.ignore, (f"{want['oracle']}: {name}", f"{opts.label}: {name}"))
            if not lines and "error" not in res:
                break
        return res, lines
    start = time.monotonic()
    for name, (res, lines) in each(opts, job):
        if lines or "error" in res:
            bad += 1
            print(f"FAIL   {name} ({res['seconds']:.1f} s)")
            if not opts.quiet:
                print("error: " + res["error"] if "error" in res else "\n".join(lines))
        else:
            good += 1
            print(f"ok     {name} ({res['seconds']:.1f} s)")
        sys.stdout.flush()
    print(f"total {time.monotonic() - start:.0f} s")
    print(f"{good} passed, {bad} failed")
    return 1 if bad else 0


def cmd_list(opts):
    from harness.runner import load
    for name in names(opts.scenario):
        doc = (load(os.path.join(SCENARIOS, name + ".py")).__doc__ or "").strip().split("\n")[0]
        mark = " " if os.path.exists(expected_file(name)) else "!"
        print(f"{mark} {name:36s} {doc}")
    return 0


def main():
    if sys.argv[1:2] == ["_inside"]:
        from harness.runner import main as inside
        return inside(sys.argv[2:])
    top = argparse.ArgumentParser(description=__doc__)
    sub = top.add_subparsers(dest="action", required=True)
    for action in ("run", "record", "compare", "list"):
        p = sub.add_parser(action)
        p.add_argument("scenario", nargs="*", help="name, prefix, glob or @FILE with a list; default: all")
        if action == "list":
            continue
        p.add_argument("--mta", choices=("postfix", "postern"), default="postern" if action == "compare" else "postfix",
                       help="postfix: Debian's package below build/oracle; postern: build/sbin and build/libexec")
        p.add_argument("--commands", metavar="DIR", help="directory of postfix, sendmail, postconf ...")
        p.add_argument("--daemons", metavar="DIR", help="directory of master, smtpd, cleanup ...")
        p.add_argument("-j", "--jobs", type=int, default=1)
        p.add_argument("--keep", action="store_true", help="copy the instance to --keep-dir/SCENARIO")
        p.add_argument("--keep-dir", default="/tmp/oracle-keep")
        p.add_argument("--stop", action="store_true", help="also do an orderly 'postfix stop' and note its status")
        p.add_argument("--ignore", action="append", default=[], metavar="GLOB", help="ignore sections, e.g. log")
        if action == "run":
            p.add_argument("--json", action="store_true")
            p.add_argument("--raw-log", action="store_true")
        if action == "record":
            p.add_argument("--runs", type=int, default=3, help="all runs must agree")
            p.add_argument("--dry-run", action="store_true", help="check for flakiness, write nothing")
            p.add_argument("--force", action="store_true", help="write even if runs differ")
        if action == "compare":
            p.add_argument("-q", "--quiet", action="store_true", help="no diffs")
            p.add_argument("--retries", type=int, default=0, help="try a failing scenario again N times")
    opts = top.parse_args()
    if opts.action != "list":
        if os.geteuid():
            sys.exit("oracle: must run as root (it makes namespaces)")
        if bool(opts.commands) != bool(opts.daemons):
            sys.exit("oracle: give both --commands and --daemons")
        if not opts.commands:
            opts.commands, opts.daemons = POSTFIX if opts.mta == "postfix" else POSTERN
        opts.commands, opts.daemons = os.path.abspath(opts.commands), os.path.abspath(opts.daemons)
        is_postfix = (opts.commands, opts.daemons) == POSTFIX
        opts.label = "oracle" if is_postfix else "postern"
        opts.package = PACKAGE if is_postfix else ""
        if is_postfix and not os.path.isdir(PACKAGE):
            sys.exit("oracle: Debian's postfix is not unpacked; run 'make oracle'")
        os.makedirs("/tmp/mta", exist_ok=True)
    return {"run": cmd_run, "record": cmd_record, "compare": cmd_compare, "list": cmd_list}[opts.action](opts)


def interrupted(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
