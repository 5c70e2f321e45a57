#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_man.py [BUILD] -- the manual pages of BUILD/man: mandoc has nothing to say about them, every program has one that
lists its parameters, the options of a command's page are those it takes, every page that is referred to exists, and every
parameter that has an effect has a text."""
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_params

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Pages of the host that ours refer to.
OF_THE_HOST = {"pcre2pattern.3", "regex.7", "syslog.3"}
# Looked up in the host's directories; ours are checked here.
NOT_FOUND = "referenced manual not found"
OPTION_STRING = re.compile(r'getopt\([^";]*"(\+?[A-Za-z#:]+)"|kOptions = "(\+?[A-Za-z#:]+)"')


def make_variable(name):
    """NAME of the Makefile, which may go on over lines."""
    with open(f"{TOP}/Makefile") as f:
        found = re.search(rf"^{name} :=((?:.*\\\n)*.*)$", f.read(), re.M)
    return found.group(1).replace("\\\n", " ").split()


def programs():
    """(page, folder below TOP) of everything that is built."""
    for path in sorted(glob.glob(f"{TOP}/*/main.cc")):
        name = os.path.basename(os.path.dirname(path))
        yield f"{name}.8", name
    for path in sorted(glob.glob(f"{TOP}/commands/*/main.cc")):
        name = os.path.basename(os.path.dirname(path))
        yield f"{name}.1", f"commands/{name}"


def lint(path):
    out = subprocess.run(["mandoc", "-T", "lint", path], capture_output=True, text=True).stdout
    return [line for line in out.splitlines() if NOT_FOUND not in line]


def options(folder):
    """The option letters that the command's sources take."""
    letters = set()
    for path in glob.glob(f"{TOP}/{folder}/*.cc"):
        with open(path) as f:
            for found in OPTION_STRING.finditer(f.read()):
                letters |= set((found.group(1) or found.group(2)).lstrip("+").replace(":", ""))
    return letters


def documented_options(page):
    """Letters behind .Fl on list items and lines of their own: "Fl c Ar dir", "Fl A , c", "Fl qI Ns Ar id"."""
    lines = [line for line in page.splitlines() if line.startswith((".It ", ".Fl "))]
    return {letter for line in lines for letter in re.findall(r"(?:Fl|,) (?!Fl )([A-Za-z#])[A-Za-z]?(?= |$)", line)}


def check_page(name, pages, second_names):
    text = pages[name]
    for found in re.finditer(r"^\.(?:.* )?Xr (\S+) (\d)", text, re.M):
        target = f"{found.group(1)}.{found.group(2)}"
        if target not in pages and target not in second_names and target not in OF_THE_HOST:
            yield f"man/{name}: there is no page {target}"
    if "@parameters" in text:
        yield f"man/{name}: the parameters were not put in"


def check_program(page, folder, pages):
    if page not in pages:
        yield f"{folder}: there is no page man/{page}"
        return
    with open(f"{TOP}/man/{page}") as f:
        source = f.read()
    program = os.path.basename(folder)
    if f"@parameters {program}@" not in source and page != "postconf.1":
        yield f"man/{page}: does not list the parameters of {program}"
    if folder.startswith("commands/") or program == "master":
        taken, described = options(folder), documented_options(source)
        for letter in sorted(taken ^ described):
            yield f"man/{page}: option -{letter} is {'not described' if letter in taken else 'described, and unknown'}"


def check_parameters(pages):
    """What has an effect has a text, in postconf(5) and in the page of each program that reads it."""
    blocks, _ = check_params.declarations()
    for name, block in blocks.items():
        if "legacy" in block:
            continue
        shown = f"\n.It Ic {name.replace('*', 'transport')} "
        if "unsupported" in block:
            if shown in pages.get("postconf.5", ""):
                yield f"man/postconf.5: {name} has no effect and is described"
            continue
        if "manual" not in block:
            yield f"{block['where']}: {name} has an effect and no manual text"
        readers = [os.path.basename(user) for user in block["users"].split() if not user.startswith("lib/")]
        for page in ["postconf.5"] + [f"{r}.{n}" for r in readers for n in (1, 8) if f"{r}.{n}" in pages]:
            if shown not in pages.get(page, "") and page != "postconf.1":
                yield f"man/{page}: {name} is missing"


def main(build):
    pages = {}
    wrong = []
    for path in sorted(glob.glob(f"{build}/man/*.[158]")):
        with open(path) as f:
            pages[os.path.basename(path)] = f.read()
        wrong += lint(path)
    second_names = {}
    for pair in make_variable("MAN_LINKS"):
        name, target = pair.split(":")
        second_names[name] = target
        if target not in pages:
            wrong.append(f"Makefile: MAN_LINKS: there is no page {target}")
    for name in pages:
        wrong += check_page(name, pages, second_names)
    for page, folder in programs():
        wrong += check_program(page, folder, pages)
    wrong += check_parameters(pages)
    print("\n".join(wrong + [f"check-man: {len(pages)} pages, {len(wrong)} wrong"]))
    return 1 if wrong or not pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build"))
