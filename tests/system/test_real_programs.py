# SPDX-License-Identifier: Apache-2.0
"""Programs that people use with a mail system: they send through it, it delivers to them, they read its log.

Each is as Debian has it and is told nothing about the system under test, which stands in the standard places:
/usr/sbin/sendmail, /etc/postfix, port 25."""
import contextlib
import email
import glob
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request

import pytest

import clients
from clients import own, run
from harness.instance import CERTS, Timeout
from harness.peers import SmtpSink
from postern import Postern, swaks, world

pytestmark = pytest.mark.root
ALICE, BOB = (f"{world.ROOT}/home/{user}" for user in ("alice", "bob"))
TLS = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": f"{CERTS}/mx.pem",
       "smtpd_tls_key_file": f"{CERTS}/mx.key"}


@pytest.fixture(scope="module")
def programs(private_world):
    if not os.path.exists(f"{clients.TREE}/.packages"):
        pytest.fail(f"{clients.TREE} is missing: 'make clients' unpacks the programs", pytrace=False)
    with clients.installed():
        yield private_world


@contextlib.contextmanager
def standard_place(inst):
    """INST's configuration is /etc/postfix; empty homes."""
    os.makedirs("/etc/postfix", exist_ok=True)
    for path in glob.glob("/etc/postfix/dynamicmaps.cf*") + glob.glob("/etc/postfix/postfix-files*"):   # of the package
        if os.path.isfile(path):
            shutil.copy(path, inst.config)
    world.mount(inst.config, "/etc/postfix", None, world.MS_BIND)
    clients.empty_homes(inst.homes)
    try:
        yield inst
    finally:
        subprocess.run(["umount", "-l", "/etc/postfix"], check=True)


@pytest.fixture
def host(programs, make):
    """Factory of a running system in the standard places, with Maildirs in the homes unless CONFIG says otherwise."""
    with contextlib.ExitStack() as place:
        def factory(config=None, **kw):
            inst = make({"home_mailbox": "Maildir/", "recipient_delimiter": "+", "command_directory": "/usr/sbin",
                         **(config or {})}, start=False, **kw)
            return place.enter_context(standard_place(inst)).start()
        yield factory


def decoded(header):
    """A header's text, encoded words and raw bytes resolved."""
    return str(email.header.make_header(email.header.decode_header(header)))


# -- they send ---------------------------------------------------------------------
def test_mutt(host):
    inst = host({**TLS, "message_size_limit": "40000"})
    sent = run("mutt", "-n", "-e", "set copy=no from=alice@example.test use_envelope_from=yes "
               "dsn_notify='success,failure' dsn_return=hdrs use_8bitmime=yes", "-s", "Grüße", "-a", "/etc/hosts",
               "-c", "u1@virt.test", "--", "bob@example.test", user="alice", home=ALICE, stdin="naïve\n")
    assert (sent.status, sent.said) == (0, "")
    mail, = inst.wait_mail("home/bob/Maildir")
    assert (mail["Return-Path"], mail["Cc"]) == ("<alice@example.test>", "u1@virt.test")
    assert decoded(mail["Subject"]) == "Grüße"
    text, attached = mail.get_payload()
    assert text["Content-Transfer-Encoding"] == "8bit"
    assert text.get_payload(decode=True).decode(text.get_content_charset()) == "naïve\n"
    assert attached.get_payload(decode=True) == open("/etc/hosts", "rb").read()
    assert len(inst.wait_mail("vmail/u1")) == 1
    # One notice or more, as the deliveries ended: together they name both, and only the headers come back.
    notices = "home/alice/Maildir"
    inst.wait(lambda: sum(m.as_string().count("\nAction: delivered\n") for m in inst.maildir(notices)) == 2, 10,
              "the success notices")
    for notice in inst.maildir(notices):
        assert notice["Subject"] == "Successful Mail Delivery Report"
        assert [part.get_content_type() for part in notice.get_payload()] == [
            "text/plain", "message/delivery-status", "text/rfc822-headers"]

    refused = run("mutt", "-n", "-e", "set copy=no", "-s", "big", "--", "bob@example.test", user="alice", home=ALICE,
                  stdin="x" * 70 + "\n" + ("y" * 70 + "\n") * 2000)
    assert refused.status == 1
    assert "Error sending message, child exited 75" in refused.said
    by_smtp = ("mutt", "-n", "-e", "set copy=no from=alice@example.test smtp_url='smtp://127.0.0.1/' ssl_force_tls=yes "
               f"ssl_verify_host=no ssl_ca_certificates_file={CERTS}/ca.pem", "-s", "by SMTP", "--")
    sent = run(*by_smtp, "bob@example.test", user="alice", home=ALICE, stdin="text\n")
    assert sent.status == 0, sent.said
    mail = next(m for m in inst.wait_mail("home/bob/Maildir", 2) if m["Subject"] == "by SMTP")
    assert "with ESMTPS id" in mail["Received"]
    refused = run(*by_smtp, "nosuch@example.test", user="alice", home=ALICE, stdin="text\n")
    assert refused.status == 1
    assert re.search(r"SMTP session failed: 550 5\.1\.1 <nosuch@example\.test>.*User unknown", refused.said)


def test_bsd_mailx(host):
    inst = host({"home_mailbox": ""})
    sent = run("bsd-mailx", "-s", "to bob", "-a", "X-Tool: mailx", "-c", "u1@virt.test", "bob", user="alice",
               home=ALICE, stdin="first\nFrom here on\n")
    assert (sent.status, sent.said) == (0, "")
    inst.wait_mail("vmail/u1")
    box = f"{inst.root}/mail/bob"
    inst.wait(lambda: os.path.exists(box) and "From here" in open(box).read(), 30, "bob's mailbox")
    heading = run("bsd-mailx", "-f", box, user="bob", home=BOB, stdin="headers\nexit\n")
    assert re.search(r"(?m)^>N +1 alice@example\.tes +\w{3} \w{3} +\d+ \d\d:\d\d +\d+/\d+ +to bob$", heading.out)
    shown = run("bsd-mailx", "-f", box, user="bob", home=BOB, stdin="print 1\nexit\n")
    assert ">From here on\n" in shown.out and "Alice Tester" in shown.out
    assert open(box).read().count("\nX-Tool: mailx\n") == 1

    assert run("bsd-mailx", "-s", "lost", "nosuch", user="alice", home=ALICE, stdin="text\n").status == 0
    box = f"{inst.root}/mail/alice"
    inst.wait(lambda: os.path.exists(box) and "5.1.1" in open(box).read(), 30, "the notice in alice's mailbox")
    assert "MAILER-DAEMON@exa" in run("bsd-mailx", "-f", box, user="alice", home=ALICE, stdin="headers\nexit\n").out


def test_msmtp(host):
    inst = host(TLS)
    server = ("msmtp", "--host=127.0.0.1", "--tls", "--tls-certcheck=off", "--from=alice@example.test")
    shown = run(*server, "--serverinfo")
    assert shown.status == 0
    assert "SMTP server at 127.0.0.1 (localhost [127.0.0.1]), port 25:\n    mx.example.test ESMTP P" in shown.out
    for line in ("PIPELINING:", "DSN:", "STARTTLS:", "Maximum message size is 10240000 bytes = 9.77 MiB"):
        assert line in shown.out
    sent = run(*server, "--dsn-notify=failure", "bob@example.test", stdin="Subject: by msmtp\n\n.\n..two\nlast\n")
    assert (sent.status, sent.said) == (0, "")
    mail, = inst.wait_mail("home/bob/Maildir")
    assert mail.get_payload() == ".\n..two\nlast\n"
    refused = run(*server, "nosuch@example.test", stdin="Subject: none\n\n")
    assert refused.status == os.EX_DATAERR
    assert "server message: 550 5.1.1 <nosuch@example.test>: Recipient address rejected: User unknown" in refused.err


def git(*args, stdin="", **env):
    names = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
             for what, value in (("NAME", "Zoë A"), ("EMAIL", "alice@example.test"))}
    done = run("git", *args, home=ALICE, stdin=stdin, GIT_CONFIG_NOSYSTEM="1", **names, **env)
    assert done.status == 0, done.said
    return done


@pytest.mark.parametrize("way", ["--smtp-server=127.0.0.1", "--sendmail-cmd=/usr/sbin/sendmail"])
def test_git_send_email(host, way):
    """The patches of a series come through so that they can be applied, one thread, in order."""
    inst = host()
    theirs, ours = f"{ALICE}/theirs", f"{ALICE}/ours"
    git("init", "-q", theirs)
    git("-C", theirs, "commit", "-q", "--allow-empty", "-m", "root")
    git("clone", "-q", theirs, ours)
    for n, text in enumerate(("From the start\n.\n", "naïve \t\nlong " + "x" * 900 + "\n")):
        with open(f"{theirs}/{n}", "w") as f:
            f.write(text)
        git("-C", theirs, "add", ".")
        git("-C", theirs, "commit", "-q", "-m", f"change {n}\n\nFrom here.\n")
    git("-C", theirs, "send-email", "-2", "--quiet", "--confirm=never", "--cover-letter", "--force",
        "--from=alice@example.test", "--to=bob@example.test", "--suppress-cc=all", "--8bit-encoding=UTF-8",
        "--transfer-encoding=8bit", way)
    cover, *patches = sorted(inst.wait_mail("home/bob/Maildir", 3), key=lambda mail: decoded(mail["Subject"]))
    assert str(cover["Subject"]).startswith("[PATCH 0/2]")
    assert {m["In-Reply-To"] for m in patches} == {cover["Message-ID"]}
    for n, patch in enumerate(patches, 1):
        with open(f"{ALICE}/{n}.patch", "wb") as f:
            f.write(patch.as_bytes())
    git("-C", ours, "am", "-q", f"{ALICE}/1.patch", f"{ALICE}/2.patch")
    tree = [git("-C", where, "rev-parse", "HEAD^{tree}").out for where in (theirs, ours)]
    assert tree[0] == tree[1]


def test_cron(host):
    """cron mails a job's output through sendmail, as the job's user."""
    inst = host()
    with open("/etc/crontab", "w") as f:
        f.write("SHELL=/bin/sh\nMAILTO=bob\n@reboot alice echo 'done: ä'; echo .; echo last\n")
    with open("/etc/pam.d/cron", "w") as f:         # the test accounts have no shadow entry
        f.write("account required pam_permit.so\nsession required pam_permit.so\n")
    for name in glob.glob("/etc/cron.d/*"):
        os.unlink(name)
    with clients.daemon(["/usr/sbin/cron", "-f"], f"{inst.root}/cron.out", lambda: os.path.exists("/run/crond.pid")):
        mail, = inst.wait_mail("home/bob/Maildir", timeout=15)
    assert (mail["From"], mail["To"]) == ("root@example.test (Cron Daemon)", "bob@example.test")
    assert mail["Return-Path"] == "<alice@example.test>"
    assert re.match(r"by mx\.example\.test \(\w+, from userid 61001\)\n\tid ", mail["Received"])
    assert "Cron <alice@mx> echo" in decoded(mail["Subject"])
    assert mail.get_payload(decode=True) == "done: ä\n.\nlast\n".encode()
    inst.wait_log(r"pickup\[\d+\]: \w+: uid=61001 from=<alice>$")
    direct = run("sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "bob", user="alice", home=ALICE,
                 stdin="From: alice (Cron Daemon)\nTo: bob\nSubject: Cron <alice@mx> true\n\n.\nlast\n")
    assert (direct.status, direct.said) == (0, "")
    mail = next(m for m in inst.wait_mail("home/bob/Maildir", 2) if m["Subject"] == "Cron <alice@mx> true")
    assert (mail["From"], mail.get_payload()) == ("alice@example.test (Cron Daemon)", ".\nlast\n")


def test_swaks(host):
    """swaks' exit status says at which command the server refused, and it speaks the extensions by itself."""
    inst = host({**TLS, "smtpd_sender_restrictions": "check_sender_access inline:{no@example.net=reject}",
                 "smtpd_data_restrictions": "check_sender_access inline:{late@example.net=reject}"})

    def status(*args, to="bob@example.test", sender="a@example.net"):
        return swaks("--server", "127.0.0.1", "--to", to, "--from", sender, *args)[0]

    assert status() == 0
    assert status("--pipeline", "--tls", "--attach", "@/etc/hosts") == 0
    assert status(sender="no@example.net") == 24
    assert status(to="nosuch@example.test") == 24
    assert status(to="nosuch@example.test,bob@example.test") == 0
    assert status(sender="late@example.net") == 25
    assert status("--quit-after", "EHLO") == 0
    mails = inst.wait_mail("home/bob/Maildir", 3)
    assert "with ESMTPS id" in next(m for m in mails if m.is_multipart())["Received"]
    assert {m["Return-Path"] for m in mails} == {"<a@example.net>"}


# -- they are delivered to -----------------------------------------------------------
def test_procmail(host):
    """As mailbox_command: what it is told, where it puts mail, and what its exit status means for the message."""
    inst = host({"mailbox_command": '/usr/bin/procmail -a "$EXTENSION"', "home_mailbox": ""})
    own(f"{BOB}/.procmailrc", "bob", f"MAILDIR={BOB}\nLOGFILE={BOB}/procmail.log\nDEFAULT={BOB}/mbox\n"
        ":0\n* ^Subject: refuse\n{\n  EXITCODE=77\n  HOST\n}\n"
        ":0\n* ^Subject: later\n{\n  EXITCODE=75\n  HOST\n}\n"
        "EXTENSION=$1\n:0\n* EXTENSION ?? ^lists$\nlists/\n", 0o644)
    inst.send("bob@example.test", text="Subject: plain\n\nFrom me\n")
    inst.wait_log(r"to=<bob@example\.test>, relay=local, .*dsn=2\.0\.0, status=sent "
                  r'\(delivered to command: /usr/bin/procmail -a "\$EXTENSION"\)')
    with open(f"{BOB}/mbox") as f:
        box = f.read()
    assert re.match(r"From sender@example\.net  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n"
                    r"Return-Path: <sender@example\.net>\nX-Original-To: bob@example\.test\n"
                    r"Delivered-To: bob@example\.test\n", box)
    assert "\nSubject: plain\n" in box and box.endswith("\n\n>From me\n\n")
    with open(f"{BOB}/procmail.log") as f:
        assert re.match(r"From sender@example.net .*\n Subject: plain\n  Folder: /.*/mbox\t+ *\d+\n", f.read())
    inst.send("bob+lists@example.test", text="Subject: for a list\n\n")
    assert inst.wait_mail("home/bob/lists")[0]["Delivered-To"] == "bob+lists@example.test"
    inst.send("bob@example.test", sender="alice@example.test", text="Subject: refuse\n\n")
    inst.wait_log(r"to=<bob@example\.test>, .*dsn=5\.7\.0, status=bounced \(permission denied")
    inst.send("bob@example.test", text="Subject: later\n\n")
    inst.wait_log(r"to=<bob@example\.test>, .*dsn=4\.3\.0, status=deferred \(temporary failure\)")
    inst.wait(lambda: len(inst.queue_ids("deferred")) == 1, 30, "the deferred message")


def test_dovecot_lda(host):
    """dovecot-lda as mailbox_command runs as the user, with the user's environment."""
    inst = host({"home_mailbox": ""})
    conf = clients.dovecot_conf(inst.root)
    own(f"{inst.root}/dovecot.log", "bob", "", 0o666)
    inst.reload(mailbox_command=f'/usr/lib/dovecot/dovecot-lda -c {conf} -f "$SENDER" -a "$RECIPIENT" -m "$EXTENSION"')
    inst.send("bob@example.test", text="Subject: inbox\n\nbody\n")
    mail, = inst.wait_mail("home/bob/Maildir")
    assert (mail["Subject"], mail["Return-Path"]) == ("inbox", "<sender@example.net>")
    inst.send("bob+lists@example.test", sender="", text="Subject: folder\n\n")
    mail, = inst.wait_mail("home/bob/Maildir/.lists")
    assert mail["Delivered-To"] == "bob+lists@example.test"
    assert "saved mail to lists" in open(f"{inst.root}/dovecot.log").read()
    assert os.stat(f"{BOB}/Maildir/.lists").st_uid == world.USERS["bob"][0]
    os.chmod(f"{BOB}/Maildir/tmp", 0o500)           # it ends with EX_TEMPFAIL
    inst.send("bob@example.test", text="Subject: later\n\n")
    inst.wait_log(r"to=<bob@example\.test>, .*dsn=4\.3\.0, status=deferred \(temporary failure")


def test_dovecot_lmtp_and_fetchmail(host):
    """Over LMTP into Dovecot; fetchmail takes it from there by POP3 and gives it to port 25 for another user."""
    inst = host()
    with clients.dovecot(inst.root) as socket:
        inst.reload(mailbox_transport_maps=f"inline:{{{{bob = lmtp:unix:{socket}}}}}")
        inst.send(["bob@example.test", "bob+lists@example.test"], text="Subject: by LMTP\n\n.dot\nFrom me\n")
        line = inst.wait_log(r"to=<bob@example\.test>, relay=(\S+), .*dsn=2\.0\.0, status=sent \((.*)\)")[0]
        assert line[1] == f"mx.example.test[{socket}]"
        assert re.fullmatch(r"250 2\.0\.0 <bob@example\.test> \S+ Saved", line[2])
        mail, = inst.wait_mail("home/bob/Maildir")
        assert mail["Return-Path"] == "<sender@example.net>" and mail["Delivered-To"] == "bob@example.test"
        assert len(inst.wait_mail("home/bob/Maildir/.lists")) == 1
        rc = own(f"{ALICE}/.fetchmailrc", "alice", "poll 127.0.0.1 protocol pop3 port 110 auth password no uidl "
                 "user bob password secret is alice@example.test here nokeep smtphost 127.0.0.1 sslproto ''\n", 0o600)
        first = run("fetchmail", "-f", rc, "--nosyslog", "-i", f"{ALICE}/.ids", user="alice", home=ALICE)
        assert first.status == 0, first.said
        assert "1 message for bob at 127.0.0.1" in first.said and "flushed" in first.said
        mail, = inst.wait_mail("home/alice/Maildir")
        assert (mail["Subject"], mail.get_payload()) == ("by LMTP", ".dot\nFrom me\n")
        assert mail["Return-Path"] == "<sender@example.net>" and len(mail.get_all("Received")) >= 3
        # Status 1: no mail there. What port 25 refuses for the moment stays where it is.
        assert run("fetchmail", "-f", rc, "--nosyslog", user="alice", home=ALICE).status == 1
        inst.send("bob@example.test", text="Subject: stays\n\n")
        inst.wait_log(r"status=sent", 4)
        inst.reload(smtpd_recipient_restrictions="check_recipient_access inline:{{alice@example.test = 450 later}}, "
                    "reject")
        refused = run("fetchmail", "-f", rc, "--nosyslog", "--softbounce", user="alice", home=ALICE)
        assert "not flushed" in refused.said
        assert len(glob.glob(f"{BOB}/Maildir/cur/*") + glob.glob(f"{BOB}/Maildir/new/*")) == 1


# -- they read the log ---------------------------------------------------------------
TRAFFIC = {
    "home_mailbox": "Maildir/", "command_directory": "/usr/sbin", "alias_maps": "inline:{all=u1@virt.test}",
    "smtpd_helo_required": "yes", "smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname",
    "smtpd_client_restrictions": "check_client_access inline:{203.0.113.66=reject}",
    "smtpd_sender_restrictions": "check_sender_access inline:{ {held@example.net=HOLD kept} "
                                 "{gone@example.net=DISCARD dropped} }, warn_if_reject reject_unknown_sender_domain",
    "smtpd_hard_error_limit": "3", "minimal_backoff_time": "1000s"}


def produce_traffic(inst):
    """What the readers of the log count; each line says what becomes of the message."""
    for _ in range(2):
        inst.send("u1@virt.test")                               # delivered
    inst.send(["alice@example.test", "x@dest.test"])            # delivered, relayed
    inst.send("all@example.test")                               # forwarded to u1
    inst.send("no@dest.test", sender="bob@example.test")        # bounced, with a notice to bob
    inst.send("x@down.test")                                    # deferred
    inst.send("u1@virt.test", sender="held@example.net")        # on hold
    inst.send("u1@virt.test", sender="gone@example.net")        # discarded
    inst.send("u1@virt.test", sender="a@nowhere.test")          # delivered, with a reject warning
    for host, name, recipient, code in ((5, "peer.example.net", "y@else.test", 454),
                                        (5, "peer.example.net", "z@else.test", 454),
                                        (6, "peer.example.net", "nosuch@example.test", 550),
                                        (66, "peer.example.net", "u1@virt.test", 554),
                                        (7, "short", "u1@virt.test", 504)):
        with inst.smtp(source=f"203.0.113.{host}") as client:
            client.ehlo(name)
            client.mail("sender@example.net")
            assert client.rcpt(recipient)[0] == code
    for host, lines, last in ((8, ["FOO"] * 4, 421), (9, ["EHLO peer.example.net"], 250)):      # too many errors; gone
        with contextlib.closing(inst.smtp(source=f"203.0.113.{host}")) as client:
            assert [client.docmd(line)[0] for line in lines][-1] == last
    with inst.smtp(source="203.0.113.10") as client:
        client.send("HELO peer.example.net\r\nMAIL FROM:<a@example.net>\r\n")      # too early
        assert (client.getreply()[0], client.getreply()[0]) == (250, 250)
    inst.wait_mail("home/bob/Maildir")
    inst.wait_log(r"to=<x@down\.test>, .*status=deferred")
    inst.wait_log(r"lost connection after EHLO from unknown\[203\.0\.113\.9\]")
    inst.wait_log(r"smtpd\[\d+\]: disconnect from ", 17)
    inst.wait_idle()


@pytest.fixture(scope="module")
def traffic(programs):
    """A running instance after known traffic."""
    top = tempfile.mkdtemp(prefix="postern-")
    os.chmod(top, 0o755)
    before = dict(programs.zone)
    programs.zone.update({"down.test": {"MX": [(10, "mx.down.test")]}, "mx.down.test": {"A": "192.0.2.99"}})
    relay = SmtpSink("192.0.2.10", script={"^RCPT TO:<no@": "550 5.1.1 no such user"}, sort=True)
    relay.start()
    inst = Postern(f"{top}/0")
    try:
        inst.create(TRAFFIC)
        with standard_place(inst):
            inst.start()
            produce_traffic(inst)
            yield inst
        assert inst.alarms() == []
    finally:
        inst.stop()
        inst.kill9()
        relay.stop()
        programs.zone.clear()
        programs.zone.update(before)
        shutil.rmtree(top, ignore_errors=True)


def numbers(text):
    """{label: number} of lines like "   5   rejected (38%)"."""
    rows = re.findall(r"^ *([\d,]+) +([A-Za-z45][\w/ -]*?(?: \([a-z_]+\))?)(?: *\(.*| {2,}.*|)$", text, re.M)
    return {label: int(number.replace(",", "")) for number, label in rows}


def section(report, title):
    """The part of a report under a line that has TITLE, up to the next empty line or the next rule."""
    return re.search(rf"(?m)^.*{re.escape(title)}.*\n(?:[ -]+\n)?((?:.*\S.*\n)*)", report)[1]


TOTALS = {
    "received": 9, "delivered": 7, "forwarded": 1, "deferred": 1, "bounced": 1, "rejected": 5, "reject warnings": 1,
    "held": 1, "discarded": 1, "senders": 3, "sending hosts/domains": 3, "recipients": 4, "recipient hosts/domains": 3,
    "connections": 17, "hosts/domains": 8}


def test_pflogsumm(traffic):
    done = run("pflogsumm", "--problems-first", "--smtpd-stats", traffic.log)
    assert (done.status, done.err) == (0, "")
    found = numbers(done.out.split("Per-Hour Traffic")[0])
    assert {label: found[label] for label in TOTALS} == TOTALS
    assert found["bytes received"] == sum(int(re.search(r"size=(\d+)", line)[1]) for line in queued(traffic))
    assert "1   mx.down.test[192.0.2.99]:25: Connection refused" in section(done.out, "message deferral detail")
    assert "1   5.1.1 no such user (in reply to RCPT TO command)" in section(done.out, "message bounce detail")
    assert [line.strip() for line in section(done.out, "message reject detail").splitlines()] == [
        "RCPT",
        "Client host rejected: Access denied (total: 1)", "1   203.0.113.66",
        "Helo command rejected: need fully-qualified hostname (total: 1)", "1   203.0.113.7",
        "Recipient address rejected: User unknown in local recipient table (total: 1)", "1   nosuch@example.test",
        "Relay access denied (total: 2)", "2   203.0.113.5"]
    for what, reason in (("reject warning", "Sender address rejected: Domain not found"),
                         ("hold", "Sender address kept"), ("discard", "Sender address dropped")):
        assert f"{reason} (total: 1)" in section(done.out, f"message {what} detail")
    for none in ("smtp delivery failures", "Warnings", "Fatal Errors", "Panics"):
        assert f"\n{none}: none\n" in done.out
    assert numbers(section(done.out, "Senders by message count").replace("@", "/").replace(".", "/")) == {
        "sender/example/net": 5, "bob/example/test": 1, "a/nowhere/test": 1}
    assert re.search(r"(?m)^ +0 +0 +1 +\d.* down\.test$", section(done.out, "Host/Domain Summary: Message Delivery"))


def queued(inst):
    """The first line of each message that a client brought and that the queue manager took."""
    taken = set(re.findall(r"smtpd\[\d+\]: (\w+): client=", inst.log_text()))
    lines = {}
    for match in re.finditer(r"qmgr\[\d+\]: (\w+): from=<.*", inst.log_text()):
        if match[1] in taken:
            lines.setdefault(match[1], match[0])
    return lines.values()


def test_fail2ban(traffic):
    """Which clients each mode of the filter finds, and nobody whose mail was accepted."""
    normal = [5, 5, 6, 7, 8, 10, 66]
    for mode, hosts in (("normal", normal), ("aggressive", normal + [9]), ("errors", [8])):
        found = run("fail2ban-regex", "-o", "ip", traffic.log, f"postfix[mode={mode}]")
        assert found.status == 0, found.said
        assert sorted(found.out.split()) == sorted(f"203.0.113.{host}" for host in hosts)


def test_logwatch(traffic):
    logs = f"{traffic.root}/logs"
    os.mkdir(logs)
    shutil.copy(traffic.log, f"{logs}/mail.log")
    os.makedirs("/var/cache/logwatch", exist_ok=True)
    done = run("logwatch", "--logdir", logs, "--service", "postfix", "--range", "all", "--detail", "10", "--output",
               "stdout")
    assert (done.status, done.err) == (0, "")
    summary, detail = done.out.split("Detail (10)")
    found = {label: n for label, n in numbers(summary).items() if "ytes" not in label}
    assert found == {
        "Placed on hold": 1, "Reject warnings (warn_if_reject)": 1, "Accepted": 9, "Rejected": 3, "Total": 12,
        "5xx Reject HELO/EHLO": 1, "5xx Reject unknown user": 1, "5xx Reject client host": 1, "Total 5xx Rejects": 3,
        "4xx Reject relay denied": 2, "Total 4xx Rejects": 2, "Warn Reject sender address": 1, "Total Warn Rejects": 1,
        "Connections": 17, "Connections lost (inbound)": 1, "Disconnections": 17, "Removed from queue": 8,
        "Delivered": 6, "Sent via SMTP": 1, "Forwarded": 1, "Deferred": 1, "Deferrals": 1, "Bounced (remote)": 1,
        "Discarded": 1, "Notifications sent": 1, "Connection failures (outbound)": 1, "SMTP protocol violations": 2,
        "Postfix start": 1}
    words = " ".join(detail.split())
    for text in ("4.4.1: Transient failure: Network & routing status: No answer from host 1 Connection refused "
                 "1 down.test 1 x 1 192.0.2.99 mx.down.test",
                 "dest.test 1 no 1 192.0.2.10 mx1.dest.test 1 550 5.1.1 Unknown recipient: RCPT TO",
                 "Improper command pipelining 1 After HELO 1 203.0.113.10 unknown",
                 "Too many errors 1 After UNKNOWN 1 203.0.113.8 unknown"):
        assert text in words
    assert "nmatched" not in done.out


def position(pid, path):
    """Where process PID is in the file that it has open; None: nowhere."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/{fd}") == path:
                with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                    return int(f.readline().split()[1])
    return None


def metrics():
    try:
        with urllib.request.urlopen("http://127.0.0.1:9154/metrics", timeout=5) as reply:
            rows = [line.rsplit(" ", 1) for line in reply.read().decode().splitlines() if line.startswith("postfix_")]
            return {name: float(value) for name, value in rows}
    except OSError:
        return {}


def test_prometheus_exporter(traffic):
    """It follows the log, and asks showq itself about the queue."""
    log, socket, old = f"{traffic.root}/followed.log", f"{traffic.queue}/public/showq", "what was there before\n"
    with open(log, "w") as f:
        f.write(old)
    want = {
        "smtpd_connects_total": 17, "smtpd_messages_processed_total{sasl_method=\"\"}": 9,
        "smtpd_connections_lost_total{after_stage=\"EHLO\"}": 1, "cleanup_messages_processed_total": 10,
        "qmgr_messages_inserted_receipients_count": 9, "qmgr_messages_inserted_receipients_sum": 10,
        "smtp_status_deferred": 1, "smtp_delivery_delay_seconds_count{stage=\"\"}": 12, f"up{{path=\"{socket}\"}}": 1}
    for name, label, counts in (
            ("smtpd_messages_rejected_total", "code", {"454": 2, "504": 1, "550": 1, "554": 1}),
            ("showq_message_age_seconds_count", "queue",
             {"deferred": 1, "hold": 1, "active": 0, "incoming": 0, "maildrop": 0}),
            # What it does not count by its contents: a line more or less is a difference.
            ("unsupported_log_entries_total", "service",
             {"": 1, "bounce": 1, "local": 3, "master": 1, "smtp": 1, "smtpd": 5, "virtual": 4})):
        want |= {f"{name}{{{label}=\"{key}\"}}": n for key, n in counts.items()}

    def found():
        now = metrics()
        return {name: now.get(f"postfix_{name}") for name in want}
    with clients.daemon(["/usr/bin/prometheus-postfix-exporter", "--web.listen-address=127.0.0.1:9154",
                         f"--postfix.logfile_path={log}", f"--postfix.showq_path={socket}"],
                        f"{traffic.root}/exporter.out", metrics) as exporter:
        traffic.wait(lambda: position(exporter.pid, log) == len(old), 10, "the exporter at the end of the log")
        with open(log, "a") as f:
            f.write(traffic.log_text())
        with contextlib.suppress(Timeout):
            traffic.wait(lambda: found() == want, 10, "")
        assert found() == want
