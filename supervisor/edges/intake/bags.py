"""The kept form of the configuration: a JSON object ("bag") for each kind of command, merged from all so far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from supervisor.values.errors import ConfigurationError

Bag = Mapping[str, Any]
Bags = Mapping[str, Bag]
EMPTY: Bags = {}


def bags_to_json(bags: Bags) -> str:
    """Equal bags give equal texts."""
    return json.dumps(bags, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def bags_from_json(text: str | None) -> Bags:
    """None: nothing was kept yet. ConfigurationError when the text is not what `bags_to_json` wrote."""
    if text is None:
        return EMPTY
    try:
        bags = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"cannot read the kept configuration: {error}") from error
    if not isinstance(bags, dict) or not all(isinstance(bag, dict) for bag in bags.values()):
        raise ConfigurationError("cannot read the kept configuration: it is not an object of objects")
    return bags


def with_bag(bags: Bags, name: str, bag: Bag) -> Bags:
    return {**bags, name: {"id": name, **bag}}
