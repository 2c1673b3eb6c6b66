"""Rules for facts that a candidate waits for or is given before it gets traffic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

from supervisor.documents import FAULTY
from supervisor.edges.catalog.rules.draft import (
    Draft,
)
from supervisor.edges.catalog.rules.probes import source_faults
from supervisor.values.errors import Fault
from supervisor.values.manifest import (
    Strategy,
    Use,
)


def knowledge_can_be_told(draft: Draft) -> Iterator[Fault]:
    """A fact that is passed on is found in an answer, and the line that passes it on can be filled in from it."""
    folders = draft.runtime_folders
    for at, item in draft.items("knowledge"):
        yield from source_faults(at, item.source, Use.LINES, folders)
        known, same = _groups(item.known), _groups(item.same)
        yield from _patterns(at, known=item.known, same=item.same)
        if known is None or same is None:
            continue
        if not same:
            yield Fault(f"{at}.same", "has no named group: whom is it about?")
        yield from (Fault(f"{at}.same", f"group {name} is not one of `known`") for name in sorted(same - known))
        yield from _format_faults(f"{at}.tell", item.tell, known)


def awaited_can_be_read(draft: Draft) -> Iterator[Fault]:
    """A fact that is waited for is found in an answer."""
    folders = draft.runtime_folders
    watch = draft.value("readiness")
    for index, item in enumerate(watch.awaited if watch and watch.awaited is not FAULTY else ()):
        if item is not FAULTY:
            at = f"readiness.awaited[{index}]"
            yield from source_faults(at, item.source, Use.LINES, folders)
            yield from _patterns(at, unknown=item.unknown, total=item.total)
            names = {"unknown", "total"} if item.total else {"unknown"}
            yield from _format_faults(f"{at}.what", item.what, names)


def telling_needs_an_overlap(draft: Draft) -> Iterator[Fault]:
    """Facts are passed on, and waited for, only between generations that overlap."""
    watch = draft.value("readiness")
    if draft.value("strategy") is not Strategy.TAKEOVER:
        return
    if draft.value("knowledge"):
        yield Fault("knowledge", "has no meaning here: strategy is takeover")
    if watch and watch.awaited is not FAULTY and watch.awaited:
        yield Fault("readiness.awaited", "has no meaning here: strategy is takeover")


def _patterns(at: str, **patterns: object) -> Iterator[Fault]:
    for key, text in patterns.items():
        if isinstance(text, str) and _groups(text) is None:
            yield Fault(f"{at}.{key}", "is not a regular expression")


def _groups(text: object) -> set[str] | None:
    try:
        return set(re.compile(text).groupindex) if isinstance(text, str) else None
    except re.error:
        return None


def _format_faults(at: str, text: object, names: set[str]) -> Iterator[Fault]:
    if not isinstance(text, str):
        return
    try:
        used = {(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None}
    except ValueError as error:
        yield Fault(at, f"cannot be filled in: {error}")
        return
    for name, spec, conversion in sorted(used, key=str):
        if name not in names or spec or conversion:
            yield Fault(at, f"{{{name}}} is not known ({', '.join(sorted(names)) or 'nothing is'})")
