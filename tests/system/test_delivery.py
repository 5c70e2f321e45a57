# SPDX-License-Identifier: Apache-2.0
"""A message's way: accepted, queued, relayed to a second instance, delivered into a Maildir."""
import re

import pytest

from harness.instance import CERTS
from postern import process_status, s_client, swaks

TLS_SERVER = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": f"{CERTS}/mx.pem",
              "smtpd_tls_key_file": f"{CERTS}/mx.key", "smtpd_tls_received_header": "yes", "smtp_tls_loglevel": "1"}


@pytest.mark.root
def test_local_maildir_belongs_to_the_user(make):
    inst = make({"home_mailbox": "Maildir/"})
    assert "queued as" in inst.send("alice@example.test", text="Subject: hello\n\nfirst line\n")
    mail, = inst.wait_mail("home/alice/Maildir")
    assert mail["Subject"] == "hello"
    assert mail["Delivered-To"] == "alice@example.test"
    assert mail["Return-Path"] == "<sender@example.net>"
    inst.wait_idle()
    assert inst.queue_ids() == []


@pytest.mark.root
def test_relay_over_tls_twice(make, zone):
    zone["virt.test"] = {"MX": [(10, "mx.virt.test")]}
    zone["mx.virt.test"] = {"A": "192.0.2.1"}
    receiver = make({**TLS_SERVER, "myhostname": "mx.virt.test"}, address="192.0.2.1")
    sender = make({**TLS_SERVER, "smtp_tls_security_level": "encrypt", "virtual_mailbox_domains": ""})
    sender.send("u1@virt.test", text="Subject: two hops\n\nbody\n", starttls=True)
    mail, = receiver.wait_mail("vmail/u1")
    received = mail.get_all("Received")
    assert len(received) == 2
    assert all(re.search(r"\(using TLSv1\.3 with cipher \S+ \(\d+/\d+ bits\)", header) for header in received)
    assert re.search(r"with ESMTPS id", received[0])
    sender.wait_log(r"Untrusted TLS connection established to mx\.virt\.test\[192\.0\.2\.1\]:25: TLSv1\.3")
    sender.wait_log(r"to=<u1@virt\.test>, relay=mx\.virt\.test\[192\.0\.2\.1\]:25, .*dsn=2\.0\.0, status=sent")


@pytest.mark.root
def test_real_clients_over_starttls(make):
    inst = make({**TLS_SERVER, "home_mailbox": "Maildir/"})
    status, text = swaks("--server", "127.0.0.1", "--to", "bob@example.test", "--from", "a@example.net", "--tls",
                         "--header", "Subject: from swaks", "--attach", "@/etc/hosts")
    assert status == 0, text
    mail, = inst.wait_mail("home/bob/Maildir")
    assert mail.is_multipart() and mail["Subject"] == "from swaks"
    status, text = s_client("127.0.0.1", 25, "-CAfile", f"{CERTS}/ca.pem", "-verify_return_error")
    assert status == 0 and "Verify return code: 0 (ok)" in text
    assert "221 2.0.0 Bye" in text


def test_rootless_delivers_to_its_own_user_only(make):
    inst = make(rootless=True)
    inst.send("u1@virt.test")
    mail, = inst.wait_mail("vmail/u1")
    assert mail["Delivered-To"] == "u1@virt.test"
    uids = {status["Uid"] for pid in inst.pids() if (status := process_status(pid))}
    assert len(uids) == 1 and str(inst.owner_uid) in uids.pop().split()


def test_rootless_defers_other_owners(make):
    inst = make({"virtual_uid_maps": "static:65534"}, rootless=True)
    inst.send("u1@virt.test")
    inst.wait_log(r"to=<u1@virt\.test>.*status=deferred")
    assert len(inst.queue_ids("deferred")) == 1
    assert inst.maildir("vmail/u1") == []


@pytest.mark.root
def test_stop_cuts_nothing_that_was_accepted(make):
    inst = make({"home_mailbox": "Maildir/"})
    for n in range(20):
        inst.send("carol@example.test", text=f"Subject: n{n}\n\nbody\n")
    assert inst.stop() == 0
    inst.start()
    mails = inst.wait_mail("home/carol/Maildir", 20)
    assert sorted(m["Subject"] for m in mails) == sorted(f"n{n}" for n in range(20))
