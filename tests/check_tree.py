#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_tree.py [TOP] -- what holds for every file of the tree: an SPDX line, a size that a reader can take in, no
unfinished work; and every crash point is explained."""
import os
import re
import subprocess
import sys

MAX_LINES = 800
SOURCE = (".cc", ".h", ".c", ".py", ".sh", ".params")
SPDX = "SPDX-License-Identifier: Apache-2.0"
CRASH_POINT = re.compile(r'crash_point\("([^"]+)"')
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")


def files(top):
    """Tracked files and new ones that are not ignored."""
    out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"], cwd=top,
                         capture_output=True, text=True)
    if out.returncode == 0:
        return [f for f in out.stdout.splitlines() if os.path.isfile(os.path.join(top, f))]
    found = []
    for where, dirs, names in os.walk(top):
        dirs[:] = [d for d in dirs if d not in ("build", ".git", "__pycache__")]
        found += [os.path.relpath(os.path.join(where, n), top) for n in names]
    return found


def is_source(path, first):
    return path.endswith(SOURCE) or os.path.basename(path) == "Makefile" or first.startswith("#!")


def complaints(path, text):
    lines = text.split("\n")
    head = lines[:2] if lines[0].startswith("#!") else lines[:1]
    if not any(SPDX in line for line in head):
        yield f"{path}:1: no SPDX line"
    if len(lines) - 1 > MAX_LINES and not path.endswith(".params"):     # those are tables
        yield f"{path}: {len(lines) - 1} lines, at most {MAX_LINES}: split it along what it does"
    if path != "tests/check_tree.py":
        for n, line in enumerate(lines, 1):
            if UNFINISHED.search(line):
                yield f"{path}:{n}: unfinished: {line.strip()}"


def unexplained(top, points):
    """Crash points that the table of doc/queue.md does not have, in full or as `.rest` behind another of the same program."""
    with open(os.path.join(top, "doc/queue.md")) as f:
        told = f.read()
    return [f"doc/queue.md: says nothing of the crash point {point}" for point in sorted(points)
            if f"`{point}`" not in told and f"`.{point.partition('.')[2]}`" not in told]


def main(top):
    wrong, count, points = [], 0, set()
    for path in sorted(files(top)):
        with open(os.path.join(top, path), errors="replace") as f:
            text = f.read()
        if is_source(path, text.split("\n", 1)[0]):
            count += 1
            wrong += complaints(path, text)
            if path.endswith(".cc") and not path.startswith("tests/"):
                points |= set(CRASH_POINT.findall(text))
    wrong += unexplained(top, points)
    print("\n".join(wrong + [f"check-tree: {count} files, {len(wrong)} wrong"]))
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
