"""Offers the API: a bounded gRPC server with health and reflection, behind one or more listeners."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from supervisor.surface.api.calls import SERVICE
from supervisor.surface.api.listeners import Listener, UnixListener
from supervisor.surface.api.servicer import service_handler
from supervisor.surface.api.standard_streams import StandardStreams
from supervisor.surface.api.streams import Slots
from supervisor.surface.control import Control

MAX_MESSAGE_BYTES = 64 << 20  # configuration of a large network, in one call

# A stream holds a thread as long as it is open. Each kind has threads of its own, and short calls have the rest.
_FOLLOWERS = 16  # of logs and events
_OPERATIONS = 16
_STANDARD = 8  # of the services that gRPC itself brings along: health, reflection
_SHORT = 8
_QUEUED = 24  # short calls that wait for a thread; more are refused at once


class ApiServer:
    """Answers on a unix socket, and on every other listener it is given."""

    def __init__(
        self,
        control: Control,
        socket_path: str | Path,
        *,
        listeners: Sequence[Listener] = (),
        interceptors: Sequence[grpc.ServerInterceptor[Any, Any]] = (),
        max_followers: int = _FOLLOWERS,
        max_operations: int = _OPERATIONS,
    ) -> None:
        self._listeners: tuple[Listener, ...] = (UnixListener(socket_path), *listeners)
        self._health: Any = health.HealthServicer()
        threads = max_followers + max_operations + _STANDARD + _SHORT
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="api")
        followers, operations = Slots("followers", max_followers), Slots("operations", max_operations)
        self._server = grpc.server(
            self._threads,
            interceptors=[*interceptors, StandardStreams(SERVICE, Slots("standard streams", _STANDARD))],
            maximum_concurrent_rpcs=threads + _QUEUED,
            options=(
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
            ),
        )
        self._server.add_generic_rpc_handlers((service_handler(control, followers, operations),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)

    def start(self) -> None:
        """Listen and answer. Raises StateError: when the place is taken."""
        try:
            for listener in self._listeners:
                listener.attach(self._server)
            self._server.start()
            for name in ("", SERVICE):
                self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
            for listener in self._listeners:
                listener.publish()
        except BaseException:
            self.stop(0)
            raise

    def stop(self, grace: float = 2.0) -> None:
        """Refuse new calls, give those under way `grace` seconds, then end them. May be repeated."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()
        for listener in self._listeners:
            listener.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
