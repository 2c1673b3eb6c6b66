"""Addresses of the router (`ips`): each is on one device, for guests, for the public side or for control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Interface
from typing import Any

from supervisor.documents import Field
from supervisor.edges.intake import fields
from supervisor.edges.intake.bags import Bags, entries, with_bag
from supervisor.edges.intake.cloudstack.cards import placed
from supervisor.edges.intake.family import Body, Command, Family
from supervisor.edges.intake.faults import Faults
from supervisor.values.router import AddressUse, OwnAddress, RouterConfig

_ADDRESS = (
    Field("public_ip", fields.ADDRESS, True),
    Field("netmask", fields.NETMASK, True),
    Field("add", fields.BOOLEAN, True),
    Field("nic_dev_id", fields.DEVICE_NUMBER),
    Field("vif_mac_address", fields.TEXT),
    Field("nw_type", fields.TEXT),
    Field("source_nat", fields.BOOLEAN),
)

_USES = {str(use): use for use in AddressUse}


def with_address(bags: Bags, item: Mapping[str, Any]) -> Bags:
    """Return the bags with an address, which is on one device only; that for outgoing connections comes first."""
    device = f"eth{int(item['nic_dev_id'])}"
    interface = IPv4Interface(f"{item['public_ip']}/{item['netmask']}")
    entry = {
        **item,
        "device": device,
        "broadcast": str(interface.network.broadcast_address),
        "cidr": str(interface),
        "size": str(interface.network.prefixlen),
        "network": str(interface.network),
        "nw_type": str(item.get("nw_type", "public")).lower(),
    }
    if "mtu" in item:
        entry["mtu"] = str(item["mtu"])
    others = {
        name: [other for other in listed if other["public_ip"] != item["public_ip"]]
        for name, listed in entries(bags, "ips")
    }
    of_device = others.get(device, [])
    others[device] = [entry, *of_device] if item.get("source_nat") else [*of_device, entry]
    return with_bag(bags, "ips", {name: listed for name, listed in others.items() if listed})


def address_item(address: str, netmask: str, number: str, use: str, gateway: str) -> dict[str, Any]:
    """Return an address that another command speaks of, in the form of an `ips` command."""
    return {
        "add": True,
        "gateway": gateway,
        "netmask": netmask,
        "nic_dev_id": number,
        "nw_type": use,
        "one_to_one_nat": False,
        "public_ip": address,
        "source_nat": False,
    }


def addresses_for(bags: Bags, use: str) -> Iterator[Mapping[str, Any]]:
    """Yield the router's addresses for one use ("guest", "public"), in the order of their devices."""
    for _, listed in sorted(entries(bags, "ips")):
        for entry in listed:
            if entry.get("add") and entry.get("nw_type") == use:
                yield entry


def _merge(bags: Bags, command: Command) -> Bags:
    for item in command.body["ip_address"]:
        bags = with_address(bags, item)
    return bags


def _interpret(bags: Bags, router: RouterConfig, faults: Faults) -> RouterConfig:
    public, own = [], []
    for device, listed in sorted(entries(bags, "ips")):
        for entry in (entry for entry in listed if entry.get("add")):
            with faults.part(f"ips.{device}.{entry['public_ip']}"):
                address = IPv4Interface(entry["cidr"])
                own.append(OwnAddress(address, entry["device"], _USES.get(entry.get("nw_type", ""), AddressUse.OTHER)))
                if own[-1].use is AddressUse.PUBLIC:
                    public.append(address)
    return replace(router, public_addresses=tuple(public), addresses=tuple(own))


def _parts(body: Body) -> tuple[str, ...]:
    placed_items = (item for item in body["ip_address"] if "nic_dev_id" in item)
    return tuple(f"ips.eth{int(item['nic_dev_id'])}.{item['public_ip']}" for item in placed_items)


FAMILY = Family(
    "ips",
    fields=(Field("ip_address", fields.objects(*_ADDRESS), True),),
    merge=_merge,
    interpret=_interpret,
    parts=_parts,
    complete=placed,
)
