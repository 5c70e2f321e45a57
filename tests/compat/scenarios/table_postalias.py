# SPDX-License-Identifier: Apache-2.0
"""postalias and newaliases: syntax, -q, -s, duplicates, bad lines."""
from harness.dsl import *

START = False
CONFIG = {"alias_maps": "hash:@CONFIG@/aliases", "alias_database": "hash:@CONFIG@/aliases"}
FILES = {"aliases": "root: alice\nList: a, b,\n  c\n\"q x\": y\ndup: 1\ndup: 2\nnocolon value\n: empty\nincl: :include:/x\ncmd: \"|x y\"\n"}
STEPS = [cmd("postalias", "hash:@CONFIG@/aliases"), cmd("postalias", "-s", "hash:@CONFIG@/aliases", sort=True), cmd("postalias", "-q", "LIST", "hash:@CONFIG@/aliases"), cmd("postalias", "-q", "q x", "hash:@CONFIG@/aliases"),
         cmd("postalias", "-q", "nope", "hash:@CONFIG@/aliases"), cmd("newaliases"), cmd("postalias", "-d", "root", "hash:@CONFIG@/aliases"), cmd("postalias", "-q", "root", "hash:@CONFIG@/aliases"), cmd("sendmail", "-bi"),
         cmd("postalias", "texthash:@CONFIG@/aliases"), cmd("postalias", "btree:@CONFIG@/nosuch")]
