"""The elements of our nftables table, which direct traffic, and its text. A cut-over exchanges elements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address
from typing import Any

from supervisor.edges.network.structure import CHAINS, SETS, TABLE, fingerprint
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import Protocol
from supervisor.values.state import Endpoint
from supervisor.values.traffic import AddressSwitch, PortSwitch, TrafficTable

RELAY_PORT = 67  # DHCPv4: a relay is answered on the server's port, so both ports of the answer are rewritten

Key = tuple[str | int, ...]
Elements = Mapping[str, Mapping[Key, Key]]  # set or map -> key -> data; sets have empty data


def elements(table: TrafficTable) -> Elements:
    """Return the elements that each set and map must hold.

    Raises NetworkError: when a switch cannot be written as elements.
    """
    content: dict[str, dict[Key, Key]] = {name: {} for name in SETS}
    for switch in table.active_addresses:
        content["front"][_tuple(switch.outside)] = _pair(switch.inside)
        if switch.sides is None:
            content["anywhere"][_tuple(switch.outside)] = ()
        for interface in map(_interface, switch.sides or ()):
            content["sides"][interface, *_tuple(switch.outside)] = ()
    for guarded in table.guarded_ports:
        content["guarded"][str(guarded.protocol), guarded.port] = ()
        for interface in map(_interface, guarded.interfaces):
            content["guarded_sides"][interface, str(guarded.protocol), guarded.port] = ()
    for switch in (*table.active_addresses, *table.alive_addresses):
        _add_reverse(content["back"], switch)
    for active in table.active_ports:
        _add_active(content, active)
    for alive in (*table.active_ports, *table.alive_ports):
        _add_alive(content, alive)
    for connection in table.pinned:
        ends = [(str(address), port) for address, port in (connection.client, connection.outside, connection.inside)]
        content["kept" if connection.client[0].version == 4 else "kept6"][*ends[0], *ends[1]] = ends[2]
    for interface in map(_interface, table.outgoing):
        content["outgoing"][interface,] = ()
    for path in table.synced:
        content["synced"][str(path.source), str(path.target), path.port] = ()
    for held in table.held_ports:
        content["held_ports"][held.port,] = ()
        content["held"][held.port,] = (held.inside,)
        content["udp_inside"][held.inside,] = ()
    return content


def without_kept(wanted: Elements) -> Elements:
    """Return the elements that new work needs."""
    return {**wanted, "kept": {}, "kept6": {}}


def document(wanted: Elements) -> str:
    """Return one transaction that replaces the table, whatever it was."""
    sets = "".join(_declaration(name, wanted[name]) for name in SETS)
    structure = f'\n    chain structure {{\n        return comment "{fingerprint()}"\n    }}\n'
    return f"add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{sets}{CHAINS}{structure}}}\n"


def changes(former: Elements, wanted: Elements) -> str:
    """Return one transaction that turns the elements of `former` into those of `wanted`; empty: they are equal."""
    lines = []
    for name in SETS:
        stale = {key: data for key, data in former[name].items() if wanted[name].get(key) != data}
        fresh = {key: data for key, data in wanted[name].items() if former[name].get(key) != data}
        if stale:
            keys = ", ".join(_key(name, key) for key in stale)
            lines.append(f"delete element {TABLE} {name} {{ {keys} }}\n")
        if fresh:
            lines.append(f"add element {TABLE} {name} {{ {_listing(name, fresh)} }}\n")
    return "".join(lines)


def read_elements(listing: Iterable[Mapping[str, Any]]) -> dict[str, dict[Key, Key]]:
    """Return the elements in a listing by `nft -j list table`."""
    content: dict[str, dict[Key, Key]] = {}
    for entry in listing:
        if "map" in entry:
            read = _parts6 if entry["map"]["name"] == "kept6" else parts
            content[entry["map"]["name"]] = {read(key): read(data) for key, data in entry["map"].get("elem", ())}
        elif "set" in entry:
            content[entry["set"]["name"]] = {parts(key): () for key in entry["set"].get("elem", ())}
    return content


def read_rules(listing: Iterable[Mapping[str, Any]]) -> tuple[dict[str, int], str]:
    """Return the rules in each chain of a listing, and the fingerprint of the structure it was made from."""
    counts: dict[str, int] = {}
    mark = ""
    for entry in listing:
        if "chain" in entry:
            counts.setdefault(entry["chain"]["name"], 0)
        elif "rule" in entry:
            rule = entry["rule"]
            counts[rule["chain"]] = counts.get(rule["chain"], 0) + 1
            mark = rule.get("comment", "") if rule["chain"] == "structure" else mark
    return counts, mark


def _add_reverse(back: dict[Key, Key], switch: AddressSwitch) -> None:
    key, data = _tuple(switch.inside), _pair(switch.outside)
    if back.setdefault(key, data) != data:
        raise NetworkError(f"cannot switch {switch.outside} to {switch.inside}: another frontend has that inside port")


def _add_active(content: dict[str, dict[Key, Key]], switch: PortSwitch) -> None:
    for interface in map(_interface, switch.interfaces):
        if switch.protocol is Protocol.UDP:
            content["udp_ports"][interface, switch.port] = ()
        content[f"{switch.protocol}_in"][interface, switch.port] = (switch.inside,)
    content[f"{switch.protocol}_local"].setdefault((switch.port,), (switch.inside,))


def _add_alive(content: dict[str, dict[Key, Key]], switch: PortSwitch) -> None:
    content[f"{switch.protocol}_inside"][switch.inside,] = ()
    for interface in map(_interface, switch.interfaces):
        content[f"{switch.protocol}_out"][interface, switch.inside] = (switch.port,)
        if switch.protocol is Protocol.UDP and switch.port == RELAY_PORT:
            content["relay_out"][interface, switch.inside, switch.inside] = (switch.port,)


def _tuple(endpoint: Endpoint) -> Key:
    return (_address(endpoint), str(endpoint.protocol), endpoint.port)


def _pair(endpoint: Endpoint) -> Key:
    return (_address(endpoint), endpoint.port)


def _address(endpoint: Endpoint) -> str:
    if endpoint.address is None:
        raise NetworkError(f"cannot switch {endpoint}: an isolated service needs an address")
    return str(endpoint.address)


def _interface(name: str) -> str:
    if not re.fullmatch(r"[\w.:@+-]{1,15}", name):
        raise NetworkError(f"cannot switch ports on interface {name!r}: that is no interface name")
    return name


def _declaration(name: str, items: Mapping[Key, Key]) -> str:
    key_type, data_type = SETS[name]
    kind, types = ("set", key_type) if data_type is None else ("map", f"{key_type} : {data_type}")
    content = f"\n        elements = {{ {_listing(name, items)} }}" if items else ""
    return f"    {kind} {name} {{\n        type {types}{content}\n    }}\n"


def _listing(name: str, items: Mapping[Key, Key]) -> str:
    return ", ".join(_key(name, key) + (f" : {_join(data)}" if data else "") for key, data in items.items())


def _key(name: str, key: Key) -> str:
    if SETS[name][0].startswith("ifname"):
        return _join((f'"{key[0]}"', *key[1:]))
    return _join(key)


def _join(parts: Key) -> str:
    return " . ".join(map(str, parts))


def parts(value: Any) -> Key:
    """Return the parts of a key or its data in a listing, without what else is said of an element (a comment)."""
    if isinstance(value, dict) and "elem" in value:
        value = value["elem"]["val"]
    return tuple(value["concat"]) if isinstance(value, dict) else (value,)


def _parts6(value: Any) -> Key:
    """Read a key or its data with addresses in Python's form (RFC 5952, 5): nft prints ::10.1.1.7 for ::a01:107."""
    return tuple(str(IPv6Address(part)) if isinstance(part, str) else part for part in parts(value))
