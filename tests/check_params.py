#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_params.py [BUILD] -- the declared parameters against the reference list and against what postconf prints.

tests/params/parameters.tsv lists name, kind, default and range of every main.cf parameter of the implemented language.
Each must be declared once with the same values, unless conf/differences says otherwise; each declaration must be known
there or in conf/differences; `postconf -d` must print what was declared; and what is not marked unsupported must be
read by some program."""
import csv
import glob
import os
import re
import subprocess
import sys
import tempfile

# Names that programs put together: what stands behind these is the word in the source.
COMPOSED = ("smtp", "smtp_tls_", "smtp_tls_mandatory_", "tlsproxy_client_", "tlsproxy_tls_", "tlsproxy_tls_mandatory_")
# A name that begins with a digit, which no word of C++ does.
MADE_OF = {"2bounce_notice_recipient": "_2bounce_notice_recipient"}
# What only administrators and their scripts ask for, with postconf: where things are installed, and which release it is.
FOR_POSTCONF = {"html_directory", "mailq_path", "manpage_directory", "newaliases_path", "readme_directory",
                "sample_directory", "sendmail_path", "mail_release_date", "postern_version"}

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Kinds of the list -> types of a declaration; a number or boolean whose default is an expression has a type of its own there.
KINDS = {"string": "string", "bool": "bool", "nbool": "bool", "int": "int", "nint": "int", "time": "time",
         "string-raw": "raw", "long": "long"}


def tab_rows(path):
    with open(path) as f:
        return list(csv.reader((line.rstrip("\n") for line in f if not line.startswith("#") and line.strip()),
                               delimiter="\t", quoting=csv.QUOTE_NONE))


def reference():
    head, *rows = tab_rows(f"{TOP}/tests/params/parameters.tsv")
    return {row[0]: dict(zip(head, row)) for row in rows}


def differences():
    """{(kind, name): value of ours}"""
    return {(row[0], row[1]): "" if row[3] == "(empty)" else row[3] for row in tab_rows(f"{TOP}/conf/differences")}


def declarations():
    """Every block of every .params file: {name: {attribute: text, "where": FILE:LINE}}, and complaints."""
    blocks, wrong = {}, []
    for path in sorted(glob.glob(f"{TOP}/*/*.params") + glob.glob(f"{TOP}/lib/*/*.params")):
        name = None
        with open(path) as f:
            for n, line in enumerate(f, 1):
                if not line.strip() or line.startswith("#"):
                    continue
                if not line[0].isspace():
                    name, where = line.strip(), f"{os.path.relpath(path, TOP)}:{n}"
                    if name in blocks:
                        wrong.append(f"{where}: {name} is declared a second time ({blocks[name]['where']})")
                    blocks[name] = {"where": where}
                else:
                    key, _, value = line.strip().partition(" ")
                    blocks[name].setdefault(key, value)
    return blocks, wrong


def mirrors(blocks):
    """Names that a declaration makes beside its own: the LMTP twin."""
    return {re.sub(r"^smtp_", "lmtp_", name) if b["lmtp"] == "yes" else b["lmtp"]
            for name, b in blocks.items() if "lmtp" in b}


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def check_declaration(name, block, ref, ours):
    """Complaints about one declaration against its row of the list."""
    if KINDS[ref["kind"]] != block.get("type"):
        yield f"type {block.get('type')}, the list says {ref['kind']}"
    for key in ("min", "max"):
        if block.get(key, "") != ref[key]:
            yield f"{key} {block.get(key)!r}, the list says {ref[key]!r}"
    if ref["kind"] == "time" and ref["time_unit"] not in ("", "s") and block.get("unit") != ref["time_unit"]:
        yield f"unit {block.get('unit')!r}, the list says {ref['time_unit']!r}"
    want = ours.get(("default", name), "" if ref["default"] == "(empty)" else ref["default"])
    if "computed" not in block and squeeze(block.get("default", "")) != squeeze(want) and \
            not (ref["varies"] == "yes" and ("default", name) not in ours):
        yield f"default {block.get('default', '')!r}, expected {want!r}"


def source_words():
    """Every word of the programs' and libraries' sources."""
    words = set()
    for folder in glob.glob(f"{TOP}/*/") + glob.glob(f"{TOP}/lib/*/") + glob.glob(f"{TOP}/commands/*/"):
        if os.path.relpath(folder, TOP).split("/")[0] in ("build", "tests"):
            continue
        for path in glob.glob(f"{folder}*.cc") + glob.glob(f"{folder}*.h"):
            with open(path, errors="replace") as f:
                words.update(re.findall(r"\w+", re.sub(r"^\s*//.*", "", f.read(), flags=re.M)))
    return words


def check_readers(blocks):
    """A supported parameter whose name stands in no source has no effect."""
    words = source_words()
    # What the default of another one refers to is read with it.
    for block in blocks.values():
        if "unsupported" not in block:
            words.update(re.findall(r"\$[{(]?(\w+)", block.get("default", "")))
    suffixes = tuple(name[1:] for name in blocks if name.startswith("*_"))
    for name, block in blocks.items():
        ignored = block.get("deprecated", "").startswith("ignored")     # its manual text says so
        if ignored or "unsupported" in block or "legacy" in block or "computed" in block or name in FOR_POSTCONF:
            continue
        if name.startswith("*_"):
            read = name[2:] in words
        else:
            # Read by its whole name, as that of a service, or as PREFIX + "_rest".
            read = name in words or name.endswith(suffixes) or MADE_OF.get(name) in words or any(name.startswith(prefix) and name[len(prefix):] in words
                                        for prefix in COMPOSED)
        if not read:
            yield f"{block['where']}: {name} is supported, but no source reads it"


def check_postconf(build, blocks):
    """`postconf -d` prints each declared name once, with its default."""
    command = f"{build}/sbin/postconf"
    if not os.path.exists(command):
        return ["postconf is not built"]
    with tempfile.TemporaryDirectory(prefix="postconf-") as etc:
        for name in ("main.cf", "master.cf"):
            open(f"{etc}/{name}", "w").close()
        p = subprocess.run([command, "-c", etc, "-d"], capture_output=True, text=True, timeout=30)
    wrong = [f"postconf -d: exit {p.returncode}: {p.stderr.strip()}"] if p.returncode else []
    printed = {}
    for line in p.stdout.splitlines():
        name, _, value = line.partition(" =")
        if name in printed:
            wrong.append(f"postconf -d prints {name} twice")
        printed[name] = squeeze(value)
    for name, block in blocks.items():
        if name.startswith("*_") or "legacy" in block or "computed" in block:
            continue
        if name not in printed:
            wrong.append(f"{block['where']}: postconf -d does not print {name}")
        elif printed[name] != squeeze(block.get("default", "")):
            wrong.append(f"{block['where']}: postconf -d prints {name} = {printed[name]!r}, "
                         f"declared {block.get('default', '')!r}")
    if p.stdout.splitlines() != sorted(p.stdout.splitlines(), key=lambda line: line.partition(" =")[0]):
        wrong.append("postconf -d is not sorted")
    return wrong


def main(build):
    refs, ours = reference(), differences()
    blocks, wrong = declarations()
    twins = mirrors(blocks)
    suffixes = tuple(name[1:] for name in blocks if name.startswith("*_"))
    for name, block in blocks.items():
        if name in refs:
            wrong += [f"{block['where']}: {name}: {text}" for text in check_declaration(name, block, refs[name], ours)]
        elif not name.startswith("*_") and ("parameter", name) not in ours and "legacy" not in block:
            wrong.append(f"{block['where']}: {name} is neither in the list nor in conf/differences")
    for name, ref in refs.items():
        if name not in blocks and name not in twins and not (ref["class"] == "service" and name.endswith(suffixes)):
            wrong.append(f"{name} is not declared")
    for kind, name in ours:
        if kind in ("default", "parameter") and name not in blocks:
            wrong.append(f"conf/differences: {name} is not declared")
    wrong += check_readers(blocks)
    wrong += check_postconf(build, blocks)
    print("\n".join(wrong + [f"check-params: {len(blocks)} declarations, {len(refs)} names in the list, {len(wrong)} wrong"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build"))
