"""Leaves out items of copied state that have no owner any more."""

from __future__ import annotations

import re


def without_orphans(content: bytes, item: str, owners: bytes) -> bytes:
    """Return `content` without the items whose owner is not in `owners`, which has a line for each owner.

    A line is an item if all of it matches the regular expression `item`; its groups, joined by spaces, name the owner.
    Other lines stay.
    """
    known, pattern = frozenset(owners.splitlines()), re.compile(item.encode())

    def is_owned(line: bytes) -> bool:
        match = pattern.fullmatch(line.rstrip(b"\r\n"))
        return match is None or b" ".join(match.groups(b"")) in known

    return b"".join(line for line in content.splitlines(keepends=True) if is_owned(line))
