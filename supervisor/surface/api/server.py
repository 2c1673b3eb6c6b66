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
from supervisor.surface.api.faults import MAX_METADATA_BYTES
from supervisor.surface.api.listeners import Listener, UnixListener
from supervisor.surface.api.servicer import service_handler
from supervisor.surface.api.streams import Slots
from supervisor.surface.control import Control

MAX_MESSAGE_BYTES = 64 << 20  # configuration of a large network, in one call

_THREADS = 40
_STREAMS = 32  # each holds a thread as long as it is open; the rest answer short calls
_WAITING = 64  # calls under way or queued; more are refused at once


class ApiServer:
    """Answers on a unix socket, and on every other listener it is given."""

    def __init__(
        self,
        control: Control,
        socket_path: str | Path,
        *,
        listeners: Sequence[Listener] = (),
        interceptors: Sequence[grpc.ServerInterceptor[Any, Any]] = (),
        max_streams: int = _STREAMS,
    ) -> None:
        self._listeners: tuple[Listener, ...] = (UnixListener(socket_path), *listeners)
        self._health: Any = health.HealthServicer()
        self._threads = ThreadPoolExecutor(max_streams + _THREADS - _STREAMS, thread_name_prefix="api")
        self._server = grpc.server(
            self._threads,
            interceptors=list(interceptors),
            maximum_concurrent_rpcs=max_streams + _WAITING - _STREAMS,
            options=(
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.so_reuseport", 0),
            ),
        )
        self._server.add_generic_rpc_handlers((service_handler(control, Slots(max_streams)),))
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
