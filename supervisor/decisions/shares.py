"""Decides whose connections count together, and of which frontends a source has a share: the table of shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address

from supervisor.values.manifest import Protocol
from supervisor.values.router import RouterConfig
from supervisor.values.shares import Card, GuestAddress, ServiceShare, SharedAddress, SharedPort, ShareTable
from supervisor.values.state import AddressFrontend, Instance, PortFrontend


def known_guests(router: RouterConfig) -> ShareTable:
    """Return a table with the guests of a configuration and no share yet. Its order is fixed."""
    return ShareTable(
        cards=tuple(sorted({Card(host.interface, host.mac) for host in router.hosts}, key=lambda card: card.mac)),
        guests=tuple(sorted(set(_guests(router)), key=lambda guest: guest.address)),
        sides=tuple(sorted({network.interface for network in router.networks})),
    )


def share_table(active: Iterable[Instance], guests: ShareTable) -> ShareTable:
    """Return the table of `guests` with the shares of the frontends of what serves.

    The order is fixed, so that equal situations give equal tables.
    """
    addresses: set[SharedAddress] = set()
    ports: set[SharedPort] = set()
    for instance in active:
        for frontend in instance.frontends:
            if frontend.share is None:
                continue
            of = ServiceShare(instance.service, frontend.share)
            match frontend:
                case AddressFrontend(outside=outside) if outside.protocol is Protocol.TCP and outside.address:
                    addresses.add(SharedAddress(outside.address, outside.port, of))
                case PortFrontend(protocol=Protocol.TCP, port=port):
                    called_at = frontend.interfaces or frontend.sides or ()  # sides: of a port that is not rewritten
                    ports.update(SharedPort(interface, port, of) for interface in called_at)
    shares = {*(shared.of for shared in addresses), *(shared.of for shared in ports)}
    return replace(
        guests,
        shares=tuple(sorted(shares, key=lambda of: (of.service, of.share.entry, of.share.fair.open))),
        addresses=tuple(sorted(addresses, key=lambda shared: (shared.address, shared.port))),
        ports=tuple(sorted(ports, key=lambda shared: (shared.interface, shared.port))),
    )


def _guests(router: RouterConfig) -> Iterator[GuestAddress]:
    """Yield the addresses of guests: reservations, and those that are known from what is kept for them alone."""
    for host in router.hosts:
        yield GuestAddress(host.interface, host.address)
    known = {*(item.address for item in router.metadata), *(item.address for item in router.passwords)}
    for address in known:
        if (interface := _interface_of(address, router)) is not None:
            yield GuestAddress(interface, address)


def _interface_of(address: IPv4Address, router: RouterConfig) -> str | None:
    """Return the interface behind which a guest has the address; None: it is in no network of guests."""
    if address in router.own_addresses:
        return None
    return next((network.interface for network in router.networks if address in network.network), None)
