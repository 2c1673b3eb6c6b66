"""Speaks the API. `RemoteControl` is the control of a supervisor in another process: same methods, same values."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import grpc

from supervisor.surface.api.calls import CALLS, Call
from supervisor.surface.api.faults import MAX_METADATA_BYTES, REASON, ApiError, UnreachableError
from supervisor.surface.control import Calls

_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.enable_http_proxy", 0),
)
_NO_ANSWER = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,  # by a server that stops
}

if TYPE_CHECKING:
    _Methods = Calls  # the methods are made from the table of calls, below; the protocol says their types
else:
    _Methods = object


class RemoteControl(_Methods):
    """Calls one supervisor. Every method of `Calls` raises ApiError, or UnreachableError when nothing answers."""

    def __init__(
        self,
        target: str,
        credentials: grpc.ChannelCredentials | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Connect at the first call. `timeout` is in seconds, for calls with one answer; streams have none."""
        self._target, self._timeout = target, timeout
        self._channel = (
            grpc.secure_channel(target, credentials, options=_OPTIONS)
            if credentials
            else grpc.insecure_channel(target, options=_OPTIONS)
        )

    @classmethod
    def on_socket(cls, path: str, timeout: float = 30.0) -> RemoteControl:
        return cls(f"unix:{path}", timeout=timeout)

    def close(self) -> None:
        """End every call and the connection."""
        self._channel.close()

    def _ask(self, call: Call, request: Any) -> Any:
        ask = self._channel.unary_unary(call.path, call.request.SerializeToString, call.reply.FromString)
        try:
            return call.to_result(ask(request, timeout=self._timeout))
        except grpc.RpcError as error:
            raise self._translate(error) from error

    def _receive(self, call: Call, request: Any) -> Iterator[Any]:
        """Yield the results of a stream; the call begins at the first `next` and ends with the iterator."""
        ask = self._channel.unary_stream(call.path, call.request.SerializeToString, call.reply.FromString)
        answers: Any = ask(request)
        try:
            for reply in answers:
                yield call.to_result(reply)
        except grpc.RpcError as error:
            raise self._translate(error) from error
        finally:
            answers.cancel()

    def _translate(self, error: Any) -> ApiError:
        code: grpc.StatusCode = error.code()
        metadata: Iterable[tuple[str, str]] = error.trailing_metadata() or ()
        reason = dict(metadata).get(REASON)
        message: str = error.details() or code.name.lower().replace("_", " ")
        if reason is None and code in _NO_ANSWER:
            cause = self._cause(message)
            return UnreachableError(code, None, f"cannot reach the supervisor at {self._target}: {cause}")
        return ApiError(code, reason, message)

    def _cause(self, message: str) -> str:
        """Ask the kernel why: gRPC's own text repeats the address three times."""
        kind, _, path = self._target.partition(":")
        if kind != "unix":
            return message
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(path)
            except FileNotFoundError:
                return "there is no such socket; is it running?"
            except ConnectionRefusedError:
                return "nobody listens there any more; is it running?"
            except OSError as error:
                return (error.strerror or str(error)).lower()
        return message


def _calling(call: Call) -> Callable[..., Any]:
    """Return the method that makes this call."""

    @functools.wraps(getattr(Calls, call.method.name))
    def ask(self: RemoteControl, *arguments: Any, **named: Any) -> Any:
        make = self._receive if call.is_stream else self._ask
        return make(call, call.to_request(*arguments, **named))

    return ask


for _call in CALLS:
    setattr(RemoteControl, _call.method.name, _calling(_call))
