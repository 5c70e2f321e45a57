# SPDX-License-Identifier: Apache-2.0
"""pipe(8): flags, macros, null_sender, user, directory."""
from harness.dsl import *

MASTER = """
p2 unix - n n - - pipe
  flags=FB user=bob directory=@OUT@ null_sender=NULL argv=/bin/sh @CONFIG@/p2.sh -f ${sender} -- ${recipient} ${size}
p3 unix - n n - - pipe
  flags=DORXhu>. user=alice eol=\\r\\n argv=/bin/sh @CONFIG@/p3.sh ${sender} ${recipient} ${user} ${extension} ${domain} ${nexthop} ${mailbox} ${original_recipient} ${client_address} ${client_helo} ${client_protocol}
"""
CONFIG = {"transport_maps": "inline:{ {p2.test=p2:hop2} {p3.test=p3:Hop3} }", "recipient_delimiter": "+", "p3_destination_recipient_limit": "1", "p2_destination_recipient_limit": "1",
          "relay_domains": "p2.test p3.test"}
FILES = {"p2.sh": "echo \"args: $*\" | sed 's/ [0-9]*$/ SIZE/' >> @OUT@/p2; pwd >> @OUT@/p2; id -un >> @OUT@/p2; cat >> @OUT@/p2\n",
         "p3.sh": "exec > @OUT@/p3.$3; for a; do echo \"<$a>\"; done; cat -A\n"}
STEPS = [msg("S@Example.NET", "User+Ext@P3.test", "other@p3.test", body="Subject: p3\n\n.dot\nFrom x", src="198.51.100.7"),
         msg("", "a@p2.test", body="Subject: p2\n\nFrom y")]
