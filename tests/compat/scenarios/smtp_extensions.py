# SPDX-License-Identifier: Apache-2.0
"""SIZE refused, 8bit to quoted-printable, BODY=8BITMIME, DSN parameters, SMTPUTF8 not offered."""
from harness.dsl import *

CONFIG = {"disable_mime_output_conversion": "no"}
ZONE = {"old.test": {"A": "192.0.2.70"}, "small.test": {"A": "192.0.2.71"}, "dsn.test": {"A": "192.0.2.72"}, "utf8.test": {"A": "192.0.2.73"}}
PEERS = {"old": sink(addr="192.0.2.70", name="old.test", ehlo=[]), "small": sink(addr="192.0.2.71", name="small.test", ehlo=["SIZE 100"]),
         "dsn": sink(addr="192.0.2.72", name="dsn.test", ehlo=["DSN", "8BITMIME", "SIZE", "PIPELINING"]), "utf8": sink(addr="192.0.2.73", name="utf8.test", ehlo=["SMTPUTF8", "8BITMIME"])}
BODY = "Subject: ext\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nna\u00efve = caf\u00e9\ntrailing space \n.\n" + "long " * 30 + "\u00fc"
STEPS = [msg("carol@example.test", "u@old.test", body=BODY, opts="BODY=8BITMIME"), msg("carol@example.test", "u@small.test", body="Subject: s\n\n" + "x" * 70 + "\n" + "y" * 70),
         msg("carol@example.test", "u@dsn.test", body=BODY, opts="BODY=8BITMIME RET=HDRS ENVID=ab+2Bcd", ropts="NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig+2Bx@dsn.test"),
         msg("carol@example.test", "j\u00f6rg@utf8.test", body="Subject: gr\u00fc\u00dfe\n\n\u00fc", opts="SMTPUTF8 BODY=8BITMIME"), msg("carol@example.test", "j\u00f6rg@old.test", body="Subject: u8\n\nx", opts="SMTPUTF8"),
         msg("carol@example.test", "u@old.test", body="Subject: u8 only header gr\u00fc\u00dfe\n\nx", opts="SMTPUTF8")]
