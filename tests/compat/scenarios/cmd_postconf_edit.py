# SPDX-License-Identifier: Apache-2.0
"""postconf -e, -#, -X, -M, -MX, -M#, -F, -P editing main.cf and master.cf; comments and continuation lines kept."""
from harness.dsl import *

START = False
STEPS = [write_file("main.cf", "# top comment\nmyhostname = mx.example.test\n\n# about relay\nrelay_domains = a.test,\n    # inner\n    b.test\nfoo=1\nfoo = 2\nmaillog_file = @LOG@\nmaillog_file_prefixes = /tmp\n"),
         write_file("master.cf", "# services\nsmtp inet n - n - - smtpd\n  -o a=b\n# next\npickup unix n - n 60 1 pickup\n\nrelay unix - - n - - smtp\n    -o { x = y z }\n"),
         cmd("postconf", "-e", "relay_domains=c.test", "new_one = value with spaces"), cmd("postconf", "foo=3"), cmd("postconf", "-#", "myhostname"), show_file("main.cf"), cmd("postconf", "-X", "foo", "nosuch"), show_file("main.cf", "main.cf after -X"),
         cmd("postconf", "-M", "smtp/inet=smtp inet n - n - 7 smtpd -v"), cmd("postconf", "-M", "new/unix=new unix - - n - - smtp"), cmd("postconf", "-F", "pickup/unix/wakeup=30"), cmd("postconf", "-P", "relay/unix/x=other", "relay/unix/added=1"), cmd("postconf", "-PX", "relay/unix/added"), cmd("postconf", "-M#", "new/unix"), cmd("postconf", "-MX", "pickup/unix"),
         show_file("master.cf"), cmd("postconf", "-e", "bad name=1"), cmd("postconf", "-e", "noequals"), cmd("postconf", "-F", "smtp/inet/nosuch=1"), cmd("postconf", "-M", "x=y")]
