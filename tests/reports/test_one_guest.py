"""One guest does not decide for all, and a router that is the backup of another answers nobody: on a whole router."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lab import commands
from lab.tools import inside
from lab.topology import DOMAIN, ROUTER_GUEST_IP, guests_of_lab
from supervisor.edges.probes.dhcp_packet import DhcpMessage, Direction, MessageType, Option, decode, discover, encode
from tests.kit.live.probe_servers import Namespace
from tests.kit.live.router import LiveRouter, until
from tests.reports.conftest import Apply

pytestmark = pytest.mark.integration


def as_guest(live: LiveRouter, message: DhcpMessage, patience: float = 0.5) -> DhcpMessage | None:
    """Broadcast it on the guests' network; return the answer, if there is one."""

    def exchange() -> DhcpMessage | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
            card.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            card.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            card.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            card.bind(("", 68))
            card.settimeout(patience)
            card.sendto(encode(replace(message, wants_broadcast=True)), ("255.255.255.255", 67))
            end = time.monotonic() + patience
            while time.monotonic() < end:
                try:
                    answer = decode(card.recv(2048))
                except TimeoutError:
                    return None
                if answer.xid == message.xid:
                    return answer
        return None

    return Namespace(live.lab.guest).inside(exchange)


def xid() -> int:
    return int.from_bytes(os.urandom(4), "big")


def is_answered(live: LiveRouter, *command: str) -> bool:
    done = subprocess.run(inside(live.lab.guest, command), capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def test_a_guest_that_gets_no_offer_costs_itself_and_is_named(live: LiveRouter, apply: Apply) -> None:
    """The first guest of the router had no offer: the service was failed, and could not be swapped any more."""
    guest = commands.dhcp_entry(guests_of_lab()[0])
    mac, address = str(guest["mac_address"]), str(guest["ipv4_address"])
    declined = DhcpMessage(
        MessageType.DECLINE,
        Direction.REQUEST,
        xid(),
        mac,
        options=(
            (Option.REQUESTED_ADDRESS, IPv4Address(address).packed),
            (Option.SERVER, IPv4Address(ROUTER_GUEST_IP).packed),
        ),
    )
    as_guest(live, declined, 0.1)  # somebody else uses that address, says the guest: it is not offered for a while
    assert as_guest(live, discover(mac, xid())) is None
    newcomer = {**guest, "ipv4_address": "10.1.1.250", "mac_address": "02:00:0a:01:01:fa", "host_name": "newcomer"}
    apply(newcomer)  # after a change all are looked at, not in the next minute
    named = f"expected an OFFER of {address}"
    try:
        until("it is named", lambda: named in live.services()["dnsmasq"]["message"], 20.0)
    except AssertionError:
        print(live.services()["dnsmasq"])
        print(live.router.vrctl("history").stdout)
        print(live.router.vrctl("events").stdout[-3000:])
        print(as_guest(live, discover(mac, xid())))
        raise
    found = live.services()["dnsmasq"]
    assert (found["state"], found["ready"]) == ("running", True)
    assert named in live.router.vrctl("events").stdout
    live.router.vrctl("swap", "dnsmasq")
    live.router.vrctl("rollback", "dnsmasq")
    apply({**newcomer, "remove": True})
    answer = as_guest(live, discover(mac, xid()))
    assert answer
    assert str(answer.yiaddr) == address


@contextmanager
def backup(apply: Apply) -> Iterator[None]:
    line = commands.cmd_line()

    def become(state: str) -> None:
        apply({**line, "cmd_line": {**line["cmd_line"], "redundant_router": "1", "redundant_state": state}})

    become("BACKUP")
    try:
        yield
        become("PRIMARY")
    finally:
        apply(line)


def test_a_backup_answers_nobody_until_it_is_the_primary(live: LiveRouter, apply: Apply) -> None:
    """`redundant_state: BACKUP` leased and gave passwords away all the same: two routers answered the guests."""
    guest = guests_of_lab()[1]
    dig = ("dig", "+time=1", "+tries=1", f"@{ROUTER_GUEST_IP}", f"{guest.name}.{DOMAIN}")
    password = ("curl", "-sf", "-m", "2", "-H", "DomU_Request: send_my_password", f"http://{ROUTER_GUEST_IP}:8080/")
    metadata = ("curl", "-sf", "-m", "2", f"http://{ROUTER_GUEST_IP}/latest/meta-data/")
    before = {name: service["generation"] for name, service in live.services().items()}
    with backup(apply):
        until("names are silent", lambda: not is_answered(live, *dig), 3.0)
        assert as_guest(live, discover(guest.mac, xid())) is None
        assert not is_answered(live, *password)
        assert is_answered(live, *metadata)
        assert all(one["ready"] for one in live.services().values())
    assert until("names answer", lambda: is_answered(live, *dig), 3.0, step=0.02) < 1.0
    assert as_guest(live, discover(guest.mac, xid()))
    assert is_answered(live, *password)
    assert {name: one["generation"] for name, one in live.services().items()} == before
