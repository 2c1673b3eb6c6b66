"""The sides of the router's addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from supervisor.values.router import AddressUse, GuestNetwork, OwnAddress, RouterConfig, Vpn
from tests.kit.samples.router import SAMPLE

FIRST = GuestNetwork("eth2", IPv4Interface("10.1.1.1/24"), IPv4Address("10.1.1.1"), "lan", ())
SECOND = GuestNetwork("eth3", IPv4Interface("10.1.2.2/24"), IPv4Address("10.1.2.1"), "lan", ())  # 10.1.2.1: of a pair
VPC = RouterConfig(
    networks=(FIRST, SECOND),
    addresses=(
        OwnAddress(IPv4Interface("169.254.3.4/16"), "eth0", AddressUse.OTHER),
        OwnAddress(IPv4Interface("203.0.113.10/24"), "eth1", AddressUse.PUBLIC),
        OwnAddress(IPv4Interface("10.1.1.1/24"), "eth2", AddressUse.GUEST),
        OwnAddress(IPv4Interface("198.51.100.7/24"), "eth4", AddressUse.PUBLIC),
    ),
)
BALANCER = RouterConfig(addresses=(OwnAddress(IPv4Interface("10.1.1.9/24"), "eth0", AddressUse.GUEST),))


@pytest.mark.parametrize(
    ("router", "address", "sides"),
    [
        pytest.param(VPC, "10.1.1.1", ("eth2",), id="a tier's address is for that tier"),
        pytest.param(VPC, "10.1.2.1", ("eth3",), id="so is the address that a pair shares"),
        pytest.param(VPC, "10.1.2.2", ("eth3",), id="and the router's own beside it"),
        pytest.param(VPC, "203.0.113.10", ("eth1", "eth2", "eth3"), id="a public one is for guests, too"),
        pytest.param(VPC, "198.51.100.7", ("eth4", "eth2", "eth3"), id="but not for another public side"),
        pytest.param(VPC, "169.254.3.4", ("eth0",), id="the management side's"),
        pytest.param(VPC, "192.0.2.1", None, id="not known"),
        pytest.param(BALANCER, "10.1.1.9", ("eth0",), id="an internal balancer's"),
    ],
)
def test_sides(router: RouterConfig, address: str, sides: tuple[str, ...] | None) -> None:
    assert router.sides(IPv4Address(address)) == sides


def test_other_gateways_call_at_the_public_interfaces_and_at_those_of_the_tunnels() -> None:
    (tunnel,) = SAMPLE.vpn.site_to_site[:1]
    assert VPC.tunnel_sides == ("eth1", "eth4")
    inside = replace(tunnel, local_address=IPv4Address("10.1.2.2"))
    assert replace(VPC, vpn=Vpn((inside,))).tunnel_sides == ("eth1", "eth4", "eth3")
    unknown = replace(tunnel, local_address=IPv4Address("192.0.2.1"))
    assert replace(VPC, vpn=Vpn((inside, unknown))).tunnel_sides is None
    assert RouterConfig(vpn=Vpn((unknown,))).tunnel_sides is None
    assert RouterConfig().tunnel_sides == ()  # nobody is to call


def test_every_address_of_the_router_is_its_own() -> None:
    own = {"169.254.3.4", "203.0.113.10", "198.51.100.7", "10.1.1.1", "10.1.2.1", "10.1.2.2"}
    assert {str(address) for address in VPC.own_addresses} == own
