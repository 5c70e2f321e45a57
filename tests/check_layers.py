#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_layers.py [TOP] -- reads every #include and fails on an edge that the layers do not allow.

A library folder includes only folders of a lower layer and itself; a program includes lib/ and itself; the headers of
a third-party library stand in one place; only the programs that do TLS see lib/openssl; lib/parse stays pure."""
import os
import re
import sys

LAYERS = (
    ("base",),
    ("async", "parse"),
    ("ipc", "config"),
    ("table", "dns"),
    ("smtp", "milter", "sasl", "tls", "mail"),
    ("openssl",),                       # carries out the policy of lib/tls
    ("service",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# Header of a third-party library -> the only folders that may include it.
OWNERS = (
    (r"event2?(/|\.h$)", ("lib/async",)),
    (r"openssl/", ("lib/openssl",)),
    (r"(db|db_185|lmdb|cdb|pcre2|pcre2posix)\.h$", ("lib/table",)),
    (r"unbound(-event)?\.h$", ("lib/dns",)),
    (r"sasl/", ("saslproxy",)),
    (r"unicode/", ("lib/mail", "lib/table")),       # IDNA there, case folding of keys here
)
FMT = "fmt/core.h"                      # the only header of fmt that every supported release has in this shape

TLS_PROGRAMS = {"tlsproxy", "tlsmgr", "commands/posttls-finger"}
SET_GID = {"commands/postdrop", "commands/postqueue", "commands/postlog"}
SET_GID_LIBS = {"base", "parse", "ipc", "config"}
# Names and records of queue files: of lib/mail these may be used by set-gid commands, because they use lib/base only.
SET_GID_MAIL = ("lib/mail/record", "lib/mail/queue_id", "lib/mail/queue_dir", "lib/mail/maildrop")
# Of lib/table: the tables that need no library.
SET_GID_TABLE = ("lib/table/user_tables",)
IMPURE = re.compile(r"<(unistd\.h|fcntl\.h|poll\.h|sys/.*|fstream|iostream|cstdio|stdio\.h)>|"
                    r'"lib/base/(log|fd|files|clock)\.h"')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(<[^>]+>|"[^"]+")', re.M)


def folder_of(path):
    """The unit a file belongs to: lib/NAME, commands/NAME or a program's folder."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in ("lib", "commands") else parts[0]


def sources(top):
    for where, dirs, names in os.walk(top):
        rel = os.path.relpath(where, top)
        dirs[:] = sorted(d for d in dirs if not d.startswith(".") and
                         os.path.join(rel, d) not in ("./build", "./tests", "./packaging"))
        for name in sorted(names):
            if name.endswith((".cc", ".h")):
                yield os.path.normpath(os.path.join(rel, name))


def check_project_edge(here, target):
    """Why the folder HERE may not include a header of the folder TARGET, or None."""
    if here == target:
        return None
    if not target.startswith("lib/"):
        return f"{here} includes a header of the program {target}"
    if target == "lib/openssl" and here not in TLS_PROGRAMS:
        return f"only {', '.join(sorted(TLS_PROGRAMS))} may use lib/openssl"
    lib = target[4:]
    if lib not in RANK:
        return f"{target} is in no layer"
    if here in SET_GID and lib not in SET_GID_LIBS:
        return f"the set-gid command {here} may only use {', '.join(sorted(SET_GID_LIBS))}"
    if here.startswith("lib/") and RANK[lib] >= RANK.get(here[4:], -1):
        return f"{here} is not above {target}"
    return None


def check_system_header(here, header):
    for pattern, owners in OWNERS:
        if re.match(pattern, header) and here not in owners:
            return f"<{header}> belongs in {' and '.join(owners)} only"
    if header.startswith("fmt/") and header != FMT:
        return f"of fmt only <{FMT}> is used"
    return None


def check_file(path, text):
    """Complaints about one file."""
    here = folder_of(path)
    for match in INCLUDE.finditer(text):
        name = match[1][1:-1]
        line = text.count("\n", 0, match.start()) + 1
        stem = os.path.splitext(path)[0]
        if match[1][0] == '"' and "/" not in name:
            wrong = f'"{name}" is not given from the top'
        elif match[1][0] == '"' and here in SET_GID and os.path.splitext(name)[0] in SET_GID_MAIL + SET_GID_TABLE:
            wrong = None
        elif match[1][0] == '"' and stem in SET_GID_MAIL and not name.startswith("lib/base/") and \
                os.path.splitext(name)[0] not in SET_GID_MAIL:
            wrong = f"{stem} is used by set-gid commands: it may only use lib/base"
        elif match[1][0] == '"':
            wrong = check_project_edge(here, folder_of(name))
        else:
            wrong = check_system_header(here, name)
        if not wrong and here == "lib/parse" and IMPURE.fullmatch(match[1]):
            wrong = f"lib/parse is pure: it does no I/O and no logging, so no {match[1]}"
        if wrong:
            yield f"{path}:{line}: {wrong}"


def main(top):
    wrong, count = [], 0
    for path in sources(top):
        count += 1
        with open(os.path.join(top, path), errors="replace") as f:
            wrong += check_file(path, f.read())
    print("\n".join(wrong + [f"check-layers: {count} files, {len(wrong)} wrong includes"]))
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
