"""An instance as text and back: it is stored, and its container carries it as a label.

So a running container has everything that was allocated for it, also when the store is lost. There is no secret in it.
The items of frontends are left out: only templates look at them, and rendering resolves frontends anew.
"""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from supervisor.decisions.traffic import sides_of
from supervisor.values.manifest import Fair, Protocol
from supervisor.values.names import Digest, ServiceName
from supervisor.values.state import (
    NO_MAC,
    AddressFrontend,
    Endpoint,
    Instance,
    Link,
    PortFrontend,
    ResolvedFrontend,
    Share,
)


def dump_instance(instance: Instance) -> str:
    """Return the instance as JSON."""
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
            "sync_port": instance.sync_port,
            "former": instance.former,
            "former_address": instance.former_address and str(instance.former_address),
            "frontends": [_dump_frontend(frontend) for frontend in instance.frontends],
            "sides": {name: sides for name, sides in sides_of(instance).items() if sides is not None},
        }
    )


def load_instance(text: str) -> Instance:
    """Return the instance of a text. Raises ValueError, LookupError or TypeError: when the text is none."""
    fields = json.loads(text)
    return Instance(
        service=ServiceName(_text(fields["service"])),
        generation=int(fields["generation"]),
        version=_text(fields["version"]),
        release=_text(fields["release"]),
        image=Digest(_text(fields["image"])),
        definition=Digest(_text(fields["definition"])),
        link=_load_link(fields["link"]),
        ports=tuple((_text(name), int(port)) for name, port in fields["ports"]),
        frontends=tuple(_load_frontend(frontend, fields.get("sides", {})) for frontend in fields["frontends"]),
        masquerades=bool(fields.get("masquerades", True)),  # not recorded once, when every service could
        mac=_text(fields.get("mac", NO_MAC)),  # nor were this and those below
        sync_port=_number(fields.get("sync_port")),
        former=_number(fields.get("former")),
        former_address=IPv4Address(text) if (text := fields.get("former_address")) else None,
    )


def _number(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise TypeError(f"{value!r} is no number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _load_link(fields: Any) -> Link | None:
    if fields is None:
        return None
    namespace, interface, outer, inner, prefix = fields
    return Link(namespace, interface, IPv4Address(outer), IPv4Address(inner), prefix)


def _dump_frontend(frontend: ResolvedFrontend) -> list[Any]:
    """Return a frontend as a list.

    With a share it has an item more, and so it has when it is shut: its last. Older records have neither.
    """
    share = frontend.share
    of_share = [["share", share.entry, share.fair.open, share.fair.rate, share.fair.guests_only]] if share else []
    return [*_dump_open(frontend), *of_share, *([] if frontend.is_open else ["shut"])]


def _load_share(fields: list[Any]) -> Share:
    _, entry, most, rate, guests_only = fields
    return Share(int(entry), Fair(int(most), int(rate), bool(guests_only)))


def _dump_open(frontend: ResolvedFrontend) -> list[Any]:
    if isinstance(frontend, AddressFrontend):
        outside = frontend.outside
        return ["address", frontend.name, str(outside.address), outside.protocol, outside.port, frontend.inside_port]
    return ["port", frontend.name, frontend.protocol, frontend.port, frontend.inside_port, list(frontend.interfaces)]


def _load_frontend(fields: list[Any], sides: dict[str, list[str]]) -> ResolvedFrontend:
    if fields[-1] == "shut":
        return replace(_load_frontend(fields[:-1], sides), is_open=False)
    if isinstance(fields[-1], list) and fields[-1][:1] == ["share"]:
        return replace(_load_frontend(fields[:-1], sides), share=_load_share(fields[-1]))
    callable_at = tuple(map(_text, sides[fields[1]])) if fields[1] in sides else None
    if fields[0] == "address":
        _, name, address, protocol, port, inside = fields
        outside = Endpoint(IPv4Address(address), Protocol(protocol), port)
        return AddressFrontend(name, outside, inside, sides=callable_at)
    _, name, protocol, port, inside, interfaces = fields
    if port == inside and interfaces:  # recorded when they said nothing
        return PortFrontend(name, Protocol(protocol), port, inside, ())
    return PortFrontend(name, Protocol(protocol), port, inside, tuple(interfaces), sides=callable_at)
