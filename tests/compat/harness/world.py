# SPDX-License-Identifier: Apache-2.0
"""The private world of one scenario: namespaces, addresses, /etc overlay.

The runner starts us through unshare(1) with new mount, network, pid and uts
namespaces.  Everything here therefore touches only that world: when its first
process dies the kernel kills every process in it and drops every mount.
"""
import ctypes
import fcntl
import os
import socket
import struct

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
ROOT = "/tmp/mta"            # same path in every world, so texts never depend on it
HOSTNAME = "mx.example.test"
NETS = ("192.0.2.1", "198.51.100.1", "203.0.113.1")     # /24 each, all local
NETS6 = ("2001:db8::7", "2001:db8::10", "2001:db8::11", "2001:db8::25")

# Test accounts: name -> (uid, gid).  They exist only inside the world.
USERS = {"alice": (61001, 61001), "bob": (61002, 61002), "carol": (61003, 61003),
         "vmail": (61009, 61009)}
MS_BIND, MS_NOSUID = 4096, 2
MS_REC, MS_PRIVATE = 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWNET = 0x20000, 0x4000000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespaces():
    """Move this process into new mount, network and uts namespaces (unshare(1) does it for a scenario)."""
    if _libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWNET):
        err = ctypes.get_errno()
        raise OSError(err, f"unshare: {os.strerror(err)}")
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def mount(src, dst, fstype=None, flags=0, data=None):
    enc = lambda s: None if s is None else s.encode()
    if _libc.mount(enc(src), enc(dst), enc(fstype), ctypes.c_ulong(flags), enc(data)):
        err = ctypes.get_errno()
        raise OSError(err, f"mount {src} on {dst}: {os.strerror(err)}")


def _layer(target, lower):
    """Lay the LOWER directories over TARGET; what is written there stays on our own tmpfs."""
    area = f"{ROOT}/ns/layers{target.replace('/', '-')}"
    os.makedirs(f"{area}/upper")
    os.makedirs(f"{area}/work")
    mount("overlay", target, "overlay", 0,
          f"lowerdir={':'.join(lower + [target])},upperdir={area}/upper,workdir={area}/work")


def see_package(root):
    """Make a package unpacked below ROOT appear in its place in /usr and /etc."""
    for name in ("usr", "etc"):
        if os.path.isdir(f"{root}/{name}"):
            _layer(f"/{name}", [f"{root}/{name}"])


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        req = fcntl.ioctl(s, 0x8913, struct.pack("16sH22x", b"lo", 0))   # SIOCGIFFLAGS
        flags = struct.unpack("16sH22x", req)[1]
        fcntl.ioctl(s, 0x8914, struct.pack("16sH22x", b"lo", flags | 1))  # IFF_UP
        for n, ip in enumerate(NETS, 1):
            fcntl.ioctl(s, 0x8916, struct.pack("16sHH4s8x", b"lo:%d" % n, socket.AF_INET,
                                               0, socket.inet_aton(ip)))  # SIOCSIFADDR
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            index = socket.if_nametoindex("lo")
            for ip in NETS6:
                fcntl.ioctl(s, 0x8916, socket.inet_pton(socket.AF_INET6, ip)
                            + struct.pack("Ii", 128, index))
    except OSError:
        pass                                    # no IPv6 here; only smtp*_ipv6 cares


def _names_and_ids(lines):
    rows = [l.split(":") for l in lines if l.count(":") > 2]
    return {r[0] for r in rows}, {int(r[2]) for r in rows}


def lookup(database, name):
    """Fields of NAME in /etc/passwd or /etc/group.  Read directly: glibc may not notice the overlay."""
    for line in open(f"/etc/{database}"):
        fields = line.rstrip("\n").split(":")
        if fields[0] == name:
            return fields
    raise KeyError(name)


def _free_id(taken):
    n = 500
    while n in taken:
        n += 1
    return n


def _account_files():
    """Return passwd and group texts: the machine's own plus the test users."""
    passwd = open("/etc/passwd").read().rstrip("\n").split("\n")
    group = open("/etc/group").read().rstrip("\n").split("\n")
    have_p, uids = _names_and_ids(passwd)
    have_g, gids = _names_and_ids(group)
    for name in ("postfix", "postdrop"):
        if name not in have_g:
            gid = _free_id(gids)
            gids.add(gid)
            group.append(f"{name}:x:{gid}:")
    if "postfix" not in have_p:
        gid = next(int(g.split(":")[2]) for g in group if g.startswith("postfix:"))
        passwd.append(f"postfix:x:{_free_id(uids)}:{gid}::{ROOT}/queue:/usr/sbin/nologin")
    for name, (uid, gid) in USERS.items():
        passwd = [l for l in passwd if not l.startswith(name + ":")]
        group = [l for l in group if not l.startswith(name + ":")]
        passwd.append(f"{name}:x:{uid}:{gid}:{name.title()} Tester,,,:{ROOT}/home/{name}:/bin/sh")
        group.append(f"{name}:x:{gid}:")
    return "\n".join(passwd) + "\n", "\n".join(group) + "\n"


def _overlay(name, text, mode=0o644):
    path = f"{ROOT}/ns/{name}"
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    target = f"/etc/{name}"
    if not os.path.exists(target):              # the machine has none: a mount point on the layer over /etc
        open(target, "a").close()
    mount(path, os.path.realpath(target), None, MS_BIND)


def open_way_to(tree):
    """Let the test accounts reach TREE when it is below a directory that only root may enter (/root, say)."""
    parent = tree
    while (parent := os.path.dirname(parent)) != "/":
        if not os.stat(parent).st_mode & 0o001:
            where, held = os.getcwd(), os.open(tree, os.O_PATH)
            mount("tree", parent, "tmpfs", 0, "mode=755")
            os.makedirs(tree)
            mount(f"/proc/self/fd/{held}", tree, None, MS_BIND | MS_REC)
            os.close(held)
            os.chdir(where if where.startswith(tree) else "/")


def private_root(package=None):
    """A tmpfs at ROOT, layers over /etc (and over /usr for an unpacked PACKAGE), and the test accounts.

    Needs a mount namespace of its own."""
    open_way_to(TOP)
    os.makedirs(ROOT, exist_ok=True)
    mount("oracle", ROOT, "tmpfs", 0, "mode=755,size=256m")
    os.mkdir(f"{ROOT}/ns")
    if package:
        see_package(package)
    else:
        _layer("/etc", [])
    passwd, group = _account_files()
    _overlay("passwd", passwd)
    _overlay("group", group)


def build(package=None):
    """Turn the fresh namespaces into the scenario's world."""
    private_root(package)
    socket.sethostname(HOSTNAME)
    _loopback_up()
    _overlay("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1 trust-ad edns0\n")
    _overlay("hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
    _overlay("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"
                              "services: files\nprotocols: files\nnetworks: files\n")
