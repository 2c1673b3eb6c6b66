"""The shapes of the fields of commands. Values are stored as they came; these only say which ones are refused."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network

from supervisor.documents import Boolean, Field, Integer, ListOf, MapOf, Optional, Parsed, Record, Text, TupleOf

_LONGEST = 1 << 30  # the size of a file is bounded, and no field of it by itself
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")


def is_address_or_name(text: str) -> bool:
    """True if a text is an IPv4 address or a host name. One of digits and dots only must be an address."""
    if _HOST_NAME.fullmatch(text) and not text.rstrip(".").rpartition(".")[2].isdigit():
        return len(text) <= 253
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _netmask(text: str) -> IPv4Network:
    return IPv4Network(f"0.0.0.0/{text}")


def _address_or_name(text: str) -> str:
    if not is_address_or_name(text):
        raise ValueError(text)
    return text


TEXT = Text(r"[\s\S]*", limit=_LONGEST)
BOOLEAN = Boolean()
NUMBER = Integer()
ADDRESS = Parsed(IPv4Address, "must be an IPv4 address")
ADDRESS_OR_NAME = Parsed(_address_or_name, "must be an IPv4 address or a host name")
NETMASK = Parsed(_netmask, "must be a netmask")
MAC = Text(r"(?i:[0-9a-f]{2}(:[0-9a-f]{2}){5})", "must be an Ethernet address")
DEVICE = Text(r"eth[0-9]{1,3}", "must be a device (eth<number>)")
DEVICE_NUMBER = Text(r"[0-9]{1,3}", "must be the number of a device", takes_numbers=True)
TEXTS = ListOf(TEXT)
MAP_OF_TEXTS = MapOf(TEXT, TEXT)
ROWS = ListOf(TupleOf((TEXT, TEXT, Optional(TEXT)), "must be a folder, a file and a value or null"))


def objects(*fields: Field) -> ListOf:
    """Return the shape of a list of objects that have these fields, and others."""
    return ListOf(Record(dict, fields, is_open=True))
