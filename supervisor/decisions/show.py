"""A configuration as JSON can say it: for people, with every secret hidden."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum

from supervisor.values.router import RouterConfig
from supervisor.values.secret import Secret


def show(router: RouterConfig) -> dict[str, object]:
    """Return nested dictionaries and lists of plain values; secrets as `***`."""
    return {field.name: _plain(getattr(router, field.name)) for field in fields(router)}


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            plain: object = value
        case Enum():
            plain = value.value
        case bytes():
            plain = value.decode(errors="backslashreplace")
        case tuple():
            plain = [_plain(item) for item in value]
        case Secret():
            plain = str(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            plain = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            plain = str(value)
    return plain
