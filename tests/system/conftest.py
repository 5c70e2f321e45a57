# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the whole-system tests.

As root the test process moves into mount, network and uts namespaces of its own (the world of the compat harness:
loopback networks, DNS, test accounts), so nothing on the machine changes and no port clashes. As an ordinary user only
the rootless tests run, on high ports; the others are skipped, saying so."""
import os
import shutil
import socket
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from postern import BUILD, DAEMONS, PACKAGE, Postern, ordinary_user, world       # noqa: E402
from harness.dns import Dns                                             # noqa: E402
from harness.runner import ZONE                                         # noqa: E402

KEPT = os.path.join(BUILD, "check", "system")       # instances of failed tests


def pytest_configure(config):
    config.addinivalue_line("markers", "root: needs root (namespaces, accounts, low ports)")
    config.addinivalue_line("markers", "config(NAME=VALUE...): main.cf settings for a fixture that makes instances")
    config.addinivalue_line("markers", "alarms: the test provokes crashes, so they may stand in the log")


def pytest_collection_modifyitems(items):
    if os.geteuid() == 0:
        return
    skip = pytest.mark.skip(reason="needs root: namespaces, test accounts, low ports")
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(skip)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.test_failed = report.failed


@pytest.fixture(scope="session", autouse=True)
def private_world():
    """The namespaces and the DNS server; tests add to .zone."""
    if os.geteuid() == 0:
        world.enter_namespaces()
        world.build(PACKAGE)
    if not os.path.exists(f"{DAEMONS}/master"):
        pytest.fail(f"{DAEMONS}/master is not built", pytrace=False)
    if os.geteuid():
        yield None
        return
    yield Dns(dict(ZONE))


@pytest.fixture
def zone(private_world):
    """Names of the DNS server for this test: zone["d.test"] = {"MX": [(10, "mx.d.test")]}."""
    before = dict(private_world.zone)
    yield private_world.zone
    private_world.zone.clear()
    private_world.zone.update(before)


@pytest.fixture
def make(request):
    """Factory of instances: make(config={}, master="", files={}, port=, address=, rootless=False, start=True)."""
    top = tempfile.mkdtemp(prefix="postern-")
    os.chmod(top, 0o755)
    made = []

    def factory(config=None, master="", files=None, port=None, address="127.0.0.1", rootless=False, start=True):
        if rootless and PACKAGE:
            pytest.skip("Postfix must be started by root")
        user = ordinary_user() if rootless or os.geteuid() else None
        if port is None:
            port = free_port(address) if user else 25
        inst = Postern(f"{top}/{len(made)}", port, address, user)
        made.append(inst)
        inst.create(config, master, files)
        return inst.start() if start else inst
    yield factory
    alarms = []
    for inst in made:
        inst.stop()
        inst.kill9()
        alarms += inst.alarms()
    if alarms and not request.node.get_closest_marker("alarms"):
        request.node.test_failed = True
    if getattr(request.node, "test_failed", True):
        keep(top, request.node.name)
        for inst in made:
            print(f"-- {inst.log}, its end:", *inst.log_text().splitlines()[-40:], sep="\n")
    shutil.rmtree(top, ignore_errors=True)
    if alarms and not request.node.get_closest_marker("alarms"):
        pytest.fail("alarming log lines:\n" + "\n".join(alarms), pytrace=False)


def keep(top, name):
    target = os.path.join(KEPT, "".join(c if c.isalnum() or c in "-_." else "_" for c in name))
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(KEPT, exist_ok=True)
    shutil.copytree(top, target, symlinks=True, ignore_dangling_symlinks=True,
                    ignore=lambda where, names: [n for n in names if not os.path.isdir(os.path.join(where, n)) and
                                                 not os.path.isfile(os.path.join(where, n))])


def free_port(address):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]
