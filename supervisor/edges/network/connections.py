"""Counts and forgets tracked connections of one generation, for draining."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from supervisor.edges.network.command import DEADLINE, run
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import Protocol
from supervisor.values.state import Endpoint

# A connection in any of these may still carry data.
STATES = frozenset({"SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK"})

# The kernel numbers its own states (include/net/tcp_states.h): ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE_WAIT, LAST_ACK,
# CLOSING.
OPEN_STATES = frozenset({"01", "03", "04", "08", "09", "0B"})

_ATTEMPTS = 20  # each deletes some


class _VanishedFlowError(NetworkError):
    """The tool ended early, for the flow it was about to delete was no longer there."""


class ConntrackConnections:
    """Satisfies `ports.Connections`, in the network namespace of the calling thread."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline

    def count(self, endpoints: Sequence[Endpoint]) -> int:
        tcp = [endpoint for endpoint in endpoints if endpoint.protocol is Protocol.TCP]
        wanted = {(str(endpoint.address), endpoint.port) for endpoint in tcp if endpoint.address}
        addresses = dict.fromkeys(address for address, _ in sorted(wanted))
        # One listing for an address, not for each of its ports: a balancer may have hundreds.
        asked = [
            *(("--reply-src", address) for address in addresses),
            *(("--orig-src", address) for address in addresses),
            *(("--reply-port-src", str(endpoint.port)) for endpoint in tcp if endpoint.address is None),
        ]
        found = set()
        for criteria in asked:
            is_any = criteria[0] == "--reply-port-src"
            for line in self._conntrack("count", "-L", "-p", "tcp", *criteria).splitlines():
                flow = _flow(line)
                if flow and (is_any or not wanted.isdisjoint(_sources(flow))):
                    found.add(flow)
        return len(found)

    def open(self, endpoints: Sequence[Endpoint], pid: int) -> int:
        ports = {endpoint.port for endpoint in endpoints if endpoint.protocol is Protocol.TCP}
        return sum(_open_at(ports, pid, family) for family in ("tcp", "tcp6"))

    def delete(self, endpoints: Sequence[Endpoint]) -> None:
        for criteria in _criteria(endpoints):
            self._delete(criteria)

    def _delete(self, criteria: Sequence[str]) -> None:
        """A flow that ends by itself between being listed and being deleted makes the tool give up: ask it again."""
        for attempt in range(_ATTEMPTS):
            try:
                self._conntrack("delete", "-D", *criteria)
            except _VanishedFlowError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _conntrack(self, verb: str, *arguments: str) -> str:
        # Exit code 1 says that no flow matched, or that something went wrong: only the former is reported in numbers.
        done = run(
            f"{verb} tracked connections",
            ("conntrack", *arguments),
            deadline=self._deadline,
            accepted=(0, 1),
        )
        if done.exit_code and "such conntrack doesn't exist" in done.stderr:
            raise _VanishedFlowError(f"cannot {verb} tracked connections: they keep vanishing meanwhile")
        if done.exit_code and "0 flow entries" not in done.stderr:
            raise NetworkError(f"cannot {verb} tracked connections: {' '.join(done.stderr.split())}")
        return done.stdout


def _criteria(endpoints: Sequence[Endpoint]) -> Iterator[tuple[str, ...]]:
    """Yield what to ask for: flows whose reply comes from an endpoint, and those that it seems to have begun.

    After a flush of connection tracking in mid-stream the service's next packet makes the entry anew, the wrong way
    round. Router-mode ports have no such second form: there it would be a connection of the router's own.
    """
    for endpoint in dict.fromkeys(endpoints):
        protocol, port = ("-p", str(endpoint.protocol)), str(endpoint.port)
        if endpoint.address is None:
            yield (*protocol, "--reply-port-src", port)
        else:
            address = str(endpoint.address)
            yield (*protocol, "--reply-src", address, "--reply-port-src", port)
            yield (*protocol, "--orig-src", address, "--orig-port-src", port)


def _open_at(ports: Set[int], pid: int, family: str) -> int:
    """Count lines of a socket table (kernel: networking/proc_net_tcp.rst) by local port and state."""
    try:
        lines = Path(f"/proc/{pid}/net/{family}").read_text(encoding="ascii").splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except OSError as error:
        raise NetworkError(f"cannot count open connections of process {pid}: {error.strerror}") from error
    fields = (line.split(maxsplit=4) for line in lines)
    return sum(int(local.rpartition(":")[2], 16) in ports and state in OPEN_STATES for _, local, _, state, _ in fields)


def _flow(line: str) -> tuple[str, ...]:
    """Return source, destination and ports of both directions in a line of the listing; empty: it is over."""
    words = line.split()
    if STATES.isdisjoint(words):
        return ()
    return tuple(word.partition("=")[2] for word in words if word.startswith(("src=", "dst=", "sport=", "dport=")))


def _sources(flow: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    for source, _, port, _ in (flow[:4], flow[4:8]):
        yield source, int(port)
