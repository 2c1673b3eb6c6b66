"""First step of the intake: a command file becomes a `Command`, or is refused whole with its name, field and reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from supervisor.documents import DocumentError, Record, read_as
from supervisor.edges.intake.family import Body, Command, Family
from supervisor.values.errors import ConfigurationError
from supervisor.values.intake import identifying

MAX_BYTES = 32 * 1024 * 1024
LISTED_FAULTS = 10
MAX_DEPTH = 32
"""Objects and lists in each other; commands have six. What is stored must be written and read again, which recurses."""


def parse(name: str, content: bytes, families: Mapping[str, Family], passed_over: Mapping[str, str]) -> Command:
    """Return the command of a file. `passed_over` has the types that are no family, with the reason.

    Raises ConfigurationError: the file is no command of a known type; the message has its name, field and reason.
    """
    if name != readable(name):
        raise _refusal(name, "its name is not UTF-8")
    if len(content) > MAX_BYTES:
        raise _refusal(name, f"is larger than {MAX_BYTES // 1024 // 1024} MiB")
    body = _object(name, content)
    type_ = body.get("type")
    if not isinstance(type_, str):
        raise _refusal(name, "type: is missing")
    identity = hashlib.sha256(identifying(name, content)).hexdigest()
    if type_ in passed_over:
        return Command(name, type_, body, identity, note=passed_over[type_])
    if type_ not in families:
        raise _refusal(name, f"type: {type_!r:.40} is unknown")
    family = families[type_]
    note = family.note(body)
    if note is None:
        _check(name, body, family)
    is_dual = note is None and any(body.get(field) for field in family.ipv6)
    remark = "IPv6, which no service here has anything for" if is_dual else None
    return Command(name, type_, body, identity, note, remark)


def _check(name: str, body: Body, family: Family) -> None:
    """Raise ConfigurationError: fields of the command have faults; LISTED_FAULTS of them are listed."""
    try:
        read_as(Record(dict, family.fields, is_open=True), body)
    except DocumentError as error:
        faults = [str(fault) for fault in error.faults[:LISTED_FAULTS]]
        if (more := len(error.faults) - LISTED_FAULTS) > 0:
            faults.append(f"and {'at least ' if error.is_cut else ''}{more} more")
        raise _refusal(name, "; ".join(faults)) from None


def readable(name: str) -> str:
    """Return the name of a file as it can be shown and stored, whatever bytes it has."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _object(name: str, content: bytes) -> Body:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg} (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else type(error).__name__
        )
        raise _refusal(name, f"is not JSON: {reason}") from None  # the document may hold a password
    if not isinstance(body, dict):
        raise _refusal(name, "is not a JSON object")
    if _is_deeper(body, MAX_DEPTH):
        raise _refusal(name, f"is nested more than {MAX_DEPTH} deep")
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _refusal(name, "has half a character (a lone surrogate), which cannot be stored") from None
    return body


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        nests = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for nest in nests for item in nest if isinstance(item, dict | list)]
    return bool(level)


def _refusal(name: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"cannot accept {name}: {reason}")
