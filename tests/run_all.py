#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run_all.py [--build DIR] [STAGE...] -- builds, runs every kind of test and sums the results in one last line.

Each stage reports how many of its tests passed, failed and were skipped; a skipped test always says why. With CI=true in
the environment a skipped system or compat test counts as failed. The full output of a stage stands in
DIR/check/STAGE.log; what failed is also printed."""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
SANITIZER_REPORTS = "/var/tmp/postern-sanitizer.*"
MEASURES = {"test_capacity.py", "test_stalls.py", "test_workers.py"}
NO_SKIP_IN_CI = {"system", "compat"}


class Result:
    """What a stage found; reasons are printed."""

    def __init__(self, passed=0, failed=0, skipped=0, reasons=()):
        self.passed, self.failed, self.skipped, self.reasons = passed, failed, skipped, list(reasons)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.reasons += other.reasons


class Run:
    """One run over a build tree."""

    def __init__(self, build, fuzz_seconds, jobs):
        self.build, self.fuzz_seconds, self.jobs = os.path.abspath(build), fuzz_seconds, jobs
        self.logs = os.path.join(self.build, "check")
        os.makedirs(self.logs, exist_ok=True)
        self.log_lock = threading.Lock()

    def each(self, function, things):
        """FUNCTION of every thing, as many at a time as there are jobs; the sum of the results."""
        total = Result()
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for result in pool.map(function, things):
                total.add(result)
        return total

    def command(self, stage, argv, timeout=1800, env=None):
        """Runs ARGV with its output appended to the stage's log; returns (status, output)."""
        # The build's own settings travel by MAKEFLAGS; a test must not see them.
        clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        clean.update(env or {})
        try:
            p = subprocess.run(argv, cwd=TOP, env=clean, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=timeout)
            status, raw = p.returncode, p.stdout
        except subprocess.TimeoutExpired as e:
            status, raw = "timeout", (e.stdout or b"") + b"\n[stopped: ran past %d s]\n" % timeout
        except OSError as e:
            status, raw = e.strerror, str(e).encode()
        text = raw.decode(errors="replace")
        with self.log_lock, open(f"{self.logs}/{stage}.log", "a") as f:
            f.write(f"$ {' '.join(argv)}\n{text}\n")
        return status, text

    def single(self, stage, argv, what, lines=30, timeout=1800):
        """A command that is one test: passed if its status is 0."""
        status, text = self.command(stage, argv, timeout)
        if status == 0:
            return Result(passed=1)
        return Result(failed=1, reasons=[f"FAIL {what} ({status})"] + text.splitlines()[-lines:])

    def counted(self, stage, argv, what, timeout=1800):
        """A command that ends with 'N passed, N failed'."""
        status, text = self.command(stage, argv, timeout)
        found = CLOSING.findall(text)
        if not found:
            return Result(failed=1, reasons=[f"FAIL {what} ({status}): no closing line"] + text.splitlines()[-30:])
        passed, failed, skipped = (int(n or 0) for n in found[-1])
        result = Result(passed, failed, skipped)
        if status != 0 and not failed:
            result.failed += 1
        if result.failed:
            result.reasons = [f"FAIL {what} ({status})"] + text.splitlines()[-200:]
        return result

    def make(self, *targets):
        settings = [f"BUILD={os.path.relpath(self.build, TOP)}"]
        if os.path.basename(self.build) == "asan":
            settings += ["SANITIZE=address,undefined", "OPT=-O1"]
        return ["make", "--no-print-directory", f"-j{os.cpu_count()}", *settings, *targets]

    # -- stages ----------------------------------------------------------------
    def stage_build(self):
        return self.single("build", self.make("all", "unit"), "build", timeout=3600)

    def stage_layers(self):
        return self.single("layers", [PYTHON, "tests/check_layers.py"], "check-layers")

    def stage_tree(self):
        return self.single("tree", [PYTHON, "tests/check_tree.py"], "sizes, SPDX lines")

    def stage_params(self):
        return self.single("params", [PYTHON, "tests/check_params.py", self.build], "parameters against postconf")

    def stage_man(self):
        return self.single("man", [PYTHON, "tests/check_man.py", self.build], "manual pages")

    def stage_unit(self):
        # As make lists them: a program of a test that is gone may still lie in the tree.
        status, programs = self.command("unit", self.make("-s", "list-unit"))
        if status or not programs.split():
            return Result(failed=1, reasons=[f"FAIL make list-unit ({status})", programs])
        return self.each(lambda program: self.counted("unit", [f"{TOP}/{program}"], os.path.basename(program), 300),
                         programs.split())

    def stage_fuzz(self):
        names = sorted(os.path.basename(p)[:-3] for p in glob.glob(f"{TOP}/tests/fuzz/*.cc"))
        make = ["make", f"-j{os.cpu_count()}", "fuzz-targets"]
        result = self.single("fuzz", make, "build of the fuzz targets", timeout=3600)
        if result.failed:
            return result
        result.add(self.each(self.fuzz_one, names))
        return result

    def fuzz_one(self, name):
        corpus = f"{TOP}/tests/fuzz/corpus/{name}"
        if not os.path.isdir(corpus) or not os.listdir(corpus):
            return Result(failed=1, reasons=[f"FAIL fuzz {name}: no seeds in tests/fuzz/corpus/{name}"])
        with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
            # New inputs go to the first directory, so the seeds stay as they are.
            os.mkdir(f"{work}/found")
            argv = [f"{TOP}/build/asan/fuzz/{name}", f"-max_total_time={self.fuzz_seconds}", "-timeout=10",
                    "-rss_limit_mb=2048", f"-artifact_prefix={self.logs}/{name}-", f"{work}/found", corpus]
            return self.single("fuzz", argv, f"fuzz {name}", timeout=self.fuzz_seconds + 120)

    def stage_system(self):
        """Every file of tests has namespaces of its own, and mostly waits; so some run at a time, but the ones that
        make load or measure how long something takes run alone. Without root there are no namespaces: one at a time."""
        files = sorted(glob.glob(f"{TOP}/tests/system/test_*.py"), key=os.path.getsize, reverse=True)
        alone = [f for f in files if os.path.basename(f) in MEASURES or os.geteuid()]
        result = self.each(self.system_file, [f for f in files if f not in alone])
        for path in alone:
            result.add(self.system_file(path))
        return result

    def system_file(self, path):
        report = f"{self.logs}/{os.path.basename(path)[:-3]}.xml"
        if os.path.exists(report):
            os.unlink(report)
        argv = [PYTHON, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", f"--junitxml={report}", path]
        status, text = self.command("system", argv, 2400, {"POSTERN_BUILD": self.build})
        if not os.path.exists(report):
            return Result(failed=1, reasons=[f"FAIL {os.path.basename(path)} ({status})"] + text.splitlines()[-40:])
        return self.read_junit(report, text)

    @staticmethod
    def read_junit(report, text):
        result = Result()
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname', '').split('.')[-1]}.{case.get('name')}"
            skipped = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                result.failed += 1
            elif skipped is not None:
                result.skipped += 1
                result.reasons.append(f"skipped {name}: {skipped.get('message')}")
            else:
                result.passed += 1
        if result.failed or not result.passed + result.skipped:
            result.failed = max(result.failed, 1)
            result.reasons = text.splitlines()[-150:] + result.reasons
        return result

    def stage_reports(self):
        """Sanitizers write where tests/sanitizer_options.cc says; any report is a failure."""
        result = Result()
        for path in sorted(glob.glob(SANITIZER_REPORTS)):
            with open(path, errors="replace") as f:
                result.add(Result(failed=1, reasons=[f"FAIL sanitizer report {path}"] + f.read().splitlines()[:40]))
            os.unlink(path)
        return result if result.failed else Result(passed=1)

    def stage_compat(self):
        listing = f"{TOP}/tests/compat/supported"
        if os.geteuid():
            with open(listing) as f:
                count = sum(1 for line in f if line.partition("#")[0].strip())
            return Result(skipped=count, reasons=["skipped compat scenarios: they make namespaces and need root"])
        argv = [PYTHON, "-B", f"{TOP}/tests/compat/oracle.py", "compare", "-j", str(self.jobs),
                "--commands", f"{self.build}/sbin", "--daemons", f"{self.build}/libexec", f"@{listing}"]
        return self.counted("compat", argv, "compat scenarios", 2400)


STAGES = ("build", "layers", "tree", "params", "man", "unit", "fuzz", "system", "compat")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.path.join(TOP, "build"))
    ap.add_argument("--fuzz-seconds", type=int, default=int(os.environ.get("FUZZ_SECONDS", "3")))
    ap.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2), help="tests at a time")
    ap.add_argument("stage", nargs="*", help=f"default: {' '.join(STAGES)}")
    opts = ap.parse_args()
    for name in opts.stage:
        if name not in STAGES + ("reports",):
            ap.error(f"unknown stage {name}")
    if "reports" in opts.stage:
        for path in glob.glob(SANITIZER_REPORTS):
            os.unlink(path)
    run = Run(opts.build, opts.fuzz_seconds, opts.jobs)
    total = Result()
    for name in opts.stage or STAGES:
        log = f"{run.logs}/{name}.log"
        if os.path.exists(log):
            os.unlink(log)
        start = time.monotonic()
        result = getattr(run, f"stage_{name}")()
        if result.skipped and name in NO_SKIP_IN_CI and os.environ.get("CI") == "true":
            result.reasons.append(f"{name}: in CI a skipped test counts as failed")
            result.failed, result.skipped = result.failed + result.skipped, 0
        if result.reasons:
            print("\n".join(result.reasons))
        # Not the form of the closing line, which must stand once.
        print(f"-- {name}: {result.passed} ok, {result.failed} bad, {result.skipped} skipped "
              f"({time.monotonic() - start:.0f} s)", flush=True)
        total.add(result)
        if name == "build" and result.failed:
            break
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
