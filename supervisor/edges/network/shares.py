"""Keeps the kernel's table of shares as it was applied last, and reads what it has refused."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from supervisor.edges.network import shares_text as text
from supervisor.edges.network.command import DEADLINE, run
from supervisor.edges.network.shares_text import FAMILY, NAME, SETS, TABLE
from supervisor.edges.network.table import parts, read_rules
from supervisor.values.shares import Refusals, ShareTable, Source, SourceKind

log = logging.getLogger(__name__)

Content = tuple[text.Shares, text.Elements]
Listing = list[dict[str, Any]]
Sources = tuple[tuple[Source, int], ...]
_NOTHING: Content = (frozenset(), {name: {} for name in SETS})


class NftShares:
    """Satisfies `ports.network.Shares`, in the namespace of the calling thread. Safe to use from several threads."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._lock = threading.RLock()
        self._applied: Content | None = None
        self._looked: dict[str, tuple[int, Sources]] = {}  # by share: what was counted and listed last

    def apply(self, table: ShareTable) -> None:
        wanted = text.shares(table), text.elements(table)
        with self._lock:
            former = self._applied if self._applied is not None else self._adopt()
            if former is None:
                self._load(wanted)
            elif transaction := text.changes(*former, *wanted):
                self._exchange(transaction, wanted)
            self._applied = wanted  # only now: a refused change must not be made by a later restoration

    def verify(self) -> bool:
        """Return True if the kernel's table is the one applied last; before the first `apply`, if there is none.

        Raises NetworkError: when it cannot be read.
        """
        with self._lock:
            found = self._read()
            return found == self._applied if self._applied is not None else found is None

    def restore(self) -> bool:
        """Put the table back as it was applied last; False: nothing was wrong.

        What was open before is not counted any more. Raises NetworkError: when the kernel refuses.
        """
        with self._lock:
            if self._applied is None or self.verify():
                return False
            self._load(self._applied)
            return True

    def refusals(self) -> Refusals:
        with self._lock:  # and not while it is listed: no change waits for that
            named = self._applied[0] if self._applied is not None else ()
        if not named:
            return Refusals()
        counted = {
            entry["counter"]["name"]: int(entry["counter"]["packets"])
            for entry in self._list("counters", "table", FAMILY, NAME)
            if "counter" in entry
        }
        self._looked = {name: self._look(name, counted[name]) for name in sorted(named & counted.keys())}
        looked = [(of, *seen) for name, seen in self._looked.items() if (of := text.share_of(name))]
        return Refusals(
            tuple((of, count) for of, count, _ in looked),
            tuple((of, source, packets) for of, _, refused in looked for source, packets in refused),
        )

    def remove(self) -> None:
        with self._lock:
            self._applied = None
            self._nft("remove", f"add table {TABLE}\ndelete table {TABLE}\n")

    def _look(self, name: str, count: int) -> tuple[int, Sources]:
        """Return what a share has counted, with its sources: each set is a program that runs, so not without news."""
        former = self._looked.get(name, (0, ()))
        # The sets are read after the counter, so they have all of it, or more.
        return former if former[0] == count else (count, tuple(self._refused(name)))

    def _refused(self, name: str) -> Iterator[tuple[Source, int]]:
        for kind in text.REFUSED:
            for entry in self._list("set", FAMILY, NAME, text.refused_set(name, kind)):
                for item in entry.get("set", {}).get("elem", ()):
                    yield _source(kind, item["elem"]["val"]), int(item["elem"]["counter"]["packets"])

    def _exchange(self, transaction: str, wanted: Content) -> None:
        command = ("nft", "-f", "-")
        purpose = f"change nftables table {TABLE}"
        done = run(purpose, command, text=transaction, deadline=self._deadline, accepted=(0, 1))
        if done.exit_code:  # somebody changed or flushed the table since: nothing was applied, so replace it
            log.warning("share table replaced", extra={"cause": " ".join(done.stderr.split())[:500]})
            self._load(wanted)

    def _load(self, wanted: Content) -> None:
        self._nft("load", text.document(*wanted))

    def _adopt(self) -> Content | None:
        return self._read()

    def _read(self) -> Content | None:
        """Return the content of the kernel's table; None: there is none, or it was not made by this version."""
        listing = self._list("table", FAMILY, NAME, terse=True)
        named = frozenset(entry["counter"]["name"] for entry in listing if "counter" in entry)
        if any(text.share_of(name) is None for name in named):
            return None
        if read_rules(listing) != (text.rule_counts(named), text.fingerprint()):
            return None
        found = {name: _elements(self._list("map" if data else "set", FAMILY, NAME, name), name)
                 for name, (_, data) in SETS.items()}  # fmt: skip
        return named, found

    def _list(self, *what: str, terse: bool = False) -> Listing:
        """Return what `nft list` says; empty: there is no such thing."""
        command = ("nft", "-j", *(("-t",) if terse else ()), "list", *what)
        done = run(f"list nftables table {TABLE}", command, deadline=self._deadline, accepted=(0, 1))
        entries: Listing = json.loads(done.stdout)["nftables"] if done.exit_code == 0 else []
        return entries

    def _nft(self, verb: str, transaction: str) -> None:
        run(f"{verb} nftables table {TABLE}", ("nft", "-f", "-"), text=transaction, deadline=self._deadline)


def _elements(listing: Iterable[Mapping[str, Any]], name: str) -> dict[text.Key, str]:
    found: dict[text.Key, str] = {}
    for entry in listing:
        for item in entry.get("map", entry.get("set", {})).get("elem", ()):
            key, verdict = item if SETS[name][1] else (item, None)
            found[parts(key)] = verdict["goto"]["target"] if verdict else ""
    return found


def _source(kind: str, value: Any) -> Source:
    match kind:
        case "card":
            return Source(SourceKind.CARD, str(value))
        case "side":
            interface, mac = value["concat"]
            return Source(SourceKind.UNKNOWN, f"{mac} behind {interface}")
        case "net6":
            return Source(SourceKind.ADDRESS, f"{value}/64")
        case _:
            return Source(SourceKind.ADDRESS, str(value))
