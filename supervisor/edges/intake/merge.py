"""Second step of the intake: one command merged into the bags. Pure; bags that do not change are shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from supervisor.edges.intake.bags import Bag, Bags, with_bag
from supervisor.edges.intake.commands import Command
from supervisor.edges.intake.owners import assigned, claimed, with_owners, without, without_network

_DEVICES = {
    "router": {"0": "guest", "1": "control", "2": "public"},
    "vpcrouter": {"0": "control", "1": "public"},
    "dhcpsrvr": {"0": "guest", "1": "control"},
    "ilbvm": {"0": "guest", "1": "control"},
    "elbvm": {"0": "guest", "1": "control", "2": "public"},
}
"""What the numbered devices of a router's boot line are for, by its type."""


def merge(bags: Bags, command: Command) -> Bags:
    """Return the bags after `command`; those of a command that is passed over are unchanged."""
    rule = None if command.note else _RULES.get(command.type)
    return rule(with_owners(bags), command) if rule else bags


def _cmdline(bags: Bags, command: Command) -> Bags:
    config = dict(command.body["cmd_line"])
    config["redundant_router"] = "true" if "redundant_router" in config else "false"
    bags = with_bag(bags, "cmdline", {"config": config})
    for number, use in _DEVICES.get(config.get("type", ""), {}).items():
        address, netmask = config.get(f"eth{number}ip"), config.get(f"eth{number}mask")
        if address and netmask and _is_interface(address, netmask):
            gateway = config.get("gateway" if use == "public" else "localgw", "")
            bags = _with_address(bags, _address(address, netmask, number, use, gateway))
    return bags


def _ips(bags: Bags, command: Command) -> Bags:
    for item in command.body["ip_address"]:
        bags = _with_address(bags, item)
    return bags


def _guestnetwork(bags: Bags, command: Command) -> Bags:
    """The newest word on a network of a device counts; a removal takes away that network, or the oldest one."""
    body, bag = command.body, bags.get("guestnetwork", {})
    device, address = body["device"], body["router_guest_ip"]
    entries = list(bag.get(device, []))
    index = next((at for at, entry in enumerate(entries) if entry["router_guest_ip"] == address), None)
    if not body["add"]:
        del entries[index or 0 : (index or 0) + 1]
    elif index is None:
        entries.append(body)
    else:
        entries[index] = body
    bags = with_bag(bags, "guestnetwork", {**bag, device: entries})
    gateway = body.get("router_guest_gateway", "")
    derived = _address(address, body["router_guest_netmask"], device.removeprefix("eth"), "guest", gateway)
    bags = _with_address(bags, {**derived, "add": body["add"]})
    network = IPv4Interface(f"{address}/{body['router_guest_netmask']}").network
    return bags if body["add"] else without_network(bags, network)


def _dhcpentry(bags: Bags, command: Command) -> Bags:
    """An address has one entry, and so has a network card; one that is removed stays, marked."""
    body, bag = command.body, bags.get("dhcpentry", {})
    address, mac = body["ipv4_address"], body["mac_address"].lower()
    if body.get("remove") and _is_late(bag, address, mac):
        return bags
    former = next((key for key, entry in _entries(bag) if entry["mac_address"].lower() == mac), None)
    left = {key: entry for key, entry in bag.items() if key not in (former, address)}
    is_gone = body.get("add") is False or body.get("remove")
    bags = with_bag(bags, "dhcpentry", left if body.get("add") is False else {**left, address: body})
    if former is not None and former != address and not bag[former].get("remove"):
        bags = without(bags, {former})  # else that is gone already, and what is there now is the next guest's
    return without(bags, {address}) if is_gone else assigned(bags, address, mac)


def _is_late(bag: Bag, address: str, mac: str) -> bool:
    """True if a removal comes after its card moved on, or after another card got the address: those entries stay."""
    there = {key: entry["mac_address"].lower() for key, entry in _entries(bag) if not entry.get("remove")}
    return there.get(address, mac) != mac or (address not in there and mac in there.values())


def _vmdata(bags: Bags, command: Command) -> Bags:
    body, address = command.body, command.body["vm_ip_address"]
    return claimed(with_bag(bags, "vmdata", {**bags.get("vmdata", {}), address: body["vm_metadata"]}), address)


def _vmpassword(bags: Bags, command: Command) -> Bags:
    """The last password of every guest, with what tells this offer of it from an earlier one."""
    body, address = command.body, command.body["ip_address"]
    offer = {"password": body["password"], "offer": command.identity}
    is_all = address not in bags.get("vmdata", {})  # a password that waited there for its card is replaced
    bags = with_bag(bags, "vmpassword", {**bags.get("vmpassword", {}), address: offer})
    return claimed(bags, address, is_all=is_all)


def _loadbalancer(bags: Bags, command: Command) -> Bags:
    return with_bag(bags, "loadbalancer", {"config": command.body["rules"]})


def _site2sitevpn(bags: Bags, command: Command) -> Bags:
    body, bag = command.body, bags.get("site2sitevpn", {})
    peer = body["peer_gateway_ip"]
    left = {key: entry for key, entry in bag.items() if key != peer}
    return with_bag(bags, "site2sitevpn", {**left, peer: body} if body["create"] else left)


_RULES: Mapping[str, Callable[[Bags, Command], Bags]] = {
    "cmdline": _cmdline,
    "guestnetwork": _guestnetwork,
    "ips": _ips,
    "dhcpentry": _dhcpentry,
    "vmdata": _vmdata,
    "vmpassword": _vmpassword,
    "loadbalancer": _loadbalancer,
    "site2sitevpn": _site2sitevpn,
}


def _with_address(bags: Bags, item: Mapping[str, Any]) -> Bags:
    """An address is on one device only; the one for outgoing connections comes first."""
    bag = bags.get("ips", {})
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
        name: [one for one in entries if one["public_ip"] != item["public_ip"]] for name, entries in _entries(bag)
    }
    of_device = others.get(device, [])
    others[device] = [entry, *of_device] if item.get("source_nat") else [*of_device, entry]
    return with_bag(bags, "ips", {name: entries for name, entries in others.items() if entries})


def _address(address: str, netmask: str, number: str, use: str, gateway: str) -> dict[str, Any]:
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


def _is_interface(address: str, netmask: str) -> bool:
    try:
        IPv4Interface(f"{IPv4Address(address)}/{netmask}")
    except ValueError:
        return False
    return True


def _entries(bag: Bag) -> list[tuple[str, Any]]:
    return [(key, entry) for key, entry in bag.items() if key != "id"]
