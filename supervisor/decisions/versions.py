"""Finds the imported version that an operator means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from supervisor.values.errors import RequestError, UnknownVersionError
from supervisor.values.listing import listed


def match_version(service: str, wanted: str, known: Sequence[str]) -> str:
    """Return the one of `known` that `wanted` names: exactly, or as its beginning up to a separator.

    `2.91` names `2.91-1` but not `2.910-1`. Raises UnknownVersionError: when there is none; RequestError: when several
    match.
    """
    if wanted in known:
        return wanted
    candidates = [version for version in known if re.match(re.escape(wanted) + r"(?![0-9A-Za-z])", version)]
    if len(candidates) > 1:
        matching = listed(sorted(candidates), ", ")
        raise RequestError(f"cannot tell which version of {service} {wanted!r} is: {matching} match")
    if not candidates:
        raise UnknownVersionError(service, wanted, sorted(known))
    return candidates[0]
