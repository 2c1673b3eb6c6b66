"""Rules for `knowledge`, `awaited`, `counters` and `sync_port` of a manifest, beside those of `rules`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

from supervisor.documents import FAULTY
from supervisor.edges.catalog.rules import Draft, Rule, probe_faults
from supervisor.values.errors import Fault
from supervisor.values.manifest import NetworkMode, Probe, Strategy


def knowledge_can_be_told(draft: Draft) -> Iterator[Fault]:
    folders = {item.name for _, item in draft.items("runtime") if item.name is not FAULTY}
    for at, item in draft.items("knowledge"):
        yield from _answer_faults(at, item.source, folders)
        known, same = _groups(item.known), _groups(item.same)
        yield from _patterns(at, known=item.known, same=item.same)
        if known is None or same is None:
            continue
        if not same:
            yield Fault(f"{at}.same", "has no named group: of whom is it told?")
        yield from (Fault(f"{at}.same", f"group {name} is not one of `known`") for name in sorted(same - known))
        yield from _format_faults(f"{at}.tell", item.tell, known)


def awaited_can_be_read(draft: Draft) -> Iterator[Fault]:
    folders = {item.name for _, item in draft.items("runtime") if item.name is not FAULTY}
    watch = draft.one("readiness")
    found = watch.awaited if watch and watch.awaited is not FAULTY else ()
    for index, item in enumerate(found):
        if item is not FAULTY:
            at = f"readiness.awaited[{index}]"
            yield from _answer_faults(at, item.source, folders)
            yield from _patterns(at, unknown=item.unknown, total=item.total)
            names = {"unknown", "total"} if item.total else {"unknown"}
            yield from _format_faults(f"{at}.what", item.what, names)


def telling_needs_an_overlap(draft: Draft) -> Iterator[Fault]:
    watch = draft.one("readiness")
    if draft.one("strategy") is not Strategy.TAKEOVER:
        return
    if draft.one("knowledge"):
        yield Fault("knowledge", "has no meaning here: strategy is takeover")
    if watch and watch.awaited is not FAULTY and watch.awaited:
        yield Fault("readiness.awaited", "has no meaning here: strategy is takeover")


def syncing_needs_a_namespace(draft: Draft) -> Iterator[Fault]:
    if draft.is_given("sync_port") and draft.one("network") is NetworkMode.ROUTER:
        yield Fault("sync_port", "has no meaning here: network is router")


def _answer_faults(at: str, source: object, folders: set[str]) -> Iterator[Fault]:
    if isinstance(source, Probe):
        yield from probe_faults(f"{at}.source.{source.kind}", source, folders)
        if source.each is not None:
            yield Fault(f"{at}.source.{source.kind}.each", "has no meaning here: the answer has one place")


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


def counters_can_be_added(draft: Draft) -> Iterator[Fault]:
    folders = {item.name for _, item in draft.items("runtime") if item.name is not FAULTY}
    counters = draft.one("counters")
    if counters is None:
        return
    yield from _answer_faults("counters", counters.source, folders)
    if isinstance(counters.source, Probe) and "send" not in dict(counters.source.arguments):
        yield Fault("counters.source.socket.send", "is missing: what prints the table?")
    if FAULTY not in (counters.key, counters.columns, counters.published):
        for name in sorted(set(counters.key) & set(counters.columns)):
            yield Fault("counters.columns", f"{name} is one of `key`")
        for name in sorted(set(counters.published) - set(counters.columns)):
            yield Fault("counters.published", f"{name} is not one of `columns`")


KNOWLEDGE_RULES: tuple[Rule, ...] = (
    awaited_can_be_read,
    knowledge_can_be_told,
    counters_can_be_added,
    telling_needs_an_overlap,
    syncing_needs_a_namespace,
)
