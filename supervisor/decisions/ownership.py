"""Leaves out items of copied state that have no owner any more: a lease ends with its reservation."""

from __future__ import annotations

import re


def without_orphans(content: bytes, item: str, owners: bytes) -> bytes:
    """Return `content` without the lines that belong to nobody in `owners`, which has a line for each owner.

    A line is an item if all of it matches the regular expression `item`; its groups, joined by spaces, name the owner.
    Other lines stay.
    """
    known, pattern = frozenset(owners.splitlines()), re.compile(item.encode())

    def is_kept(line: bytes) -> bool:
        found = pattern.fullmatch(line.rstrip(b"\r\n"))
        return found is None or b" ".join(found.groups(b"")) in known

    return b"".join(line for line in content.splitlines(keepends=True) if is_kept(line))
