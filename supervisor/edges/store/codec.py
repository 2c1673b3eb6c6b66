"""Values to JSON and back, for the columns that hold a whole value."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from ipaddress import IPv4Address
from typing import Any

from supervisor.values.association import Association
from supervisor.values.handover import Direction, Handover, Kind, Mode, Outcome
from supervisor.values.manifest import Protocol
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Version
from supervisor.values.state import NO_MAC, AddressFrontend, Endpoint, Instance, Link, PortFrontend, ResolvedFrontend


def dump_version(version: Version) -> str:
    return json.dumps([version.release, version.version, version.image, version.definition])


def load_version(text: str) -> Version:
    release, version, image, definition = json.loads(text)
    return Version(release, version, Digest(image), Digest(definition))


def dump_handover(handover: Handover) -> str:
    return json.dumps(
        {
            "kind": handover.kind,
            "mode": handover.mode,
            "former": handover.former,
            "candidate": handover.candidate,
            "index": handover.index,
            "direction": handover.direction,
            "reached": handover.reached,
            "reason": handover.reason,
            "synced": handover.synced,
            "associations": [astuple(association) for association in handover.associations],
        }
    )


def load_handover(number: int, service: str, outcome: str, text: str) -> Handover:
    fields = json.loads(text)
    return Handover(
        id=number,
        service=ServiceName(service),
        kind=Kind(fields["kind"]),
        mode=Mode(fields["mode"]),
        former=fields["former"],
        candidate=fields["candidate"],
        index=fields["index"],
        direction=Direction(fields["direction"]),
        outcome=Outcome(outcome),
        reached=fields["reached"],
        reason=fields["reason"],
        synced=fields["synced"],
        # A journal written before there were any has none.
        associations=tuple(Association(*association) for association in fields.get("associations", ())),
    )


def dump_instance(instance: Instance) -> str:
    link = instance.link
    return json.dumps(
        {
            "service": instance.service,
            "generation": instance.generation,
            "version": instance.version,
            "release": instance.release,
            "image": instance.image,
            "definition": instance.definition,
            "link": link and [link.namespace, link.interface, str(link.outer), str(link.inner), link.prefix],
            "ports": instance.ports,
            "masquerades": instance.masquerades,
            "mac": instance.mac,
            "frontends": [_dump_frontend(frontend) for frontend in instance.frontends],
        }
    )


def load_instance(text: str) -> Instance:
    """The items of frontends are not kept: only templates look at them, and rendering resolves frontends anew."""
    fields = json.loads(text)
    return Instance(
        service=ServiceName(fields["service"]),
        generation=fields["generation"],
        version=fields["version"],
        release=fields["release"],
        image=Digest(fields["image"]),
        definition=Digest(fields["definition"]),
        link=_load_link(fields["link"]),
        ports=tuple((name, port) for name, port in fields["ports"]),
        frontends=tuple(_load_frontend(frontend) for frontend in fields["frontends"]),
        masquerades=fields.get("masquerades", True),  # not kept once, when every service could
        mac=fields.get("mac", NO_MAC),  # nor was this
    )


def _load_link(fields: Any) -> Link | None:
    if fields is None:
        return None
    namespace, interface, outer, inner, prefix = fields
    return Link(namespace, interface, IPv4Address(outer), IPv4Address(inner), prefix)


def _dump_frontend(frontend: ResolvedFrontend) -> list[Any]:
    """Of one that is shut the last item says so: there is none otherwise, as in journals of before."""
    return [*_dump_open(frontend), *([] if frontend.is_open else ["shut"])]


def _dump_open(frontend: ResolvedFrontend) -> list[Any]:
    if isinstance(frontend, AddressFrontend):
        outside = frontend.outside
        return ["address", frontend.name, str(outside.address), outside.protocol, outside.port, frontend.inside_port]
    return ["port", frontend.name, frontend.protocol, frontend.port, frontend.inside_port, list(frontend.interfaces)]


def _load_frontend(fields: list[Any]) -> ResolvedFrontend:
    if fields[-1] == "shut":
        return replace(_load_frontend(fields[:-1]), is_open=False)
    if fields[0] == "address":
        _, name, address, protocol, port, inside = fields
        return AddressFrontend(name, Endpoint(IPv4Address(address), Protocol(protocol), port), inside)
    _, name, protocol, port, inside, interfaces = fields
    return PortFrontend(name, Protocol(protocol), port, inside, tuple(interfaces))
