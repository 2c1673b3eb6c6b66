"""Lists what clients have open with one generation, and makes connection tracking forget it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from supervisor.decisions.retries import VANISHED_FLOW, retry
from supervisor.decisions.traffic import outside_of, outsides
from supervisor.edges.network.command import DEADLINE, run
from supervisor.edges.network.namespace import call_inside, exists
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import Protocol
from supervisor.values.state import Endpoint, Instance, SocketAddress
from supervisor.values.traffic import Connection, Crowd

# A tracked connection in any of these may still carry data.
STATES = frozenset({"SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK"})

# The kernel numbers its own states (include/net/tcp_states.h): ESTABLISHED, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, CLOSING.
# What a forged SYN leaves (SYN_RECV) is nobody's connection yet.
OPEN_STATES = frozenset({"01", "04", "08", "09", "0B"})
NOBODY = "0"  # the inode of a connection that no process has accepted yet
HALF_CLOSED = "05"  # FIN_WAIT2: open as long as a process has it (an inode other than 0), for its other half may last

Outsides = Mapping[Endpoint, Endpoint]  # where an instance answers -> what its clients call that


class _VanishedFlowError(NetworkError, word="network"):
    """The tool ended early, for the flow it was about to delete was no longer there."""


class ConntrackConnections:
    """Satisfies `ports.network.Connections`, in the network namespace of the calling thread."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline

    def unfinished(self, instance: Instance) -> tuple[Connection, ...]:
        # A listing that changes meanwhile may miss some, and tracking forgets what is flushed: sockets are asked too.
        return tuple(dict.fromkeys((*self._tracked(outsides(instance, Protocol.TCP)), *self.open(instance))))

    def open(self, instance: Instance) -> tuple[Connection, ...]:
        ends = outsides(instance, Protocol.TCP)
        return tuple(open_connections(_sockets_of(instance), ends)) if ends else ()

    def crowd(self, instance: Instance) -> Crowd:
        ends, lines = outsides(instance, Protocol.TCP), _sockets_of(instance)
        held = [line for line in lines if line.split()[9] != NOBODY]
        taken = frozenset(open_connections(held, ends))
        return Crowd(taken, len(set(open_connections(lines, ends)) - taken))

    def _tracked(self, ends: Outsides) -> Iterator[Connection]:
        """Yield tracked connections, with one listing for an address: a balancer may have hundreds of ports."""
        addresses = dict.fromkeys(str(end.address) for end in ends if end.address)
        asked = [
            *(("--reply-src", address) for address in addresses),
            *(("--orig-src", address) for address in addresses),
            *(("--reply-port-src", str(end.port)) for end in ends if end.address is None),
        ]
        for criteria in asked:
            for line in self._conntrack("list", "-L", "-p", "tcp", *criteria).splitlines():
                connection = tracked_connection(line, ends)
                if connection:
                    yield connection

    def delete(self, endpoints: Sequence[Endpoint]) -> None:
        for criteria in _criteria(endpoints):
            self._delete(criteria)

    def _delete(self, criteria: Sequence[str]) -> None:
        """Ask the tool again when a flow ended between being listed and being deleted: each time it deletes some."""
        retry(VANISHED_FLOW, lambda: self._conntrack("delete", "-D", *criteria), on=_VanishedFlowError)

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


def open_connections(lines: Iterable[str], ends: Outsides) -> Iterator[Connection]:
    """Yield the connections with these ends in lines of a socket table (kernel: networking/proc_net_tcp.rst)."""
    for line in lines:
        _, local, remote, state, _, _, _, _, _, inode, *_ = line.split()
        if state not in OPEN_STATES and (state != HALF_CLOSED or inode == NOBODY):
            continue
        inside, client = _end(local), _end(remote)
        outside = outside_of(inside, ends)
        # A client that calls itself ::ffff:10.0.0.1 on the wire looks like one of IPv4, and is none.
        if outside and client[0].version == inside[0].version:
            yield Connection(client, outside, inside)


def _sockets_of(instance: Instance) -> list[str]:
    """Return the lines of the socket tables that the instance is in; none if its namespace is gone."""
    link = instance.link
    if link is None:
        return _sockets()
    return call_inside(link.namespace, _sockets) if exists(link.namespace) else []


def _sockets() -> list[str]:
    """Return the lines of the socket tables of the thread's namespace (kernel: networking/proc_net_tcp.rst)."""
    lines: list[str] = []
    for family in ("tcp", "tcp6"):
        try:
            with suppress(FileNotFoundError):  # a kernel without IPv6
                lines += Path(f"/proc/thread-self/net/{family}").read_text(encoding="ascii").splitlines()[1:]
        except OSError as error:
            raise NetworkError(f"cannot list open connections: {error}") from error
    return lines


def _end(text: str) -> SocketAddress:
    """Read an end of a socket: words of 32 bits as they lie in memory, and the port. IPv4 in IPv6 is IPv4."""
    words, _, port = text.partition(":")
    packed = b"".join(int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    address = ip_address(packed)
    return (address.version == 6 and address.ipv4_mapped) or address, int(port, 16)


def tracked_connection(line: str, ends: Outsides) -> Connection | None:
    """Return the connection in a line of the listing; None: it is over, or has none of these ends.

    A line names the source, the destination and the ports of the first packet, and then those of the answer. The other
    way round when the service's packet came first after a flush. A flow that passes between other ends, or was sent to
    ours directly, was not translated as ours is.
    """
    words = line.split()
    if STATES.isdisjoint(words):
        return None
    told = [word.partition("=")[2] for word in words if word.startswith(("src=", "dst=", "sport=", "dport="))]
    asking, asked = _ends(*told[:4])
    answering, answered = _ends(*told[4:8])
    for connection in (Connection(asking, asked, answering), Connection(answering, answered, asking)):
        if outside_of(connection.inside, ends) == connection.outside:
            return connection
    return None


def _ends(source: str, destination: str, port: str, destination_port: str) -> tuple[SocketAddress, SocketAddress]:
    return (ip_address(source), int(port)), (ip_address(destination), int(destination_port))
