"""Answers each call of the API from the control: the arguments in, the result out, errors as codes; no decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message

from supervisor.surface.api.calls import CALLS, SERVICE, Call
from supervisor.surface.api.faults import REASON, code_of, message_of, reason_of
from supervisor.surface.api.streams import Slots, carry
from supervisor.surface.control import Control, Right

APPLY_SECONDS = 60.0
MOST_APPLY_SECONDS = 3600.0
HISTORY, MOST_HISTORY = 100, 10_000
MOST_LINES = 10_000  # of the past of a log
MOST_OF_A_NAME = 64

Context = grpc.ServicerContext


def service_handler(control: Control, followers: Slots, operations: Slots) -> grpc.GenericRpcHandler[Any, Any]:
    """Return the handler of the service, which answers every call from the control.

    A stream takes a slot: one that shows what happens of `followers`, one that makes it happen of `operations`.
    """
    slots = {Right.VIEW: followers, Right.OPERATE: operations}
    handlers = {call.method.call: _handler(call, control, slots[call.method.right]) for call in CALLS}
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _handler(call: Call, control: Control, slots: Slots) -> grpc.RpcMethodHandler[Any, Any]:
    def ask(request: Message) -> Any:
        return getattr(control, call.method.name)(**_bounded(call, call.arguments_of(request)))

    def unary(request: Message, context: Context) -> Message:
        try:
            return call.to_reply(ask(request))
        except Exception as error:
            _refuse(context, error)

    def stream(request: Message, context: Context) -> Iterator[Message]:
        """Take a slot when the call starts, and give it back however it ends."""
        try:
            with slots.taken():
                yield from carry(ask(request), call.to_reply, context)
        except Exception as error:
            _refuse(context, error)

    codec: dict[str, Any] = {
        "request_deserializer": call.request.FromString,
        "response_serializer": call.reply.SerializeToString,
    }
    if call.is_stream:
        return grpc.unary_stream_rpc_method_handler(stream, **codec)
    return grpc.unary_unary_rpc_method_handler(unary, **codec)


def _refuse(context: Context, error: Exception) -> NoReturn:
    """Answer with an error. This is the boundary of a call, so nothing else catches broadly."""
    context.set_trailing_metadata(((REASON, reason_of(error)),))
    context.abort(code_of(error), message_of(error))
    raise AssertionError("abort returned")


# ---------------------------------------------------------------- bounds of arguments


def _bounded(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments, bounded where a caller may leave them out or exaggerate."""
    return {name: _BOUNDS.get((call.method.name, name), _same)(value) for name, value in arguments.items()}


def _same(value: Any) -> Any:
    return value


def _seconds(asked: float) -> float:
    """Return for how long a call is followed: it is, even when its client has left."""
    return min(asked, MOST_APPLY_SECONDS) if asked > 0 else APPLY_SECONDS


def _count(asked: int) -> int:
    return min(asked, MOST_HISTORY) if asked > 0 else HISTORY


def _lines(asked: int) -> int:
    return max(0, min(asked, MOST_LINES))


def _line(said: str) -> str:
    """Return the name that a caller gives itself as a line of the audit log can have it."""
    return "".join(letter for letter in said if letter.isprintable())[:MOST_OF_A_NAME]


_BOUNDS: dict[tuple[str, str], Callable[[Any], Any]] = {  # (method, argument)
    ("apply_config", "timeout"): _seconds,
    ("history", "limit"): _count,
    ("logs", "tail"): _lines,
    ("swap", "asked_by"): _line,
}
