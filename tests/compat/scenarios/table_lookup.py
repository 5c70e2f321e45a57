# SPDX-License-Identifier: Apache-2.0
"""postmap -q with read-only types: regexp, pcre, cidr, inline, static, texthash, pipemap, unionmap, randmap, environ, fail, unix; errors."""
from harness.dsl import *

START = False
FILES = {"re": table("""
    /^(a+)b$/i      got $1 and ${1}x
    !/^z/           not z
    /^z(.)(.)?$/    z1=$1 z2=$2
    if /^zz/
    /zzz/           nested
    endif
    """), "pc": table(r"""
    /^(?<x>\w+)@(.*)$/x   user $1 at $2
    if !/no/
    /plain/  yes
    endif
    /case/I  sensitive
    """), "ci": "10.0.0.0/8 ten\n!192.168.0.0/16 not-192\n192.168.1.1 host\nif 192.168.0.0/16\n0.0.0.0/0 any\nendif\n10.1.2.3/8 bad\n", "th": "a  b c\nA2 x\n", "bad": "/unclosed x\n/ok/ fine\n/(/ paren\n"}
def q(key, tbl): return cmd("postmap", "-q", key, tbl)
STEPS = [q(k, "regexp:@CONFIG@/re") for k in ("aab", "AAB", "zq", "zzz", "foo")] + [q(k, "pcre:@CONFIG@/pc") for k in ("joe@x", "plain", "noplain", "CASE", "case")] + [
    q(k, "cidr:@CONFIG@/ci") for k in ("10.1.1.1", "192.168.1.1", "192.168.9.9", "8.8.8.8", "::1", "junk")] + [
    q("a", "texthash:@CONFIG@/th"), q("A2", "texthash:@CONFIG@/th"), q("x", "inline:{x=1,{y = 2 3}}"), q("y", "inline:{x=1,{y = 2 3}}"), q("x", "inline:{bad}"), q("any", "static:val"), q("any", "static:{a b}"),
    q("x", "pipemap:{inline:{x=y},inline:{y=z}}"), q("x", "unionmap:{inline:{x=1},inline:{x=2},static:3}"), q("x", "randmap:{only}"), q("MAIL_CONFIG", "environ:x"), q("NOPE", "environ:x"),
    q("x", "fail:a"), q("root", "unix:passwd.byname"), q("nobodyatall", "unix:passwd.byname"), q("x", "nosuchtype:x"), q("x", "hash:@CONFIG@/missing"), q("x", "regexp:@CONFIG@/bad"), q("ok", "regexp:@CONFIG@/bad"), q("x", "texthash:@CONFIG@/missing"), q("", "static:a"),
    cmd("postmap", "-h", "-q", "-", "regexp:@CONFIG@/re", stdin="Subject: aab\n fold\n\nbody\n"), cmd("postmap", "-b", "-q", "-", "regexp:@CONFIG@/re", stdin="Subject: aab\n\nzq\n"),
    cmd("postmap", "-hmq", "-", "regexp:@CONFIG@/re", stdin="Subject: x\nMime-Version: 1.0\nContent-Type: text/plain\n\nzq\n")]
