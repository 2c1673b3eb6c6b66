"""Counts DNS answers on their way to clients, by response code: some daemons do not count their own errors.

The kernel counts, in a table of ours beside the one that moves traffic: before that one rewrites ports, so every
generation is told apart by the port it has inside. Over UDP only. Counting begins when a port is asked about for the
first time, and ends with this process.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

from supervisor.edges.network.command import DEADLINE, run
from supervisor.edges.network.owned_table import OwnedTable
from supervisor.values.errors import NetworkError

TABLE = "inet vr_supervisor_answers"
FAMILY, NAME = TABLE.split()
PRIORITY = -301  # one before the chain that rewrites the ports of answers
CODES: Mapping[str, int] = {"SERVFAIL": 2, "REFUSED": 5}
ALL = "all"

_CHAIN = f"add chain {TABLE} count {{ type filter hook output priority {PRIORITY}; policy accept; }}\n"
_CODE_AT = 8 * 8 + 28  # bits: behind the UDP header, the last four of the second word of a DNS header

Counts = Mapping[str, int]


class AnswerCounters:
    """In the network namespace of the thread that asks first. Safe to use from several threads."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._lock = threading.Lock()
        self._table: OwnedTable | None = None
        self._counted: set[int] = set()
        self._began: dict[int, tuple[str, Counts]] = {}  # who has a port, and what was counted before

    def read(self, container: str, port: int) -> str:
        """A line for each response code that is counted, `SERVFAIL 3`, and one for `all`. NetworkError."""
        with self._lock:
            try:
                self._count(port)
            except OSError as error:
                raise NetworkError(f"cannot count answers of {container}: {error}") from error
            counts = self._counts(port)
            if port not in self._began or self._began[port][0] != container:
                self._began[port] = (container, counts)
            before = self._began[port][1]
        return "".join(f"{name} {count - before[name]}\n" for name, count in counts.items())

    def close(self) -> None:
        with self._lock:
            if self._table:
                self._table.close()
            self._table = None
            self._counted.clear()
            self._began.clear()

    def _count(self, port: int) -> None:
        if self._table is None:
            self._table = OwnedTable(TABLE, _CHAIN)
        if port not in self._counted:
            self._table.run(_rules(port))
            self._counted.add(port)

    def _counts(self, port: int) -> Counts:
        done = run(
            f"read nftables table {TABLE}",
            ("nft", "-j", "list", "counters", "table", FAMILY, NAME),
            deadline=self._deadline,
        )
        listing = (entry["counter"] for entry in json.loads(done.stdout)["nftables"] if "counter" in entry)
        found = {entry["name"]: int(entry["packets"]) for entry in listing}
        try:
            return {name: found[_counter(name, port)] for name in (*CODES, ALL)}
        except KeyError as error:
            raise NetworkError(f"cannot read nftables table {TABLE}: there is no counter {error}") from error


def _rules(port: int) -> str:
    answer = f'oifname != "lo" udp sport {port}'  # by loopback leave those to our own probes
    matches = {ALL: answer} | {name: f"{answer} @th,{_CODE_AT},4 {code}" for name, code in CODES.items()}
    return "".join(
        f"add counter {TABLE} {_counter(name, port)}\n"
        f"add rule {TABLE} count {match} counter name {_counter(name, port)}\n"
        for name, match in matches.items()
    )


def _counter(name: str, port: int) -> str:
    return f"{name.lower()}_{port}"
