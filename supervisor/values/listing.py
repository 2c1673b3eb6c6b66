"""Texts of bounded length: lists end with the number of those that do not fit, single texts with that of characters.

A message ends a call of the API in the trailing metadata, of which clients take 8 KiB (gRPC core,
`GRPC_ARG_MAX_METADATA_SIZE`); there each byte that is no printable ASCII takes three (gRPC over HTTP/2,
`grpc-message`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ENCODED = re.compile(rb"[^ -$&-~]")
MESSAGE_BYTES = 6144
"""The most that a message takes on its way to a client."""

LIST_BYTES = 4096
"""The most that a list inside a message takes; the rest is for what is said around it."""


def listed(items: Iterable[object], separator: str = "; ", limit: int = LIST_BYTES) -> str:
    """Return the items, as many as fit in `limit` bytes, and the number of the others: `a; b; … and 312 more`.

    The first one is always there, cut if need be.
    """
    texts = [str(item) for item in items]
    taken, length = 0, 0
    for text in texts:
        length += transported(text[:limit]) + transported(separator)
        if taken and length > limit:
            break
        taken += 1
    more = f"{separator}… and {len(texts) - taken} more" if taken < len(texts) else ""
    return bounded(separator.join(texts[:taken]), limit) + more


def bounded(text: str, limit: int = MESSAGE_BYTES) -> str:
    """Return a text that takes `limit` bytes at most, a few more for the number of characters that were left out."""
    if len(text) <= limit and transported(text) <= limit:
        return text
    length = 0
    for index, letter in enumerate(text):
        length += transported(letter)
        if length > limit:
            return f"{text[:index]}… ({len(text) - index} characters more)"
    return text


def transported(text: str) -> int:
    """Return the bytes that a text takes in the trailing metadata of a call."""
    content = text.encode(errors="replace")
    return len(content) + 2 * len(_ENCODED.findall(content))
