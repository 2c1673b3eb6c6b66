"""Connections: how many in all, how many of one guest, how long and how much: no guest can starve the others.

This is the one module that knows the insides of the HTTP library (the same ones in its versions 2.1 and 3.0).
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask

from vr_password.own_way import OwnWay, Pulse

THREADS = 8
CONNECTIONS = 1024
CONNECTIONS_OF_ONE_GUEST = 16
SECONDS = 20.0  # for a whole connection, however busy it looks


_WISH = re.compile(rb"(?i)(?<=\n)domu_request(?=:)")


class Parser(HTTPRequestParser):  # type: ignore[misc]  # the library has no types
    """Lets through the one header with an underscore that matters here; the library drops them all."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(_WISH.sub(b"DomU-Request", header_plus))


class OnlyTask(WSGITask):  # type: ignore[misc]
    """Answers and closes: with one request each, a generation that is replaced is soon without connections."""

    def __init__(self, channel: Any, request: Any) -> None:
        request.headers["CONNECTION"] = "close"
        super().__init__(channel, request)


class BoundedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection with an end."""

    parser_class = Parser
    task_class = OnlyTask

    def __init__(self, server: Any, sock: Any, address: Any, settings: Any, map: Any = None) -> None:
        super().__init__(server, sock, address, settings, map=map)
        self.born = time.monotonic()
        of_guest = [channel for channel in server.active_channels.values() if channel.addr[0] == address[0]]
        if len(of_guest) > CONNECTIONS_OF_ONE_GUEST:
            min(of_guest, key=lambda channel: channel.born).close_at_once()

    def readable(self) -> bool:
        """Asked in every round of the loop, at least once a second."""
        if time.monotonic() - self.born > SECONDS:
            self.close_at_once()
            return False
        return bool(super().readable())

    def close_at_once(self) -> None:
        self.will_close = True
        if not self.requests:
            self.handle_close()


def serve(application: Any, listen: Sequence[tuple[str, int]], own: tuple[str, int] | None = None) -> None:
    """Listen until SIGTERM; then finish what has begun. `own` is where only the supervisor asks; None: nowhere."""
    sockets: dict[int, Any] = {}
    pulse = Pulse(THREADS)
    if own is not None:
        _serve_supervisor(OwnWay(pulse, application.store.check, application.probe_answer), own)
    server = create_server(
        pulse.watched(application),
        map=sockets,
        sockets=[_listening(address) for address in listen],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        backlog=1024,
        channel_timeout=10,
        cleanup_interval=2,
        max_request_header_size=8 * 1024,
        max_request_body_size=64 * 1024,
        inbuf_overflow=128 * 1024,  # in memory: there is no disk to spill to
        outbuf_overflow=128 * 1024,
        asyncore_use_poll=True,
        expose_tracebacks=False,
        ident=None,
        clear_untrusted_proxy_headers=True,
    )
    for item in sockets.values():
        if isinstance(item, BaseWSGIServer):
            item.channel_class = BoundedChannel
            item.readable = _noting(item.readable, pulse)  # asked in every turn of the loop
    server.run()


def _noting(readable: Callable[[], bool], pulse: Pulse) -> Callable[[], bool]:
    def noted() -> bool:
        pulse.turned()
        return readable()

    return noted


def _serve_supervisor(application: OwnWay, address: tuple[str, int]) -> None:
    """Answer at this address on a thread of its own, which ends with the process."""
    sockets = [_listening(address)]
    # Guests may have all descriptors that `select` can have.
    server = create_server(application, map={}, sockets=sockets, threads=1, ident=None, asyncore_use_poll=True)
    threading.Thread(target=server.run, name="own-way", daemon=True).start()


def _listening(address: tuple[str, int]) -> socket.socket:
    """Bound here and not by the library, which would look the address up by name."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
