"""Finds out which ports of an address are open to a client: a scan by real connections, and UDP questions."""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass

ALL_PORTS = range(1, 65536)
_BIND_ADDRESS_NO_PORT = 24  # ip(7): the port is chosen at connect, so that one source has enough of them
_NONE: Mapping[int, int] = {}
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: nothing is left behind of a connection


@dataclass(frozen=True, slots=True)
class Origin:
    """The place that a client calls from: a network namespace, and an address or interface there, if it matters."""

    namespace: str
    source: str = ""
    device: str = ""


def open_ports(
    address: str, ports: Iterable[int], origin: Origin, *, at_once: int = 4000, patience: float = 0.4
) -> frozenset[int]:
    """Return the TCP ports of `address` to which a connection opens. The caller is in the origin's namespace.

    `patience` is how long a port that says nothing is waited for, in seconds.
    """
    found: set[int] = set()
    poll = select.epoll()
    waiting: dict[int, tuple[socket.socket, int]] = {}
    order: deque[tuple[float, int, int]] = deque()
    left = iter(ports)
    is_done = False
    try:
        while not is_done or waiting:
            while not is_done and len(waiting) < at_once:
                port = next(left, None)
                if port is None:
                    is_done = True
                    break
                sock = _calling(socket.SOCK_STREAM, origin)
                sock.setblocking(False)
                if sock.connect_ex((address, port)) != errno.EINPROGRESS:
                    sock.close()  # refused at once: nobody listens, or there is no way
                    continue
                waiting[sock.fileno()] = sock, port
                order.append((time.monotonic() + patience, sock.fileno(), port))
                poll.register(sock, select.EPOLLOUT)
            for number, _ in poll.poll(0.01):
                sock, port = waiting.pop(number)
                if _is_connected(sock):
                    found.add(port)
                sock.close()
            now = time.monotonic()
            while order and (order[0][0] < now or waiting.get(order[0][1], (None, 0))[1] != order[0][2]):
                _, number, port = order.popleft()
                if number in waiting and waiting[number][1] == port:
                    waiting.pop(number)[0].close()
    finally:
        for sock, _ in waiting.values():
            sock.close()
        poll.close()
    return frozenset(found)


def answered_ports(
    address: str, questions: Mapping[int, bytes], origin: Origin, *, own_ports: Mapping[int, int] = _NONE
) -> frozenset[int]:
    """Return the UDP ports of `address` that answer the question put to them, from whichever address.

    Each is asked three times, for a datagram may be lost. `own_ports` are the ports that questions are to come from, by
    the port asked.
    """
    found: set[int] = set()
    with ExitStack() as opened:
        asking = {}
        for port in questions:
            sock = opened.enter_context(_calling(socket.SOCK_DGRAM, origin, own_ports.get(port, 0)))
            sock.setblocking(False)
            asking[sock] = port
        for _ in range(3):
            left = {sock: port for sock, port in asking.items() if port not in found}
            for sock, port in left.items():
                with suppress(OSError):  # an ICMP message that says no
                    sock.sendto(questions[port], (address, port))
            limit = time.monotonic() + 0.3
            while left and (patience := limit - time.monotonic()) > 0:
                for sock in select.select(list(left), (), (), patience)[0]:
                    with suppress(OSError):
                        sock.recv(65535)
                        found.add(left.pop(sock))
    return frozenset(found)


def _calling(kind: int, origin: Origin, port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    if origin.device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, origin.device.encode())
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    if origin.source or port:
        if not port:
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((origin.source, port))
    return sock


def _is_connected(sock: socket.socket) -> bool:
    """True if somebody answered. A socket can meet itself where its own port is the one that is called."""
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return False
    try:
        return bool(sock.getpeername() != sock.getsockname())
    except OSError:
        return False
