"""Decides who owns an address: data of a guest goes with the guest, and is never shown to the next one there.

A guest is known by its DHCP entry. Data that comes for an address belongs to the network card that has an entry for it
then, or, if there is none yet, to the card whose entry comes next. Networks without DHCP have no entries: what was sent
for an address there stays until it is sent again. A network that is shut down while its guests are stopped comes back
with them: their user data is sent again then, their passwords are not, so these wait for the same cards.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network

from supervisor.edges.intake.bags import Bags, entries, with_bag
from supervisor.edges.intake.cloudstack.addresses import addresses_for

OWNED = ("vmdata", "vmpassword")
"""Kinds of commands whose entries belong to the guest at an address."""
BAG = "owners"
"""MAC address of the owner, by the address that data was sent for."""


def with_owners(bags: Bags) -> Bags:
    """Return bags with the owner of each address; bags of an earlier supervisor, which lack them, are completed."""
    if BAG in bags:
        return bags
    cards = bags.get("dhcpentry", {})
    addresses = {address for kind in OWNED for address, _ in entries(bags, kind)} & cards.keys()
    gone = {address for address in addresses if cards[address].get("remove")}
    owners = {address: cards[address]["mac_address"].lower() for address in sorted(addresses - gone)}
    return without(with_bag(bags, BAG, owners), gone)


def claimed(bags: Bags, address: str, *, is_all: bool = False) -> Bags:
    """Return the bags after data came for `address`: its owner is the card that has the address now.

    `is_all`: this is all there is for the address, so without such a card it has no owner yet.
    """
    entry = bags.get("dhcpentry", {}).get(address)
    if entry is None or entry.get("remove"):
        return _left(bags, BAG, {address}) if is_all else bags
    return with_bag(bags, BAG, {**bags[BAG], address: entry["mac_address"].lower()})


def assigned(bags: Bags, address: str, mac: str) -> Bags:
    """Return the bags after `address` was given to the card `mac`, without the data of another card there."""
    if bags[BAG].get(address, mac) != mac:
        return without(bags, {address})
    has_data = any(address in bags.get(kind, {}) for kind in OWNED)
    return with_bag(bags, BAG, {**bags[BAG], address: mac}) if has_data else bags


def without(bags: Bags, addresses: Collection[str]) -> Bags:
    """Return the bags without data of guests at these addresses."""
    for kind in (*OWNED, BAG):
        bags = _left(bags, kind, addresses)
    return bags


def without_network(bags: Bags, network: IPv4Network) -> Bags:
    """Return the bags after `network` went, without the guests that are in no other one.

    Passwords of cards that are known stay for them: it may have been shut down because all of them are stopped.
    """
    left = [IPv4Network(entry["network"]) for entry in addresses_for(bags, "guest")]
    known = {address: _parsed(address) for kind in ("dhcpentry", *OWNED) for address, _ in entries(bags, kind)}
    gone = {
        address for address, parsed in known.items() if parsed in network and not any(parsed in other for other in left)
    }
    waiting = gone & bags[BAG].keys() & bags.get("vmpassword", {}).keys()
    for kind in ("dhcpentry", *OWNED, BAG):
        bags = _left(bags, kind, gone - waiting if kind in ("vmpassword", BAG) else gone)
    return bags


def _left(bags: Bags, kind: str, addresses: Collection[str]) -> Bags:
    bag = bags.get(kind, {})
    if not any(address in bag for address in addresses):
        return bags
    return with_bag(bags, kind, {key: entry for key, entry in bag.items() if key not in addresses})


def _parsed(address: str) -> IPv4Address:
    try:
        return IPv4Address(address)
    except ValueError:
        return IPv4Address(0)
