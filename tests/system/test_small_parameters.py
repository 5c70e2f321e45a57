# SPDX-License-Identifier: Apache-2.0
"""Parameters with one small effect each."""
import re
import socket

import pytest

pytestmark = pytest.mark.root


def test_biff_is_told_where_the_message_begins(make):
    """One datagram for each message in a mailbox file, none where there is no such file."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as comsat:
        comsat.bind(("127.0.0.1", 512))
        comsat.settimeout(20)
        inst = make({"biff": "yes"})
        inst.send("alice@example.test", text="Subject: first\n\nbody\n")
        assert comsat.recv(100) == b"alice@0"
        inst.send("alice@example.test", text="Subject: second\n\nbody\n")
        offset = re.fullmatch(rb"alice@([1-9]\d*)", comsat.recv(100))
        with open(f"{inst.root}/mail/alice", "rb") as f:
            assert f.read()[int(offset[1]):].startswith(b"From sender@example.net")
        inst.reload(home_mailbox="Maildir/")
        inst.send("alice@example.test")
        inst.wait_mail("home/alice/Maildir")
        comsat.setblocking(False)
        with pytest.raises(BlockingIOError):
            comsat.recv(100)


@pytest.mark.alarms
def test_table_that_cannot_be_opened_may_be_fatal(make):
    inst = make({"transport_maps": "texthash:/nonexistent", "daemon_table_open_error_is_fatal": "yes",
                 "virtual_alias_maps": "", "service_throttle_time": "1s"})
    call_rewrite(inst)
    inst.wait_log(r"trivial-rewrite\[\d+\]: fatal: open.*/nonexistent")
    inst.reload(daemon_table_open_error_is_fatal="no")
    call_rewrite(inst)
    inst.wait_log(r"trivial-rewrite\[\d+\]: error: open.*/nonexistent")


def call_rewrite(inst):
    """What starts the service."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{inst.queue}/private/rewrite")
