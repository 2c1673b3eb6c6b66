"""What a new generation is given: links and ports."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from supervisor.decisions.addresses import WELL_KNOWN_PORTS, allocate_link, allocate_ports, link_number, own_mac
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import InsidePort
from supervisor.values.names import ServiceName
from supervisor.values.state import Link

WEB = ServiceName("web")
FIRST = Link("vrs-web-1", "vrs0", IPv4Address("198.18.0.1"), IPv4Address("198.18.0.2"))
THIRD = Link("vrs-web-3", "vrs2", IPv4Address("198.18.0.9"), IPv4Address("198.18.0.10"))
SMALL = IPv4Network("198.18.0.0/29")


@pytest.mark.parametrize(
    ("used", "taken", "number"),
    [
        pytest.param((), (), 0, id="the first of an empty pool"),
        pytest.param((FIRST,), (), 1, id="the next one"),
        pytest.param((THIRD,), (), 0, id="the lowest free one"),
        pytest.param((FIRST, THIRD), (), 1, id="not one in use"),
        pytest.param((), ("198.18.0.0/24",), 64, id="beyond a network of the router"),
        pytest.param((), ("198.18.0.5/32",), 0, id="beside an address of the router"),
        pytest.param((FIRST,), ("198.18.0.5/32",), 2, id="not over an address of the router"),
        pytest.param((), ("10.0.0.0/8", "fd00::/8", "198.18.0.1/30"), 1, id="host bits and IPv6 are accepted"),
    ],
)
def test_link(used: tuple[Link, ...], taken: tuple[str, ...], number: int) -> None:
    link = allocate_link(WEB, 7, used, taken)
    assert link_number(link) == number
    assert link.outer == IPv4Address("198.18.0.1") + 4 * number
    assert link.inner == link.outer + 1
    assert (link.namespace, link.interface, link.prefix) == ("vrs-web-7", f"vrs{number}", 30)


@pytest.mark.parametrize(
    ("used", "taken", "pool"),
    [
        pytest.param((FIRST,), ("198.18.0.4/30",), SMALL, id="all used"),
        pytest.param((), ("198.0.0.0/8",), IPv4Network("198.18.0.0/15"), id="the router uses the whole pool"),
        pytest.param((), (), IPv4Network("169.254.0.0/16"), id="the control network is never used"),
        pytest.param((), (), IPv4Network("169.254.128.0/24"), id="nor a part of it"),
        pytest.param((), (), IPv4Network("198.18.0.0/31"), id="too small"),
    ],
)
def test_no_link(used: tuple[Link, ...], taken: tuple[str, ...], pool: IPv4Network) -> None:
    with pytest.raises(NetworkError, match="cannot allocate addresses for web generation 2"):
        allocate_link(WEB, 2, used, taken, pool)


def test_interface_names_fit_the_kernel() -> None:
    last = IPv4Network("198.18.0.0/15")
    link = allocate_link(WEB, 1, (), [str(IPv4Network(("198.18.0.0", 16))), "198.19.0.0/17"], last)
    assert len(link.interface) <= 15


@pytest.mark.parametrize(
    ("ports", "used", "allocated"),
    [
        pytest.param((), (), (), id="no ports"),
        pytest.param(("dns", "dhcp"), (), (1053, 1054), id="the lowest"),
        pytest.param(("dns", "dhcp"), (1053, 1054), (1055, 1056), id="not those of other generations"),
        pytest.param(("dns",), (1054,), (1053,), id="the lowest free one"),
        pytest.param(("dns",), range(1053, 1080), (1081,), id="no well-known port"),
    ],
)
def test_ports(ports: tuple[str, ...], used: tuple[int, ...], allocated: tuple[int, ...]) -> None:
    wanted = tuple(InsidePort(name) for name in ports)
    assert allocate_ports(wanted, used) == tuple(zip(ports, allocated, strict=True))


def test_a_number_in_the_manifest_is_kept_and_not_given_twice() -> None:
    ports = (InsidePort("control"), InsidePort("ike", 1053), InsidePort("web", 80))
    assert allocate_ports(ports) == (("control", 1054), ("ike", 1053), ("web", 80))


def test_three_generations_fit_side_by_side() -> None:
    names = tuple(InsidePort(name) for name in ("dns", "dhcp", "control"))
    used: set[int] = set()
    for _ in range(3):
        given = {number for _, number in allocate_ports(names, used)}
        assert len(given) == 3
        assert not given & (used | WELL_KNOWN_PORTS)
        used |= given


def test_no_port_left() -> None:
    with pytest.raises(NetworkError, match="cannot allocate a number for port b: all from 1500 to 1500 are used"):
        allocate_ports((InsidePort("a"), InsidePort("b")), (), range(1500, 1501))


@pytest.mark.parametrize("first", range(256))
def test_the_supervisors_own_guest_has_an_address_that_no_card_was_made_with(first: int) -> None:
    mac = own_mac(bytes((first, 1, 2, 3, 4, 255)))
    assert int(mac[:2], 16) & 0b11 == 0b10  # given locally, to one card
    assert mac[2:] == ":01:02:03:04:ff"
