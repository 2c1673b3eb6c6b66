"""Rules for the counters of a service: failed work, and tables that are carried over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from supervisor.documents import FAULTY
from supervisor.edges.catalog.rules.draft import (
    Draft,
    pattern_problem,
    problem_at,
    repeated,
)
from supervisor.edges.catalog.rules.probes import source_faults
from supervisor.values.errors import Fault
from supervisor.values.manifest import (
    ROUTER_ONLY,
    Count,
    ErrorCounter,
    NetworkMode,
    Probe,
    Use,
)


def errors_can_be_counted(draft: Draft) -> Iterator[Fault]:
    """Each counter of failed work has a name of its own, a source in its network and expressions with groups."""
    folders, network = draft.runtime_folders, draft.value("network")
    for at, name in repeated([(at, item.name) for at, item in draft.items("errors")]):
        yield Fault(f"{at}.name", f"{name} is there twice")
    for at, item in draft.items("errors"):
        yield from source_faults(at, item.source, Use.READ, folders)
        if isinstance(item.source, Probe) and item.source.kind in ROUTER_ONLY and network is NetworkMode.ISOLATED:
            yield Fault(f"{at}.source.{item.source.kind}", "has no meaning here: network is isolated")
        yield from _counts_faults(at, item)
        if isinstance(item.servers, Count):
            yield from _counts_faults(f"{at}.servers", item.servers)
        if item.patience and item.answered is None:
            yield Fault(f"{at}.patience", "has no meaning here: there is no `answered`")


def _counts_faults(at: str, counts: Count | ErrorCounter) -> Iterator[Fault]:
    if counts.failed is None and counts.answered is None:
        yield Fault(at, "has neither `failed` nor `answered`: nothing would ever fail")
    for key in ("failed", "total", "answered", "declined"):
        if isinstance(text := getattr(counts, key, None), str):
            yield from problem_at(f"{at}.{key}", _counting_problem(text))


def _counting_problem(text: str) -> str | None:
    if problem := pattern_problem(text):
        return problem
    pattern = re.compile(text)
    keys = pattern.groupindex.keys() & {"name", "source"}
    return None if pattern.groups > len(keys) else "has no group: which number counts?"


def counters_can_be_added(draft: Draft) -> Iterator[Fault]:
    """A table that is carried over has columns that are added up, besides those that identify a row."""
    counters = draft.value("counters")
    if counters is None:
        return
    yield from source_faults("counters", counters.source, Use.LINES, draft.runtime_folders)
    if FAULTY not in (counters.key, counters.columns, counters.published):
        for name in sorted(set(counters.key) & set(counters.columns)):
            yield Fault("counters.columns", f"{name} is one of `key`")
        for name in sorted(set(counters.published) - set(counters.columns)):
            yield Fault("counters.published", f"{name} is not one of `columns`")
