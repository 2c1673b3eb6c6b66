"""Bounds the streams of the services that gRPC brings along: one that nobody closes holds a thread or a place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import grpc

from supervisor.surface.api.faults import code_of, message_of
from supervisor.surface.api.streams import Slots


class StandardStreams(grpc.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Lets each stream of another service than `ours` take a slot until its call is over, however that comes."""

    def __init__(self, ours: str, slots: Slots) -> None:
        self._prefix, self._slots = f"/{ours}/", slots

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(self._prefix) or not handler.response_streaming:
            return handler
        kind = "stream_stream" if handler.request_streaming else "unary_stream"
        return handler._replace(**{kind: self._counted(getattr(handler, kind))})

    def _counted(self, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        # `wraps` carries over the mark of a behaviour that leaves its thread (grpc._server, experimental_non_blocking).
        @functools.wraps(behaviour)
        def counted(request: Any, context: grpc.ServicerContext, *more: Any) -> Any:
            try:
                self._slots.take()
            except Exception as error:
                context.abort(code_of(error), message_of(error))
            if not context.add_callback(self._slots.give_back):
                self._slots.give_back()  # it is over already
            return behaviour(request, context, *more)

        return counted
