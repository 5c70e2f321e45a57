# SPDX-License-Identifier: Apache-2.0
"""postconf on odd files: comments inside entries, continuation lines, braces, other programs' names; requests with too many parts."""
from harness.dsl import *

START = False
MAIN = """# comment
myhostname = mx.example.test

mydestination = a,
# inner
  b,

\tc
empty =
space\t=   v   \nmydomain=example.test
mydomain = twice.test
  # indented comment
last_one = ${mydomain?{x}:{y}}
braces = { a = b , c }
uses = $$x $(mydomain) ${nosuch:def} ${mydomain}
"""
MASTER_CF = """# m
smtp inet n - n - - smtpd
  -o a=b
# in
  -o c=d -o { e = f g }

foo  unix  -  n  n  -  -  pipe
   flags=R user=x argv=/bin/x ${recipient} $y
bar unix - - n - 5 smtp -o x=y
\tz
"""
FILES = {"o/main.cf": MAIN, "o/master.cf": MASTER_CF}
SHOW = ["-n", "-nf", "-nx", "-M", "-Mf", "-Mx", "-P", "-F foo", "-F */unix/chroot", "-M */inet", "-M foo.unix", "-P smtp/inet/e", "-P */*/a",
        "-hx uses", "-H uses braces", "-M foo/unix/x", "-F foo/unix/command/x", "-P smtp/inet/a/b", "-F foo/unix/nosuch"]
EDIT = ["-e|mydomain = one", "-e|multi = l1\\nl2", "-#|space", "-#|nosuch", "-X|empty", "-X|mydomain", "-#|braces|uses", "-e|x",
        "-Me|smtp/inet=smtp inet n - y - 3 smtpd -o q=r", "-Me|bad/unix=bad", "-Fe|*/unix/chroot=y", "-Fe|smtp/inet/nosuch=7",
        "-Pe|bar/unix/x=changed", "-Pe|smtp/inet/e=h i", "-PX|bar/unix/nosuch", "-M#|foo/unix", "-MX|nosuch/unix", "-FX|foo/unix/chroot"]
STEPS = [cmd("postconf", "-c", "@CONFIG@/o", *s.split()) for s in SHOW] + [cmd("postconf", "-c", "@CONFIG@/o", *e.split("|")) for e in EDIT]
STEPS += [sh("cat -A @CONFIG@/o/main.cf @CONFIG@/o/master.cf")]
