"""Tunnels to other gateways (`site2sitevpn`)."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from supervisor.documents import Field
from supervisor.edges.intake import fields
from supervisor.edges.intake.bags import Bags, entries, with_bag
from supervisor.edges.intake.family import Body, Command, Family
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.router import IkeVersion, Proposal, RouterConfig, SiteToSite, Vpn
from supervisor.values.secret import Secret

_PROPOSAL = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_MAX_LIFETIME = 86400


def _merge(bags: Bags, command: Command) -> Bags:
    """A peer has one connection; a command that creates none takes it away."""
    body, peer = command.body, command.body["peer_gateway_ip"]
    left = {key: entry for key, entry in entries(bags, "site2sitevpn") if key != peer}
    return with_bag(bags, "site2sitevpn", {**left, peer: body} if body["create"] else left)


def _interpret(bags: Bags, router: RouterConfig, faults: Faults) -> RouterConfig:
    tunnels: dict[str, SiteToSite] = {}
    for peer, entry in sorted(entries(bags, "site2sitevpn")):
        with faults.part(f"site2sitevpn.{peer}"):
            tunnel = _tunnel(entry)
            if other := tunnels.get(tunnel.name):
                raise BadPartError(f"another connection leads to {other.peer_address} already")
            tunnels[tunnel.name] = tunnel
    return replace(router, vpn=Vpn(tuple(tunnels.values())))


def _peer(text: str) -> IPv4Address | str:
    """Return an address, or a name in the form in which names are compared."""
    if not fields.is_address_or_name(text):
        raise BadPartError(f"peer_gateway_ip {text!r:.80} is neither an IPv4 address nor a host name")
    try:
        return IPv4Address(text)
    except ValueError:
        return text.rstrip(".").lower()


def _name(peer: IPv4Address | str) -> str:
    """Return the tunnel's name: different peers have different ones also where dots are written as dashes."""
    return f"vpn-{str(peer).replace('-', '--')}"


def _tunnel(entry: Body) -> SiteToSite:
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
    networks = tuple(IPv4Network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    if not networks:
        raise BadPartError("names no networks")
    return networks


def _proposals(text: str) -> tuple[Proposal, ...]:
    """Return the proposals of a policy: `aes256-sha256;modp2048` separates the key exchange group from the others."""
    proposals = tuple(part.strip().replace(";", "-") for part in text.split(",") if part.strip())
    for proposal in proposals:
        if not _PROPOSAL.fullmatch(proposal):
            raise BadPartError(f"{proposal!r:.60} is not a proposal")
    if not proposals:
        raise BadPartError("has an empty policy")
    return tuple(tuple(proposal.split("-")) for proposal in proposals)


def _lifetime(seconds: int) -> int:
    if not 60 <= seconds <= _MAX_LIFETIME:
        raise BadPartError(f"lifetime {seconds} is not between 60 and {_MAX_LIFETIME} seconds")
    return seconds


FAMILY = Family(
    "site2sitevpn",
    fields=(
        Field("peer_gateway_ip", fields.ADDRESS_OR_NAME, True),
        Field("create", fields.BOOLEAN, True),
        Field("local_public_ip", fields.ADDRESS, True),
        Field("local_guest_cidr", fields.TEXT, True),
        Field("peer_guest_cidr_list", fields.TEXT, True),
        Field("ike_policy", fields.TEXT, True),
        Field("esp_policy", fields.TEXT, True),
        Field("ipsec_psk", fields.TEXT, True),
        Field("ike_lifetime", fields.NUMBER),
        Field("esp_lifetime", fields.NUMBER),
        Field("ike_version", fields.TEXT),
        Field("dpd", fields.BOOLEAN),
        Field("encap", fields.BOOLEAN),
        Field("split_connections", fields.BOOLEAN),
    ),
    merge=_merge,
    interpret=_interpret,
    parts=lambda body: (f"site2sitevpn.{body['peer_gateway_ip']}",),
)
