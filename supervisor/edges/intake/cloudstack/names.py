"""Names in DNS, as guests, networks and the router itself may have them."""

from __future__ import annotations

import re

from supervisor.edges.intake.faults import BadPartError

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LONGEST_DOMAIN = 253


def is_label(name: str) -> bool:
    """True if a text is one label of a name in DNS."""
    return bool(_LABEL.fullmatch(name))


def is_host_name(name: str) -> bool:
    """True unless it is a label for other things than hosts: those begin with an underscore (RFC 8552)."""
    return is_label(name) and not name.startswith("_")


def domain(text: str) -> str:
    """Return a domain without its last dot; an empty text is none. Raises BadPartError: it is no domain name."""
    if text and not (len(text) <= _LONGEST_DOMAIN and all(map(is_label, text.removesuffix(".").split(".")))):
        raise BadPartError(f"{text!r:.80} is not a domain name")
    return text.removesuffix(".")
