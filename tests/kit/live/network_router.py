"""A router with guests and a public side, in namespaces of this test process."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PREFIX = f"vrt-net-{os.getpid()}-"
ROUTER, GUEST, PUBLIC = (f"{PREFIX}{name}" for name in ("router", "guest", "public"))

SETUP = f"""
netns add {ROUTER}
netns add {GUEST}
netns add {PUBLIC}
link add eth0 netns {ROUTER} type veth peer name eth0 netns {GUEST}
link add eth3 netns {ROUTER} type veth peer name eth1 netns {GUEST}
link add eth2 netns {ROUTER} type veth peer name eth0 netns {PUBLIC}
"""
INSIDE = {
    ROUTER: """
        addr add 10.99.1.1/24 dev eth0
        addr add fd00:99::1/64 dev eth0 nodad
        addr add 10.99.3.1/24 dev eth3
        addr add 203.0.113.2/24 dev eth2
        addr add 203.0.113.10/24 dev eth2
        link set eth0 up
        link set eth2 up
        link set eth3 up
    """,
    GUEST: """
        addr add 10.99.1.2/24 dev eth0
        addr add fd00:99::2/64 dev eth0 nodad
        addr add 10.99.3.2/24 dev eth1
        link set eth0 up
        link set eth1 up
        route add default via 10.99.1.1
    """,
    PUBLIC: """
        addr add 203.0.113.100/24 dev eth0
        link set eth0 up
        route add 10.99.0.0/16 via 203.0.113.2
    """,
}

# What a router's own firewall does: drop by default, keep what is established, restore marks from connection tracking.
FIREWALL = """*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -m state --state ESTABLISHED,RELATED -j CONNMARK --restore-mark
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A FORWARD -i eth0 -o eth2 -j ACCEPT
-A FORWARD -i eth2 -o eth0 -m state --state ESTABLISHED,RELATED -j ACCEPT
COMMIT
"""
FIREWALL6 = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p ipv6-icmp -j ACCEPT
COMMIT
"""

_libc = ctypes.CDLL(None, use_errno=True)


def tool(*command: str, text: str = "") -> str:
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True, timeout=20).stdout


@contextmanager
def entered(name: str) -> Iterator[None]:
    """Move the calling thread into a namespace, and back: sockets and processes made meanwhile belong there."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    inside = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        assert _libc.setns(inside, 0) == 0
        yield
    finally:
        assert _libc.setns(before, 0) == 0
        os.close(before)
        os.close(inside)


@dataclass(frozen=True)
class Router:
    router: str = ROUTER
    guest: str = GUEST
    public: str = PUBLIC
    prefix: str = PREFIX

    def close_firewall(self) -> None:
        tool("iptables-restore", text=FIREWALL)
        tool("ip6tables-restore", text=FIREWALL6)


def make_namespaces() -> None:
    tool("ip", "-batch", "-", text=SETUP)
    for name, batch in INSIDE.items():
        with entered(name):
            tool("ip", "-batch", "-", text="link set lo up\n" + "\n".join(map(str.strip, batch.strip().splitlines())))
    with entered(ROUTER):
        for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            Path("/proc/sys/net", setting).write_text("1")


def remove_namespaces() -> None:
    for path in Path("/run/netns").glob(f"{PREFIX}*"):
        subprocess.run(("ip", "netns", "del", path.name), check=False, capture_output=True, timeout=20)
