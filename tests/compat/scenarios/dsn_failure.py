# SPDX-License-Identifier: Apache-2.0
"""Failure notices: RET=FULL and HDRS, NOTIFY=NEVER, several recipients, remote reply text, null sender."""
from harness.dsl import *

PEERS = {"mx1": sink(script={"^RCPT.*bad": "550-5.1.1 no such\n550 5.1.1 user here"}, ehlo=["DSN"], show_message=False)}
BODY = "Subject: fails\nX-Long: {}\n\nbody text".format("word " * 30)
STEPS = [msg("carol@example.test", "bad1@dest.test", "ok@dest.test", "bad2@dest.test", body=BODY), msg("carol@example.test", "bad@dest.test", body=BODY, opts="RET=HDRS ENVID=x+20y", ropts="NOTIFY=FAILURE ORCPT=rfc822;o@orig.test"),
         msg("carol@example.test", "bad@dest.test", opts="RET=FULL", ropts="NOTIFY=NEVER"), msg("", "bad@dest.test")]
