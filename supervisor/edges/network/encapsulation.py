"""Holds a socket for UDP-encapsulated ESP in the gap of a takeover.

The kernel takes ESP out of a datagram only for a socket that asks for it, and the daemon that had one was killed. Any
port will do, for what is decrypted is found by its SPI: the daemon's own stays free for the next daemon, and the
traffic table leads there meanwhile. What goes out is wrapped without a socket. IPv4 only.
"""

from __future__ import annotations

import logging
import socket
import threading

log = logging.getLogger(__name__)

UDP_ENCAP = 100  # linux/udp.h
UDP_ENCAP_ESPINUDP = 2
ROOM = 4096  # nobody reads what is no ESP: let it be little


class EncapsulationHolder:
    """Satisfies `ports.network.Encapsulation`, in the network namespace of the calling thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: dict[int, socket.socket] = {}
        self._is_refused = False

    def hold(self, port: int) -> int | None:
        with self._lock:
            try:
                if port not in self._sockets:
                    self._sockets[port] = _open()
                inside: int = self._sockets[port].getsockname()[1]
            except OSError as error:
                self._refuse(port, error)
                return None
            return inside

    def release(self, port: int) -> None:
        with self._lock:
            held = self._sockets.pop(port, None)
            if held:
                held.close()

    def _refuse(self, port: int, error: OSError) -> None:
        if not self._is_refused:
            log.warning("encapsulated traffic not held in takeovers", extra={"port": port, "cause": str(error)})
        self._is_refused = True


def _open() -> socket.socket:
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        held.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP)
        held.bind(("", 0))
    except OSError:
        held.close()
        raise
    return held
