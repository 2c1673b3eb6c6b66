"""Fields of commands: each check returns the first thing that is wrong with a value, with its path, or None."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
Check = Callable[[Any], str | None]
"""Returns the fault of a value, or None."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a command, and the check of its value; null is as if it were not there."""

    name: str
    check: Check
    is_required: bool = True


def text(value: Any) -> str | None:
    return None if isinstance(value, str) else f"must be a text, not {kind(value)}"


def boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {kind(value)}"


def number(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else f"must be a number, not {kind(value)}"


def address(value: Any) -> str | None:
    return text(value) or _parsed(IPv4Address, value, "an IPv4 address")


def address_or_name(value: Any) -> str | None:
    """Check for an address or a host name. A text of digits and dots must be an address: no name ends in a number."""
    if fault := text(value):
        return fault
    is_name = HOST_NAME.fullmatch(value) and not value.rstrip(".").rpartition(".")[2].isdigit()
    if (is_name and len(value) <= 253) or address(value) is None:
        return None
    return f"{value!r:.80} is neither an IPv4 address nor a host name"


def netmask(value: Any) -> str | None:
    return text(value) or _parsed(lambda mask: IPv4Network(f"0.0.0.0/{mask}"), value, "a netmask")


def mac(value: Any) -> str | None:
    is_good = isinstance(value, str) and re.fullmatch(r"(?i)[0-9a-f]{2}(:[0-9a-f]{2}){5}", value)
    return None if is_good else f"{value!r:.40} is not an Ethernet address"


def device(value: Any) -> str | None:
    is_good = isinstance(value, str) and re.fullmatch(r"eth[0-9]{1,3}", value)
    return None if is_good else f"{value!r:.40} is not a device (eth<number>)"


def device_number(value: Any) -> str | None:
    return None if re.fullmatch(r"[0-9]{1,3}", str(value)) else f"{value!r:.40} is not the number of a device"


def texts(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return "must be a list of texts"
    return None


def map_of_texts(value: Any) -> str | None:
    if not isinstance(value, dict):
        return f"must be an object, not {kind(value)}"
    wrong = next((key for key, item in value.items() if not isinstance(item, str)), None)
    return None if wrong is None else f"{wrong} must be a text, not {kind(value[wrong])}"


def rows(value: Any) -> str | None:
    """Check for a list of metadata: a folder, a file, and a value or null in each."""
    if not isinstance(value, list):
        return f"must be a list, not {kind(value)}"
    for index, row in enumerate(value):
        is_good = isinstance(row, list) and len(row) == 3 and all(isinstance(item, str) for item in row[:2])
        if not is_good or not (row[2] is None or isinstance(row[2], str)):
            return f"[{index}] must be a folder, a file and a value or null"
    return None


def list_of(fields: tuple[Field, ...]) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, list):
            return f"must be a list, not {kind(value)}"
        for index, item in enumerate(value):
            if fault := fault_of(item, fields):
                return f"[{index}].{fault}"
        return None

    return check


def fault_of(body: Any, fields: tuple[Field, ...]) -> str | None:
    """Return the first fault of an object, as `field: problem`; None: it has none."""
    if not isinstance(body, Mapping):
        return f"must be an object, not {kind(body)}"
    for field in fields:
        value = body.get(field.name)
        if value is None:  # null fields are left out by the sender
            if field.is_required:
                return f"{field.name}: is missing"
        elif fault := field.check(value):
            return f"{field.name}{'' if fault.startswith('[') else ': '}{fault}"
    return None


def kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _parsed(parse: Callable[[str], object], value: str, what: str) -> str | None:
    try:
        parse(value)
    except ValueError:
        return f"{value!r:.40} is not {what}"
    return None
