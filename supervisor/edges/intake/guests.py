"""The guests: their reservations, their metadata, their passwords."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from supervisor.edges.intake.bags import Bags
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.edges.intake.networks import is_host_name, is_label
from supervisor.values.router import GuestNetwork, Host, Metadata, Password
from supervisor.values.secret import Secret

_KEY = re.compile(r"(?!\.)[A-Za-z0-9._@:+-]{1,200}")
"""Keys become names of files, and users choose some of them."""
TAKEN_NAMES = ("localhost", "data-server")
"""Names that guests find the router at, and themselves."""


def hosts(bags: Bags, networks: Sequence[GuestNetwork], router: str, faults: Faults) -> tuple[Host, ...]:
    """`router` is the router's own name."""
    found = []
    ours = {network.address.ip for network in networks}
    for key, entry in _guests(bags, "dhcpentry"):
        if entry.get("remove"):
            continue
        with faults.part(f"dhcpentry.{key}"):
            address = IPv4Address(entry["ipv4_address"])
            network = next((one for one in networks if address in one.network), None)
            if network is None:
                raise BadPartError("is in none of the guest networks")
            if address in ours:
                raise BadPartError("is the router's own address")
            if network.network.prefixlen < 31 and address in _ends(network.network):
                raise BadPartError(f"is no guest's address: {network.network} begins or ends with it")
            found.append(
                Host(
                    mac=entry["mac_address"].lower(),
                    address=address,
                    name=_name(entry.get("host_name") or "", router, f"dhcpentry.{key}.host_name", faults),
                    lease_seconds=_lease(entry.get("lease_time")),
                    is_default=entry.get("default_entry", True),
                    interface=network.interface,
                    gateway=_gateway(entry.get("default_gateway"), network, f"dhcpentry.{key}.default_gateway", faults),
                )
            )
    return tuple(found)


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


def _lease(seconds: int | None) -> int | None:
    """0 and nothing mean for ever. Shorter than two minutes is more than the daemon gives."""
    if not seconds:
        return None
    if not 0 < seconds < 0xFFFFFFFF:
        raise BadPartError(f"lease_time {seconds} is not a number of seconds")
    return max(120, seconds)


def metadata(bags: Bags, faults: Faults) -> tuple[Metadata, ...]:
    found = []
    for key, rows in _guests(bags, "vmdata"):
        with faults.part(f"vmdata.{key}"):
            path = f"vmdata.{key}"
            found.append(Metadata(IPv4Address(key), _user_data(rows, path, faults), _items(rows, path, faults)))
    return tuple(found)


def _user_data(rows: Sequence[Sequence[Any]], path: str, faults: Faults) -> bytes | None:
    text = next((value for folder, file, value in rows if (folder, file) == ("userdata", "user-data")), None)
    if text is None:
        return None
    with faults.part(f"{path}.user-data"):
        try:  # the sender's way of passing texts on may lose the padding
            return base64.b64decode(
                text.strip().rstrip("=") + "=" * (-len(text.strip().rstrip("=")) % 4), validate=True
            )
        except binascii.Error as error:
            raise BadPartError(f"is not base64: {error}") from None
    return None


def _items(rows: Sequence[Sequence[Any]], path: str, faults: Faults) -> tuple[tuple[str, str | None], ...]:
    """The last value of every key, at its first place. An empty text takes the key away."""
    found: dict[str, str | None] = {}
    for folder, key, value in rows:
        if folder != "metadata":
            continue
        if not _KEY.fullmatch(key):
            faults.add(f"{path}.{key!r:.80}", "cannot be the name of a file: left out")
        else:
            found[key] = value
    return tuple((key, value) for key, value in found.items() if value != "")


def passwords(bags: Bags, faults: Faults) -> tuple[Password, ...]:
    found = []
    for key, entry in _guests(bags, "vmpassword"):
        with faults.part(f"vmpassword.{key}"):
            if not entry["password"] or not entry["password"].isprintable():
                raise BadPartError("is empty or has control characters")
            found.append(Password(IPv4Address(key), Secret(entry["password"]), entry["offer"]))
    return tuple(found)


def _guests(bags: Bags, name: str) -> Iterator[tuple[str, Any]]:
    """Entries of a bag in the order of their addresses."""
    entries = [(key, entry) for key, entry in bags.get(name, {}).items() if key != "id"]
    return iter(sorted(entries, key=lambda pair: _order(pair[0])))


def _order(key: str) -> tuple[bool, int, str]:
    try:
        return False, int(IPv4Address(key)), key
    except ValueError:
        return True, 0, key
