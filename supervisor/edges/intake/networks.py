"""The router itself: its name, its guest networks, its public addresses, its resolver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address
from typing import Any

from supervisor.edges.intake.bags import Bags
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.router import Dns, GuestNetwork, IPAddress

DEFAULT_DOMAIN = "cloudnine.internal"
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,15}")


def is_label(name: str) -> bool:
    return bool(_LABEL.fullmatch(name))


def is_host_name(name: str) -> bool:
    """True unless it is a label for other things than hosts: those begin with an underscore (RFC 8552)."""
    return is_label(name) and not name.startswith("_")


def router_line(bags: Bags) -> Mapping[str, str]:
    """The router's boot line; empty before it came."""
    config: Mapping[str, str] = bags.get("cmdline", {}).get("config", {})
    return config


def is_backup(bags: Bags) -> bool:
    """True if this is the router of a redundant pair that does not answer; one that is alone is never a backup."""
    line = router_line(bags)
    state = line.get("redundant_state", "").upper()
    return line.get("redundant_router") == "true" and state in ("BACKUP", "FAULT")


def router_name(bags: Bags, faults: Faults) -> str:
    with faults.part("cmdline.name"):
        name = router_line(bags).get("name") or "router"
        if is_label(name):
            return name
        raise BadPartError(f"{name!r:.80} is not a host name")
    return "router"


def router_domain(bags: Bags, faults: Faults) -> str:
    with faults.part("cmdline.domain"):
        return _domain(router_line(bags).get("domain", ""))
    return ""


def networks(bags: Bags, faults: Faults) -> tuple[GuestNetwork, ...]:
    """Those that commands described, and those that the boot line knows of and no command described."""
    found: list[GuestNetwork] = []
    for device, entries in sorted(bags.get("guestnetwork", {}).items()):
        for entry in entries if device != "id" else ():
            with faults.part(f"guestnetwork.{device}.{entry.get('router_guest_ip')}"):
                _add(found, _described(bags, device, entry))
    described = {network.interface for network in found}
    for entry in _addresses(bags, "guest"):
        if entry["device"] not in described:
            with faults.part(f"cmdline.{entry['device']}"):
                _add(found, _from_boot_line(bags, entry))
    return tuple(found)


def _add(found: list[GuestNetwork], network: GuestNetwork) -> None:
    for other in found:
        if other.network.overlaps(network.network):
            raise BadPartError(f"{network.network} overlaps {other.network} of {other.interface}")
    found.append(network)


def public_addresses(bags: Bags, faults: Faults) -> tuple[IPv4Interface, ...]:
    found = []
    for entry in _addresses(bags, "public"):
        with faults.part(f"ips.{entry['device']}.{entry['public_ip']}"):
            found.append(IPv4Interface(entry["cidr"]))
    return tuple(found)


def own_addresses(bags: Bags) -> frozenset[IPv4Address]:
    """Every address that the boot line or a command gave the router, whatever it is for."""
    entries = (entry for key, device in bags.get("ips", {}).items() if key != "id" for entry in device)
    return frozenset(IPv4Address(entry["public_ip"]) for entry in entries if entry.get("add"))


def dns(bags: Bags, faults: Faults) -> Dns:
    line = router_line(bags)
    keys = ("internaldns1", "internaldns2", "dns1", "dns2", "ip6dns1", "ip6dns2")
    upstreams: list[IPAddress] = []
    for key in keys:
        if line.get(key):
            with faults.part(f"cmdline.{key}"):
                upstreams.append(_resolver(line[key]))
    return Dns(tuple(dict.fromkeys(upstreams)), is_served=not _is_outside_only(bags))


def _described(bags: Bags, device: str, entry: Mapping[str, Any]) -> GuestNetwork:
    address = IPv4Interface(f"{entry['router_guest_ip']}/{entry['router_guest_netmask']}")
    gateway = IPv4Address(entry.get("router_guest_gateway") or address.ip)
    is_gateway = entry.get("is_vr_guest_gateway", True)
    return GuestNetwork(
        interface=device,
        address=address,
        gateway=gateway,
        domain=_domain(entry.get("domain_name") or router_line(bags).get("domain") or DEFAULT_DOMAIN),
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
        domain=_domain(line.get("domain") or DEFAULT_DOMAIN),
        dns=_resolvers(bags, gateway if is_gateway else address.ip, [line.get("dns1", ""), line.get("dns2", "")]),
        mtu=_mtu(line.get("privateMtu")),
        search=_search(bags),
        is_gateway=is_gateway,
    )


def _resolvers(bags: Bags, ours: IPv4Address, others: list[str]) -> tuple[IPAddress, ...]:
    """The router first, unless guests use outside resolvers only; the router alone, if the zone wants that."""
    outside = [_resolver(text.strip()) for text in others if text.strip()]
    if _is_outside_only(bags):
        return tuple(dict.fromkeys(outside))
    if router_line(bags).get("userouteripresolver") == "true":
        return (ours,)
    return tuple(dict.fromkeys([ours, *outside]))


def _resolver(text: str) -> IPAddress:
    """The scope of an IPv6 address may be any text for the library; here it is the name of an interface."""
    address = ip_address(text)
    scope = address.scope_id if isinstance(address, IPv6Address) else None
    if scope is not None and not _SCOPE.fullmatch(scope):
        raise BadPartError(f"{text!r:.80} has a scope that is no interface name")
    return address


def _is_outside_only(bags: Bags) -> bool:
    return router_line(bags).get("useextdns") == "true"


def _search(bags: Bags) -> tuple[str, ...]:
    names = router_line(bags).get("dnssearchorder", "").split(",")
    return tuple(_domain(name.strip()) for name in names if name.strip())


def _domain(text: str) -> str:
    if text and not (len(text) <= 253 and all(is_label(label) for label in text.removesuffix(".").split("."))):
        raise BadPartError(f"{text!r:.80} is not a domain name")
    return text.removesuffix(".")


def _mtu(value: object) -> int | None:
    if value in (None, ""):
        return None
    mtu = int(str(value))
    if not 68 <= mtu <= 65535:
        raise BadPartError(f"{mtu} is not an MTU")
    return mtu


def _addresses(bags: Bags, use: str) -> Iterator[Mapping[str, Any]]:
    for device, entries in sorted(bags.get("ips", {}).items()):
        for entry in entries if device != "id" else ():
            if entry.get("add") and entry.get("nw_type") == use:
                yield entry
