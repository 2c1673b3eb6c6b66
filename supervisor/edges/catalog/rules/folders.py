"""Rules for the folders of a service: names, mounts, and what only shared or copied state has."""

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
from supervisor.edges.catalog.rules.probes import probe_faults
from supervisor.values.errors import Fault
from supervisor.values.manifest import (
    Ownership,
    Probe,
    StateSharing,
    Use,
)

_RESERVED = ("/config", "/proc", "/sys", "/dev")


def folders_have_names(draft: Draft) -> Iterator[Fault]:
    """Folders of a kind have different names."""
    for key in ("state", "runtime"):
        for at, name in repeated([(at, item.name) for at, item in draft.items(key)]):
            yield Fault(f"{at}.name", f"{name} is there twice")


def mounts_are_apart(draft: Draft) -> Iterator[Fault]:
    """No two folders are mounted at one path, and none in a folder that the container has anyway."""
    folders = [pair for key in ("state", "runtime", "tmpfs") for pair in draft.items(key)]
    mounts = [(at, item.mount) for at, item in folders if item.mount is not FAULTY]
    for at, mount in repeated(mounts):
        yield Fault(f"{at}.mount", f"{mount} is mounted twice")
    for at, mount in mounts:
        for taken in _RESERVED:
            if mount == taken or mount.startswith(f"{taken}/"):
                yield Fault(f"{at}.mount", f"{mount} lies in {taken}, which is not the service's to mount")


def only_copies_are_replayed(draft: Draft) -> Iterator[Fault]:
    """Only a copied volume is replayed: a shared one has everything."""
    for at, item in draft.items("state"):
        if isinstance(item.replay, Probe):
            if item.sharing is StateSharing.SHARED:
                yield Fault(f"{at}.replay", "has no meaning here: both generations write one folder")
            yield from probe_faults(f"{at}.replay.{item.replay.kind}", item.replay, Use.REPLAY, set())


def only_shared_volumes_list_what_is_spent(draft: Draft) -> Iterator[Fault]:
    """Only a shared volume lists spent items: copies would each list their own."""
    for at, item in draft.items("state"):
        if item.has_spent is True and item.sharing is StateSharing.COPIED:
            yield Fault(f"{at}.spent", "has no meaning here: each generation has a folder of its own")


def owners_are_written(draft: Draft) -> Iterator[Fault]:
    """Lines end with an owner only in copied volumes, and only where the configuration always lists the owners."""
    targets = {item.target for _, item in draft.items("config") if item.each is None and item.when is None}
    for at, item in draft.items("state"):
        if not isinstance(item.owned, Ownership):
            continue
        if item.sharing is StateSharing.SHARED:
            yield Fault(f"{at}.owned", "has no meaning here: both generations write one folder")
        if isinstance(text := item.owned.item, str):
            yield from problem_at(f"{at}.owned.item", _item_problem(text))
        owners = item.owned.owners
        if isinstance(owners, str) and owners not in targets and FAULTY not in targets:
            yield Fault(f"{at}.owned.owners", f"{owners} is not the target of a `config` entry that is always there")


def _item_problem(text: str) -> str | None:
    if problem := pattern_problem(text):
        return problem
    return None if re.compile(text).groups else "has no group: who owns such a line?"
