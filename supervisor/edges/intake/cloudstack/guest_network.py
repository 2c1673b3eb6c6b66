"""Networks of guests (`guestnetwork`): those that commands described, and those that only the boot line knows of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from supervisor.documents import Field
from supervisor.edges.intake import fields
from supervisor.edges.intake.bags import Bags, entries, with_bag
from supervisor.edges.intake.cloudstack.addresses import address_item, addresses_for, with_address
from supervisor.edges.intake.cloudstack.boot_line import (
    DEFAULT_DOMAIN,
    WITHOUT_GUESTS,
    resolver,
    router_line,
    uses_outside_resolvers,
)
from supervisor.edges.intake.cloudstack.names import domain
from supervisor.edges.intake.cloudstack.owners import without_network
from supervisor.edges.intake.family import Body, Command, Family
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.router import GuestNetwork, IPAddress, RouterConfig

_SMALLEST_MTU, _LARGEST_MTU = 68, 65535  # RFC 791


def _merge(bags: Bags, command: Command) -> Bags:
    """The newest word on a network of a device counts; a removal takes away that network, or the oldest one."""
    body, bag = command.body, bags.get("guestnetwork", {})
    device, address = body["device"], body["router_guest_ip"]
    listed = list(bag.get(device, []))
    index = next((at for at, entry in enumerate(listed) if entry["router_guest_ip"] == address), None)
    if not body["add"]:
        del listed[index or 0 : (index or 0) + 1]
    elif index is None:
        listed.append(body)
    else:
        listed[index] = body
    bags = with_bag(bags, "guestnetwork", {**bag, device: listed})
    gateway = body.get("router_guest_gateway", "")
    derived = address_item(address, body["router_guest_netmask"], device.removeprefix("eth"), "guest", gateway)
    bags = with_address(bags, {**derived, "add": body["add"]})
    network = IPv4Interface(f"{address}/{body['router_guest_netmask']}").network
    return bags if body["add"] else without_network(bags, network)


def _interpret(bags: Bags, router: RouterConfig, faults: Faults) -> RouterConfig:
    """A load balancer's machine has no networks of guests.

    So no service there has anything to serve but balanced connections, and each port of its addresses is free for them.
    """
    if router_line(bags).get("type") in WITHOUT_GUESTS:
        return router
    networks: list[GuestNetwork] = []
    for device, listed in sorted(entries(bags, "guestnetwork")):
        for entry in listed:
            with faults.part(f"guestnetwork.{device}.{entry.get('router_guest_ip')}"):
                _add(networks, _described(bags, device, entry))
    described = {network.interface for network in networks}
    for entry in addresses_for(bags, "guest"):
        if entry["device"] not in described:
            with faults.part(f"cmdline.{entry['device']}"):
                _add(networks, _from_boot_line(bags, entry))
    return replace(router, networks=tuple(networks))


def _add(networks: list[GuestNetwork], network: GuestNetwork) -> None:
    for other in networks:
        if other.network.overlaps(network.network):
            raise BadPartError(f"{network.network} overlaps {other.network} of {other.interface}")
    networks.append(network)


def _described(bags: Bags, device: str, entry: Mapping[str, Any]) -> GuestNetwork:
    address = IPv4Interface(f"{entry['router_guest_ip']}/{entry['router_guest_netmask']}")
    gateway = IPv4Address(entry.get("router_guest_gateway") or address.ip)
    is_gateway = entry.get("is_vr_guest_gateway", True)
    return GuestNetwork(
        interface=device,
        address=address,
        gateway=gateway,
        domain=domain(entry.get("domain_name") or router_line(bags).get("domain") or DEFAULT_DOMAIN),
        dns=_resolvers(bags, gateway if is_gateway else address.ip, (entry.get("dns") or "").split(",")),
        mtu=_mtu(entry.get("mtu")),
        search=_search(bags),
        is_gateway=is_gateway,
    )


def _from_boot_line(bags: Bags, entry: Mapping[str, Any]) -> GuestNetwork:
    line, address = router_line(bags), IPv4Interface(entry["cidr"])
    is_gateway = line.get("type") != "dhcpsrvr"
    gateway = IPv4Address((line.get("guestgw") if is_gateway else line.get("gateway")) or address.ip)
    return GuestNetwork(
        interface=entry["device"],
        address=address,
        gateway=gateway,
        domain=domain(line.get("domain") or DEFAULT_DOMAIN),
        dns=_resolvers(bags, gateway if is_gateway else address.ip, [line.get("dns1", ""), line.get("dns2", "")]),
        mtu=_mtu(line.get("privateMtu")),
        search=_search(bags),
        is_gateway=is_gateway,
    )


def _resolvers(bags: Bags, ours: IPv4Address, others: list[str]) -> tuple[IPAddress, ...]:
    """Return the router first, unless guests use outside resolvers only; the router alone, if the zone wants that."""
    outside = [resolver(text.strip()) for text in others if text.strip()]
    if uses_outside_resolvers(bags):
        return tuple(dict.fromkeys(outside))
    if router_line(bags).get("userouteripresolver") == "true":
        return (ours,)
    return tuple(dict.fromkeys([ours, *outside]))


def _search(bags: Bags) -> tuple[str, ...]:
    names = router_line(bags).get("dnssearchorder", "").split(",")
    return tuple(domain(name.strip()) for name in names if name.strip())


def _mtu(value: object) -> int | None:
    if value in (None, ""):
        return None
    mtu = int(str(value))
    if not _SMALLEST_MTU <= mtu <= _LARGEST_MTU:
        raise BadPartError(f"{mtu} is not an MTU")
    return mtu


def _parts(body: Body) -> tuple[str, ...]:
    return (f"guestnetwork.{body['device']}.{body['router_guest_ip']}",)


FAMILY = Family(
    "guestnetwork",
    fields=(
        Field("add", fields.BOOLEAN, True),
        Field("device", fields.DEVICE, True),
        Field("router_guest_ip", fields.ADDRESS, True),
        Field("router_guest_netmask", fields.NETMASK, True),
        Field("router_guest_gateway", fields.ADDRESS),
        Field("dns", fields.TEXT),
        Field("domain_name", fields.TEXT),
        Field("is_vr_guest_gateway", fields.BOOLEAN),
        Field("mtu", fields.NUMBER),
    ),
    merge=_merge,
    interpret=_interpret,
    parts=_parts,
    ipv6=("router_guest_ip6", "cidr6", "dns6"),
)
