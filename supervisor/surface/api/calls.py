"""The calls of the API, which server and client are made of: each joins a row of `control.METHODS` with messages."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from supervisor.surface.api import codec
from supervisor.surface.api.supervisor_pb2 import DESCRIPTOR
from supervisor.surface.control import METHODS, Calls, Method

_SERVICE = DESCRIPTOR.services_by_name["Supervisor"]
SERVICE: str = _SERVICE.full_name


@dataclass(frozen=True)
class Call:
    """A call of the API: the method of the control that answers it, and the messages that carry it."""

    method: Method
    descriptor: MethodDescriptor

    @property
    def path(self) -> str:
        return f"/{SERVICE}/{self.method.call}"

    @property
    def is_stream(self) -> bool:
        """True if the answer is an iterator."""
        return bool(self.descriptor.server_streaming)

    @cached_property
    def request(self) -> type[Message]:
        return GetMessageClass(self.descriptor.input_type)

    @cached_property
    def reply(self) -> type[Message]:
        """The type of the answer, or of each item of a stream."""
        return GetMessageClass(self.descriptor.output_type)

    @cached_property
    def _function(self) -> Any:
        return getattr(Calls, self.method.name)

    @cached_property
    def _result(self) -> Any:
        result = get_type_hints(self._function, include_extras=True)["return"]
        return get_args(result)[0] if get_origin(result) is Iterator else result

    def to_request(self, *arguments: Any, **named: Any) -> Message:
        """Return the request with these arguments of the method. Raises TypeError: when they do not fit it."""
        bound = inspect.signature(self._function).bind(None, *arguments, **named)
        bound.apply_defaults()
        return codec.filled(self.request, self._function, bound.arguments)

    def arguments_of(self, request: Message) -> dict[str, Any]:
        """Return the arguments of the method by name."""
        return codec.contents_of(request, self._function)

    def to_reply(self, result: Any) -> Message:
        """Return the result of the method, or an item of it, as a message."""
        return codec.to_reply(result, self.reply)

    def to_result(self, reply: Message) -> Any:
        """Return the result of the method, or an item of it."""
        return codec.to_result(reply, self._result)


CALLS = tuple(Call(method, _SERVICE.methods_by_name[method.call]) for method in METHODS)
