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
    if isinstance(value, Secret):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
