"""Keeps the kernel's nftables table as it was applied last; a cut-over is one transaction here."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

from supervisor.edges.network import table as text
from supervisor.edges.network.command import DEADLINE, run
from supervisor.edges.network.structure import FAMILY, NAME, TABLE, fingerprint, rule_counts
from supervisor.values.traffic import TrafficTable

log = logging.getLogger(__name__)


class NftTraffic:
    """Satisfies `ports.network.Traffic`, in the namespace of the calling thread. Safe to use from several threads."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._lock = threading.RLock()
        self._applied: text.Elements | None = None

    def apply(self, table: TrafficTable) -> None:
        wanted = text.elements(table)
        with self._lock:
            # After a start the kernel is asked: a table left by a former supervisor is adopted, never blindly replaced.
            former = self._applied if self._applied is not None else self._adopt()
            if former is None:
                self._load(wanted)
            elif transaction := text.changes(former, wanted):
                self._exchange(transaction, wanted)
            self._applied = wanted  # only now: a refused change must not be made by a later restoration

    def verify(self) -> bool:
        with self._lock:
            listing = self._list()
            if self._applied is None:
                return not listing
            return _is_ours(listing) and text.read_elements(listing) == self._applied

    def insides(self) -> frozenset[str]:
        with self._lock:
            elements = text.read_elements(self._list())
        addresses = (data[0] for data in elements.get("front", {}).values())
        ports = (data[0] for name in ("udp_in", "tcp_in") for data in elements.get(name, {}).values())
        return frozenset(map(str, (*addresses, *ports)))

    def restore(self) -> bool:
        """Put the table back as it was applied last; False: nothing was wrong.

        In one transaction, but for the connections it pins: those may be thousands, and all clients would wait for
        them.
        Raises NetworkError: when the kernel refuses.
        """
        with self._lock:
            if self._applied is None or self.verify():
                return False
            first = text.without_kept(self._applied)
            self._load(first)
            if rest := text.changes(first, self._applied):
                self._nft("fill", rest)
            return True

    def remove(self) -> None:
        with self._lock:
            self._applied = None
            self._nft("remove", f"add table {TABLE}\ndelete table {TABLE}\n")

    def _exchange(self, transaction: str, wanted: text.Elements) -> None:
        done = run(
            f"change nftables table {TABLE}",
            ("nft", "-f", "-"),
            text=transaction,
            deadline=self._deadline,
            accepted=(0, 1),
        )
        if done.exit_code:  # somebody changed or flushed the table since: nothing was applied, so replace it
            log.warning("traffic table replaced", extra={"cause": " ".join(done.stderr.split())[:500]})
            self._load(wanted)

    def _load(self, wanted: text.Elements) -> None:
        self._nft("load", text.document(wanted))

    def _adopt(self) -> text.Elements | None:
        listing = self._list()
        return text.read_elements(listing) if _is_ours(listing) else None

    def _list(self) -> list[dict[str, Any]]:
        done = run(
            f"list nftables table {TABLE}",
            ("nft", "-j", "list", "table", FAMILY, NAME),
            deadline=self._deadline,
            accepted=(0, 1),  # 1: there is no such table
        )
        entries: list[dict[str, Any]] = json.loads(done.stdout)["nftables"] if done.exit_code == 0 else []
        return entries

    def _nft(self, verb: str, transaction: str) -> None:
        run(f"{verb} nftables table {TABLE}", ("nft", "-f", "-"), text=transaction, deadline=self._deadline)


def _is_ours(listing: list[dict[str, Any]]) -> bool:
    """Return True if the table has the structure that this version of the supervisor loads."""
    return text.read_rules(listing) == (rule_counts(), fingerprint())
