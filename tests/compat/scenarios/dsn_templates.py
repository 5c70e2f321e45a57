# SPDX-License-Identifier: Apache-2.0
"""bounce_template_file: own text for failure and success notices with parameters and charset."""
from harness.dsl import *

CONFIG = {"bounce_template_file": "@CONFIG@/bounce.cf"}
FILES = {"bounce.cf": table("""
    failure_template = <<EOF
    Charset: utf-8
    From: MAILER (Postmaster) <MAILER-DAEMON>
    Subject: Sorry from $myhostname
    Postmaster-Subject: Copy: Sorry

    Dear user, $mydomain could not do it within $maximal_queue_lifetime_hours hours. ü
    EOF
    success_template = <<EOF
    Subject: Fine

    It went well.
    EOF
    delay_template = <<EOF
    Subject: Not yet

    It waits for $delay_warning_time_minutes minutes.
    EOF
    verify_template = <<EOF
    Subject: Tried

    It was tried.
    EOF
    """)}
STEPS = [msg("carol@example.test", "u@nosuch.test"), msg("carol@example.test", "u1@virt.test", ropts="NOTIFY=SUCCESS"), cmd("postconf", "-b", "@CONFIG@/bounce.cf")]
