# SPDX-License-Identifier: Apache-2.0
"""virtual_alias_maps: expansion, catch-all, recursion, loops, extension propagation, limits."""
from harness.dsl import *

CONFIG = {"virtual_alias_maps": "texthash:@CONFIG@/valias", "virtual_alias_domains": "va.test", "recipient_delimiter": "+",
          "virtual_alias_recursion_limit": "5"}
FILES = {"valias": table("""
    one@va.test     u1@virt.test
    two@va.test     u1@virt.test, u2@virt.test
    chain@va.test   one@va.test
    self@va.test    self@va.test u2@virt.test
    @catch.test     u2@virt.test
    ext@va.test     alice
    ext+sp@va.test  bob
    alice           alice@example.test
    loop1@va.test   loop2@va.test x1@va.test
    loop2@va.test   loop3@va.test
    loop3@va.test   loop4@va.test
    loop4@va.test   loop5@va.test
    loop5@va.test   loop6@va.test
    loop6@va.test   loop7@va.test
    """)}
STEPS = [msg("a@example.net", f"{r}@va.test", body=f"Subject: {r}\n\nx") for r in ("one", "two", "chain", "ext+foo", "ext+sp")] + [
    msg("a@example.net", "loop1@va.test", body="Subject: loop\n\nx"), msg("a@example.net", "nosuch@va.test"),
    msg("", "self@va.test", body="Subject: self\n\nx"), cmd("postqueue", "-p")]
