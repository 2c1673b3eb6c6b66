"""Reservations of guests (`dhcpentry`): a card's address, its name, and how long it is leased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from supervisor.documents import Field
from supervisor.edges.intake import fields
from supervisor.edges.intake.bags import Bags, by_address, entries, with_bag
from supervisor.edges.intake.cloudstack.names import is_host_name, is_label
from supervisor.edges.intake.cloudstack.owners import assigned, without
from supervisor.edges.intake.family import Body, Command, Family
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.bounds import Bounds
from supervisor.values.router import GuestNetwork, Host, RouterConfig

TAKEN_NAMES = ("localhost", "data-server")
"""Names at which guests find themselves, and the router."""
_INFINITE = 0xFFFFFFFF  # what a lease that never ends is in DHCP (RFC 2131)


def _merge(bags: Bags, command: Command) -> Bags:
    """An address has one entry, and so has a network card; one that is removed stays, marked."""
    body, bag = command.body, bags.get("dhcpentry", {})
    address, mac = body["ipv4_address"], body["mac_address"].lower()
    if body.get("remove") and _is_late(bags, address, mac):
        return bags
    former = next((key for key, entry in entries(bags, "dhcpentry") if entry["mac_address"].lower() == mac), None)
    left = {key: entry for key, entry in bag.items() if key not in (former, address)}
    is_gone = body.get("add") is False or body.get("remove")
    bags = with_bag(bags, "dhcpentry", left if body.get("add") is False else {**left, address: body})
    if former is not None and former != address and not bag[former].get("remove"):
        bags = without(bags, {former})  # else that is gone already, and what is there now is the next guest's
    return without(bags, {address}) if is_gone else assigned(bags, address, mac)


def _is_late(bags: Bags, address: str, mac: str) -> bool:
    """True if a removal comes after its card moved on, or after another card got the address: those entries stay."""
    there = {key: entry["mac_address"].lower() for key, entry in entries(bags, "dhcpentry") if not entry.get("remove")}
    return there.get(address, mac) != mac or (address not in there and mac in there.values())


def _interpret(bags: Bags, router: RouterConfig, faults: Faults) -> RouterConfig:
    hosts = []
    ours = {network.address.ip for network in router.networks}
    for key, entry in by_address(bags, "dhcpentry"):
        if not entry.get("remove"):
            with faults.part(f"dhcpentry.{key}"):
                hosts.append(_host(key, entry, router, ours, faults))
    return replace(router, hosts=tuple(hosts))


def _host(key: str, entry: Body, router: RouterConfig, ours: set[IPv4Address], faults: Faults) -> Host:
    address = IPv4Address(entry["ipv4_address"])
    network = _network_of(address, router.networks)
    if address in ours:
        raise BadPartError("is the router's own address")
    if network.network.prefixlen < 31 and address in _ends(network.network):
        raise BadPartError(f"is no guest's address: {network.network} begins or ends with it")
    return Host(
        mac=entry["mac_address"].lower(),
        address=address,
        name=_name(entry.get("host_name") or "", router.name, f"dhcpentry.{key}.host_name", faults),
        lease_seconds=_lease(entry.get("lease_time"), faults.bounds),
        is_default=entry.get("default_entry", True),
        interface=network.interface,
        gateway=_gateway(entry.get("default_gateway"), network, f"dhcpentry.{key}.default_gateway", faults),
    )


def _network_of(address: IPv4Address, networks: Sequence[GuestNetwork]) -> GuestNetwork:
    for network in networks:
        if address in network.network:
            return network
    raise BadPartError("is in none of the guest networks")


def _ends(network: IPv4Network) -> tuple[IPv4Address, IPv4Address]:
    return network.network_address, network.broadcast_address


def _name(name: str, router: str, path: str, faults: Faults) -> str:
    """Return the name that the guest has in DNS; a fault names where it cannot be had."""
    if name and not is_label(name):
        faults.add(path, f"{name!r:.80} is not a host name: leased without one")
        return ""
    if name.lower() in (*TAKEN_NAMES, router.lower()):
        faults.add(path, f"{name!r:.80} is a name of the router's: leased without one")
        return ""
    if name and not is_host_name(name):
        faults.add(path, f"{name!r:.80} is a name for DNS, but not for a host: leased without one")
    return name


def _gateway(text: str | None, network: GuestNetwork, path: str, faults: Faults) -> IPv4Address | None:
    """Return the router that the guest is offered; None: that of its network. 0.0.0.0: none."""
    if not text:
        return None
    try:
        gateway = IPv4Address(text)
    except ValueError:
        faults.add(path, f"{text!r:.80} is not an IPv4 address: leased with the gateway of its network")
        return None
    if gateway.is_unspecified or gateway in network.network or gateway == network.gateway:
        return gateway
    faults.add(path, f"{gateway} is not in {network.network}: leased with the gateway of its network")
    return None


def _lease(seconds: int | None, bounds: Bounds) -> int | None:
    """Return how long an address is leased; None: for ever, which is also what 0 means."""
    if not seconds:
        return None
    if not 0 < seconds < _INFINITE:
        raise BadPartError(f"lease_time {seconds} is not a number of seconds")
    return max(bounds.least_of("lease_seconds"), seconds)


def _of_ipv6_only(body: Body) -> str | None:
    if body.get("ipv6_address") and not body.get("ipv4_address"):
        return "of a guest without an IPv4 address: no service here has anything for it"
    return None


FAMILY = Family(
    "dhcpentry",
    fields=(
        Field("ipv4_address", fields.ADDRESS, True),
        Field("mac_address", fields.MAC, True),
        Field("host_name", fields.TEXT),
        Field("default_gateway", fields.TEXT),
        Field("default_entry", fields.BOOLEAN),
        Field("lease_time", fields.NUMBER),
        Field("remove", fields.BOOLEAN),
    ),
    merge=_merge,
    interpret=_interpret,
    parts=lambda body: (f"dhcpentry.{body['ipv4_address']}",),
    after=("cmdline", "guestnetwork"),
    note=_of_ipv6_only,
    ipv6=("ipv6_address",),
)
