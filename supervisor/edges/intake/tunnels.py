"""Tunnels to other gateways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from supervisor.edges.intake.bags import Bags
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.edges.intake.fields import address_or_name
from supervisor.values.router import IkeVersion, SiteToSite, Vpn
from supervisor.values.secret import Secret

_PROPOSAL = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_MAX_LIFETIME = 86400


def vpn(bags: Bags, faults: Faults) -> Vpn:
    found: dict[str, SiteToSite] = {}
    for peer, entry in sorted(bags.get("site2sitevpn", {}).items()):
        if peer != "id":
            with faults.part(f"site2sitevpn.{peer}"):
                tunnel = _tunnel(entry)
                if other := found.get(tunnel.name):
                    raise BadPartError(f"another connection leads to {other.peer_address} already")
                found[tunnel.name] = tunnel
    return Vpn(tuple(found.values()))


def _peer(text: str) -> IPv4Address | str:
    """An address, or a name in the form in which it is compared."""
    if fault := address_or_name(text):
        raise BadPartError(f"peer_gateway_ip {fault}")
    try:
        return IPv4Address(text)
    except ValueError:
        return text.rstrip(".").lower()


def _name(peer: IPv4Address | str) -> str:
    """Dots of names become dashes where the IKE daemon is told of them, so a dash of the peer's is doubled."""
    return f"vpn-{str(peer).replace('-', '--')}"


def _tunnel(entry: Mapping[str, Any]) -> SiteToSite:
    if not entry["ipsec_psk"]:
        raise BadPartError("ipsec_psk is empty")
    peer = _peer(entry["peer_gateway_ip"])
    return SiteToSite(
        name=_name(peer),
        local_address=IPv4Address(entry["local_public_ip"]),
        local_networks=_networks(entry["local_guest_cidr"]),
        peer_address=peer,
        peer_networks=_networks(entry["peer_guest_cidr_list"]),
        ike_proposals=_proposals(entry["ike_policy"]),
        esp_proposals=_proposals(entry["esp_policy"]),
        ike_version=IkeVersion((entry.get("ike_version") or "ike").lower()),
        ike_lifetime=_lifetime(entry.get("ike_lifetime") or 86400),
        esp_lifetime=_lifetime(entry.get("esp_lifetime") or 3600),
        psk=Secret(entry["ipsec_psk"]),
        has_dead_peer_detection=entry.get("dpd", False),
        force_encapsulation=entry.get("encap", False),
        has_split_connections=entry.get("split_connections", False),
        is_passive=entry.get("passive", False),
    )


def _networks(text: str) -> tuple[IPv4Network, ...]:
    found = tuple(IPv4Network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    if not found:
        raise BadPartError("names no networks")
    return found


def _proposals(text: str) -> tuple[str, ...]:
    """`aes256-sha256;modp2048` separates the key exchange group; the daemon wants dashes only."""
    found = tuple(part.strip().replace(";", "-") for part in text.split(",") if part.strip())
    for proposal in found:
        if not _PROPOSAL.fullmatch(proposal):
            raise BadPartError(f"{proposal!r:.60} is not a proposal")
    if not found:
        raise BadPartError("has an empty policy")
    return found


def _lifetime(seconds: int) -> int:
    if not 60 <= seconds <= _MAX_LIFETIME:
        raise BadPartError(f"lifetime {seconds} is not between 60 and {_MAX_LIFETIME} seconds")
    return seconds
