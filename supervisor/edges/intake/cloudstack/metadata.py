"""Metadata of guests (`vmdata`): what a guest may read about itself, and the user data that it was given."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from supervisor.documents import Field
from supervisor.edges.intake import fields
from supervisor.edges.intake.bags import Bags, by_address, with_bag
from supervisor.edges.intake.cloudstack.owners import claimed
from supervisor.edges.intake.family import Command, Family
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.router import Metadata, RouterConfig

Rows = Sequence[Sequence[Any]]
_KEY = re.compile(r"(?!\.)[A-Za-z0-9._@:+-]{1,200}")
"""Keys become names of files, and users choose some of them."""


def _merge(bags: Bags, command: Command) -> Bags:
    body, address = command.body, command.body["vm_ip_address"]
    return claimed(with_bag(bags, "vmdata", {**bags.get("vmdata", {}), address: body["vm_metadata"]}), address)


def _interpret(bags: Bags, router: RouterConfig, faults: Faults) -> RouterConfig:
    metadata = []
    for key, listed in by_address(bags, "vmdata"):
        path = f"vmdata.{key}"
        with faults.part(path):
            metadata.append(Metadata(IPv4Address(key), _user_data(listed, path, faults), _items(listed, path, faults)))
    return replace(router, metadata=tuple(metadata))


def _user_data(listed: Rows, path: str, faults: Faults) -> bytes | None:
    text = next((value for folder, file, value in listed if (folder, file) == ("userdata", "user-data")), None)
    if text is None:
        return None
    with faults.part(f"{path}.user-data"):
        bare = text.strip().rstrip("=")  # the sender's way of passing texts on may lose the padding
        try:
            return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except binascii.Error as error:
            raise BadPartError(f"is not base64: {error}") from None
    return None


def _items(listed: Rows, path: str, faults: Faults) -> tuple[tuple[str, str | None], ...]:
    """Return the last value of every key, at its first place. An empty text takes the key away."""
    items: dict[str, str | None] = {}
    for folder, key, value in listed:
        if folder != "metadata":
            continue
        if not _KEY.fullmatch(key):
            faults.add(f"{path}.{key!r:.80}", "cannot be the name of a file: left out")
        else:
            items[key] = value
    return tuple((key, value) for key, value in items.items() if value != "")


FAMILY = Family(
    "vmdata",
    fields=(Field("vm_ip_address", fields.ADDRESS, True), Field("vm_metadata", fields.ROWS, True)),
    merge=_merge,
    interpret=_interpret,
    parts=lambda body: (f"vmdata.{body['vm_ip_address']}",),
)
