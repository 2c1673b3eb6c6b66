"""The stored form of the configuration: a JSON object ("bag") for each type of command, merged from all so far."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

from supervisor.values.errors import ConfigurationError

Bag = Mapping[str, Any]
"""Entries by what they are about (an address, a device, a peer), and the bag's own name as `id`."""
Bags = Mapping[str, Bag]
EMPTY: Bags = {}


def bags_to_json(bags: Bags) -> str:
    """Return the text that is stored; equal bags give equal texts."""
    return json.dumps(bags, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def bags_from_json(text: str | None) -> Bags:
    """Return the bags of a stored text; None: nothing was stored yet.

    Raises ConfigurationError: the text is not one of `bags_to_json`.
    """
    if text is None:
        return EMPTY
    try:
        bags = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"cannot read the stored configuration: {error}") from error
    if not isinstance(bags, dict) or not all(isinstance(bag, dict) for bag in bags.values()):
        raise ConfigurationError("cannot read the stored configuration: it is not an object of objects")
    return bags


def with_bag(bags: Bags, name: str, bag: Bag) -> Bags:
    """Return the bags with another one of this name; the others are shared."""
    return {**bags, name: {"id": name, **bag}}


def entries(bags: Bags, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what a bag has, key and entry, in the order of its keys' arrival; nothing when it is missing."""
    return ((key, entry) for key, entry in bags.get(name, {}).items() if key != "id")


def by_address(bags: Bags, name: str) -> list[tuple[str, Any]]:
    """Return what a bag has, key and entry, in the order of the addresses that are its keys; other keys come last."""
    return sorted(entries(bags, name), key=lambda pair: _order(pair[0]))


def _order(key: str) -> tuple[bool, int, str]:
    try:
        return False, int(IPv4Address(key)), key
    except ValueError:
        return True, 0, key
