"""Counts DNS work by client: questions of each, and answers to it by response code; the same of other servers.

Some daemons do not count their own errors, and none counts them by client. The kernel counts, in a table of ours beside
the one that moves traffic: questions once their port has been rewritten, answers before it is, so generations are
distinguished by the port they have inside. Over UDP only. Counting begins when a port is first asked about, and ends
with this process. Each set has a bound: a client that comes when it is full is not counted, and nothing else happens.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address

from supervisor.edges.network.command import DEADLINE, run
from supervisor.edges.network.owned_table import OwnedTable
from supervisor.values.errors import NetworkError

TABLE = "inet vr_supervisor_answers"
FAMILY, NAME = TABLE.split()
DNS_PORT = 53
MOST_SOURCES = 4096  # elements of one set: clients of all generations, and servers
FORGET = "1h"  # who did not ask for so long is counted anew
CODES: Mapping[str, tuple[int, ...]] = {
    "good": (0, 3),  # that a name does not exist is an answer, too
    "FORMERR": (1,),
    "SERVFAIL": (2,),
    "NOTIMP": (4,),
    "REFUSED": (5,),
}
OTHER = "OTHER"
ASKED = "asked"
WORDS = (ASKED, *CODES, OTHER)

_CODE_AT = 8 * 8 + 28  # bits: behind the UDP header, the last four of the second word of a DNS header
_KEYS = {"4": ("ipv4_addr", "ip"), "6": ("ipv6_addr", "ip6")}

Sum = tuple[str, int, str]  # address, port, word
Sums = Mapping[Sum, int]


class AnswerCounters:
    """The counters, in the network namespace of the thread that first reads. Safe to use from several threads."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._lock = threading.Lock()
        self._table: OwnedTable | None = None
        self._counted: set[str] = set()  # elements of `ports` and `servers`
        self._began: dict[int, tuple[str, Sums]] = {}  # who has a port, and what was counted before

    def read(self, container: str, port: int, servers: Sequence[str] = ()) -> str:
        """Return a line for each client of `port`, and for each of `servers` that was asked.

        `client 10.1.1.20 asked 12 good 10 FORMERR 0 SERVFAIL 0 NOTIMP 0 REFUSED 2 OTHER 0`, and the same for `server`.
        Raises NetworkError: when the kernel's counters cannot be read.
        """
        wanted = {str(ip_address(server)) for server in servers}
        with self._lock:
            try:
                self._count(port, wanted)
            except OSError as error:
                raise NetworkError(f"cannot count answers of {container}: {error}") from error
            sums = self._sums()
            if port not in self._began or self._began[port][0] != container:
                self._began[port] = (container, {key: count for key, count in sums.items() if key[1] == port})
            before = self._began[port][1]
        own = {key: count - min(count, before.get(key, 0)) for key, count in sums.items() if key[1] == port}
        others = {key: count for key, count in sums.items() if key[1] == DNS_PORT and key[0] in wanted}
        return "".join((*_lines("client", own), *_lines("server", others)))

    def close(self) -> None:
        with self._lock:
            if self._table:
                self._table.close()
            self._table = None
            self._counted.clear()
            self._began.clear()

    def _count(self, port: int, servers: Iterable[str]) -> None:
        if self._table is None:
            self._table = OwnedTable(TABLE, _structure())
        wanted = {f"ports {{ {port} }}", *(f"servers{ip_address(server).version} {{ {server} }}" for server in servers)}
        if missing := wanted - self._counted:
            self._table.run("".join(f"add element {TABLE} {element}\n" for element in sorted(missing)))
            self._counted |= missing

    def _sums(self) -> Sums:
        command = ("nft", "-j", "list", "sets", "table", FAMILY, NAME)
        done = run(f"read nftables table {TABLE}", command, deadline=self._deadline)
        sums: dict[Sum, int] = {}
        for entry in json.loads(done.stdout)["nftables"]:
            if "set" in entry and entry["set"]["name"][:-1] in WORDS:
                word = entry["set"]["name"][:-1]
                for address, port, packets in _elements(entry["set"].get("elem", ())):
                    sums[address, port, word] = packets
        return sums


def _elements(listed: Iterable[object]) -> Iterator[tuple[str, int, int]]:
    for entry in listed:
        if isinstance(entry, dict):
            address, port = entry["elem"]["val"]["concat"]
            yield str(address), int(port), int(entry["elem"]["counter"]["packets"])


def _lines(kind: str, sums: Sums) -> Iterator[str]:
    by_address: dict[str, dict[str, int]] = defaultdict(dict)
    for (address, _, word), count in sums.items():
        by_address[address][word] = count
    for address, counts in sorted(by_address.items()):
        yield f"{kind} {address} " + " ".join(f"{word} {counts.get(word, 0)}" for word in WORDS) + "\n"


def _structure() -> str:
    """Return the commands that fill a new table: rules are the same however many ports and servers are counted."""
    lines = [f"add set {TABLE} ports {{ type inet_service; }}"]
    for family, (kind, _) in _KEYS.items():
        lines.append(f"add set {TABLE} servers{family} {{ type {kind}; }}")
        bounds = f"size {MOST_SOURCES}; flags dynamic,timeout; timeout {FORGET}; counter;"
        lines += [f"add set {TABLE} {word}{family} {{ type {kind} . inet_service; {bounds} }}" for word in WORDS]
    for way, end in (("to", "daddr"), ("from", "saddr")):
        for word in (*CODES, OTHER):
            lines += [f"add chain {TABLE} {way}_{word}", *_updates(f"{way}_{word}", word, end, "sport")]
        codes = ", ".join(f"{code} : goto {way}_{word}" for word, numbers in CODES.items() for code in numbers)
        lines += [
            f"add chain {TABLE} {way}",
            f"add rule {TABLE} {way} @th,{_CODE_AT},4 vmap {{ {codes} }}",
            f"add rule {TABLE} {way} goto {way}_{OTHER}",
        ]
    return "\n".join((*lines, *_hooks(), ""))


def _hooks() -> Iterator[str]:
    # By loopback come the supervisor's own probes. Answers leave through the output hook one before the chain that
    # rewrites their ports; questions are those that the router's own firewall let in.
    yield f"add chain {TABLE} output {{ type filter hook output priority -301; policy accept; }}"
    yield f'add rule {TABLE} output oifname != "lo" udp sport @ports jump to'
    yield f"add chain {TABLE} input {{ type filter hook input priority 300; policy accept; }}"
    yield from _updates("input", ASKED, "saddr", "dport", 'iifname != "lo" udp dport @ports ')
    for family, (_, word) in _KEYS.items():
        theirs = f"udp sport {DNS_PORT} {word} saddr @servers{family}"
        yield f"add rule {TABLE} input {theirs} jump from"
        ours = f"udp dport {DNS_PORT} {word} daddr @servers{family}"
        yield f"add rule {TABLE} output {ours} update @{ASKED}{family} {{ {word} daddr . udp dport }}"


def _updates(chain: str, word: str, end: str, port: str, match: str = "") -> Iterator[str]:
    for family, (_, header) in _KEYS.items():
        yield f"add rule {TABLE} {chain} {match}update @{word}{family} {{ {header} {end} . udp {port} }}"
