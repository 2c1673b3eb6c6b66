"""Shows a configuration to people: as plain values for JSON, with every secret hidden."""

from __future__ import annotations

import hashlib
from dataclasses import is_dataclass
from enum import Enum

from supervisor.decisions.printed import printed_fields, word
from supervisor.values.router import Password, RouterConfig
from supervisor.values.secret import Secret


def show(router: RouterConfig, key: bytes) -> dict[str, object]:
    """Return nested dictionaries and lists of plain values; secrets as `***`.

    User data may contain secrets, and the offer of a password is made from it. Both are shown as a mark that changes
    when they do; without `key` nobody can find them by trying.
    """
    return {name: _plain(value, key) for name, value in printed_fields(router)}


def _plain(value: object, key: bytes) -> object:
    match value:
        case None | bool() | int() | float():
            plain: object = value
        case Enum():
            plain = word(value)
        case bytes():
            plain = f"*** ({len(value)} bytes, {_mark(value, key)})"
        case tuple():
            plain = [_plain(item, key) for item in value]
        case Secret():
            plain = str(value)
        case Password():
            offer = f"*** ({_mark(value.offer.encode(), key)})"
            plain = {"address": str(value.address), "secret": str(value.secret), "offer": offer}
        case _ if is_dataclass(value) and not isinstance(value, type):
            plain = {name: _plain(item, key) for name, item in printed_fields(value)}
        case _:
            plain = str(value)
    return plain


def _mark(content: bytes, key: bytes) -> str:
    return hashlib.blake2b(content, key=key, digest_size=4).hexdigest()
