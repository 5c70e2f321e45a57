# SPDX-License-Identifier: Apache-2.0
"""spawn(8): external command on a TCP port, user, time limit."""
from harness.dsl import *

MASTER = """
2600 inet n n n - 0 spawn
  user=alice argv=/bin/sh @CONFIG@/s.sh one two
"""
FILES = {"s.sh": "printf '220 %s %s %s\\r\\n' \"$(id -un)\" \"$1\" \"$2\"; read a; printf '250 got %s\\r\\n' \"$(printf %s \"$a\" | tr -d '\\r')\"; exit 0\n"}
STEPS = [client("hello\n@expect", port=2600)]
