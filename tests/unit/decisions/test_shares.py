"""Whose connections count together, and of what they have a share."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from supervisor.decisions.shares import known_guests, share_table
from supervisor.values.manifest import Fair, Protocol
from supervisor.values.names import Digest, ServiceName
from supervisor.values.router import GuestNetwork, Host, Metadata, Password, RouterConfig
from supervisor.values.secret import Secret
from supervisor.values.shares import Card, GuestAddress, ServiceShare, SharedAddress, SharedPort, ShareTable
from supervisor.values.state import AddressFrontend, Endpoint, Instance, PortFrontend, ResolvedFrontend, Share

TCP, UDP = Protocol.TCP, Protocol.UDP
SHARE, OTHER = Share(0, Fair(64, 500)), Share(2, Fair(32, 200))
WEB, NAMES = ServiceName("web"), ServiceName("names")


def instance(service: ServiceName, *frontends: ResolvedFrontend) -> Instance:
    digest = Digest("sha256:" + "0" * 64)
    return Instance(service, 1, "1", "r", digest, digest, None, (), frontends)


def at(address: str, protocol: Protocol = TCP, share: Share | None = SHARE) -> AddressFrontend:
    return AddressFrontend(address, Endpoint(IPv4Address(address), protocol, 80), 8000, share=share)


def host(number: int, interface: str = "eth0") -> Host:
    address = IPv4Address("10.1.1.0") + number
    return Host(f"02:00:00:00:00:{number:02x}", address, f"vm-{number}", None, is_default=True, interface=interface)


ADDRESS = IPv4Interface("10.1.1.1/24")
NETWORK = GuestNetwork("eth0", ADDRESS, ADDRESS.ip, "cs.lab", (ADDRESS.ip,))
ROUTER = RouterConfig(networks=(NETWORK,), hosts=(host(20), host(21)))


def test_frontends_of_one_entry_have_one_share_together() -> None:
    table = share_table([instance(WEB, at("10.1.1.1"), at("10.1.2.1"))], ShareTable())
    of = ServiceShare(WEB, SHARE)
    assert table == ShareTable(
        shares=(of,),
        addresses=(SharedAddress(IPv4Address("10.1.1.1"), 80, of), SharedAddress(IPv4Address("10.1.2.1"), 80, of)),
    )


def test_a_port_is_shared_on_each_of_its_interfaces() -> None:
    frontend = PortFrontend("dns", TCP, 53, 1053, ("eth0", "eth3"), share=OTHER)
    of = ServiceShare(NAMES, OTHER)
    assert share_table([instance(NAMES, frontend)], ShareTable()).ports == (
        SharedPort("eth0", 53, of),
        SharedPort("eth3", 53, of),
    )


def test_a_port_that_a_daemon_keeps_is_shared_at_its_sides() -> None:
    frontend = PortFrontend("console", TCP, 22, 22, (), sides=("eth0", "eth3"), share=OTHER)
    of = ServiceShare(NAMES, OTHER)
    assert share_table([instance(NAMES, frontend)], ShareTable()).ports == (
        SharedPort("eth0", 22, of),
        SharedPort("eth3", 22, of),
    )


def test_what_has_no_share_or_no_connections_is_left_out() -> None:
    frontends = (at("10.1.1.1", share=None), at("10.1.1.2", UDP), PortFrontend("dns", UDP, 53, 1053, ("eth0",)))
    assert share_table([instance(WEB, *frontends)], ShareTable()) == ShareTable()


def test_guests_are_known_by_card_and_by_address() -> None:
    table = known_guests(ROUTER)
    assert table.cards == (Card("eth0", "02:00:00:00:00:14"), Card("eth0", "02:00:00:00:00:15"))
    assert table.guests == tuple(GuestAddress("eth0", IPv4Address(f"10.1.1.{number}")) for number in (20, 21))
    assert table.sides == ("eth0",)


def test_an_address_with_metadata_or_a_password_is_a_guest_s_and_the_router_s_own_is_none() -> None:
    known = [IPv4Address(text) for text in ("10.1.1.30", "10.1.1.31", "10.1.1.1", "192.0.2.1")]
    router = replace(
        ROUTER,
        metadata=(Metadata(known[0], None, ()), Metadata(known[2], None, ()), Metadata(known[3], None, ())),
        passwords=(Password(known[1], Secret("x"), "1"),),
    )
    assert [str(guest.address) for guest in known_guests(router).guests] == [
        "10.1.1.20",
        "10.1.1.21",
        "10.1.1.30",
        "10.1.1.31",
    ]


def test_equal_situations_give_equal_tables() -> None:
    frontends = (at("10.1.1.1"), at("10.1.2.1"))
    former = share_table([instance(WEB, *frontends)], known_guests(ROUTER))
    turned = known_guests(replace(ROUTER, hosts=ROUTER.hosts[::-1]))
    assert share_table([instance(WEB, *frontends[::-1])], turned) == former
