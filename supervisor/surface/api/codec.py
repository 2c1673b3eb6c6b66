"""Turns values into messages of the API and into JSON, and messages into values, by the names and types of fields.

The dataclasses of `values.status` say what a value has. The API and the JSON have fields of the same names, without
`is_`; a `Moment` is a timestamp there, and what is None is absent (in JSON: null). The tables below hold every
exception. `tests/unit/surface/api/test_codec.py` fails for a field that one of the two sides lacks.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from google.protobuf.message import Message

from supervisor.surface.api import supervisor_pb2 as pb
from supervisor.values.handover import Waiver
from supervisor.values.status import Moment, Progress, ReleaseStatus, ServiceState, SupervisorStatus
from supervisor.values.undertaking import UndertakingState

Value = TypeVar("Value")
AnyMessage = TypeVar("AnyMessage", bound=Message)
Shape = dict[str, Any]

_API_NAMES = {  # (dataclass or method, its field or parameter): the API's name of it
    ("Progress", "elapsed"): "elapsed_seconds",
    ("Waiver", "soak"): "no_soak",
    ("Waiver", "judgement"): "force",
    ("apply_config", "timeout"): "timeout_seconds",
}
_PAIRS = {"phases": ("name", "seconds"), "files": ("name", "content")}  # names for the two parts of a tuple
_SPREAD = (Waiver,)  # its fields are fields of the message around it
_NUMBERED: dict[type[Enum], tuple[Any, str]] = {  # enums of the API and how their names begin; all others are text
    ServiceState: (pb.ServiceState, "SERVICE_STATE_"),
}
_UNKNOWN: dict[type[Enum], Enum] = {  # read for a word that only a newer supervisor has
    ServiceState: ServiceState.ABSENT,
    UndertakingState: UndertakingState.UNKNOWN,
}


# ---------------------------------------------------------------- what a value has


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a dataclass, or a parameter of a method: its name, the API's name of it, and its type without None."""

    name: str
    api_name: str
    hint: Any
    is_optional: bool


@cache
def fields_of(kind: Any) -> tuple[Field, ...]:
    """Return the fields of a dataclass, or the parameters of a method, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    names = (
        [field.name for field in fields(kind)] if is_dataclass(kind) else [name for name in hints if name != "return"]
    )
    return tuple(_field(kind.__name__, name, hints[name]) for name in names)


def _field(owner: str, name: str, hint: Any) -> Field:
    api_name = _API_NAMES.get((owner, name), name.removeprefix("is_"))
    if get_origin(hint) not in (Union, types.UnionType):
        return Field(name, api_name, hint, is_optional=False)
    (given,) = (part for part in get_args(hint) if part is not types.NoneType)
    return Field(name, api_name, given, is_optional=True)


def _contents(value: Any) -> Shape:
    return {field.name: getattr(value, field.name) for field in fields_of(value.__class__)}


# ---------------------------------------------------------------- values to messages


def to_message(value: Any, message: type[AnyMessage]) -> AnyMessage:
    """Return the value as a message of that type."""
    return filled(message, type(value), _contents(value))


def filled(message: type[AnyMessage], kind: Any, contents: Mapping[str, Any]) -> AnyMessage:
    """Return a message with the contents of a dataclass's fields, or of a method's parameters, by their names."""
    return message(**_fields_filled(kind, contents))


def _fields_filled(kind: Any, contents: Mapping[str, Any]) -> Shape:
    shape: Shape = {}
    for field in fields_of(kind):
        content = _encoded(contents[field.name], field.hint, field.name)
        shape.update(content if field.hint in _SPREAD else {field.api_name: content})
    return shape


def _encoded(content: Any, hint: Any, name: str) -> Any:
    if isinstance(content, tuple):
        return [_named(item, name) if isinstance(item, tuple) else _encoded(item, type(item), name) for item in content]
    if content is None:
        return None
    if hint == Moment:
        return timestamp(content)
    if is_dataclass(content):
        return _fields_filled(type(content), _contents(content))
    if isinstance(content, Enum):
        return _NUMBERED[type(content)][1] + content.name if type(content) in _NUMBERED else str(content)
    return content


def _named(pair: tuple[Any, ...], name: str) -> Shape:
    return dict(zip(_PAIRS[name], pair, strict=True))


def timestamp(seconds: float) -> Shape:
    """Return the fields of a Timestamp, to the microsecond: a float of today holds no more."""
    whole = math.floor(seconds)
    micros = round((seconds - whole) * 1e6)
    return {"seconds": whole + micros // 10**6, "nanos": micros % 10**6 * 1000}


# ---------------------------------------------------------------- messages to values


def to_value(message: Message, kind: type[Value]) -> Value:
    """Return the message as a value of that dataclass."""
    return kind(**contents_of(message, kind))


def contents_of(message: Message, kind: Any) -> Shape:
    """Return the contents of a dataclass's fields, or of a method's parameters, by their names."""
    return {field.name: _read(message, field) for field in fields_of(kind)}


def _read(message: Message, field: Field) -> Any:
    if field.hint in _SPREAD:
        return to_value(message, field.hint)
    if field.is_optional and not message.HasField(field.api_name):
        return None
    return _decoded(getattr(message, field.api_name), field.hint, field.name)


def _decoded(content: Any, hint: Any, name: str) -> Any:
    if get_origin(hint) is tuple:
        item, *others = get_args(hint)
        if others == [...]:
            return tuple(_decoded(part, item, name) for part in content)
        return tuple(getattr(content, part) for part in _PAIRS[name])
    if hint == Moment:
        return content.seconds + content.nanos / 1e9
    if is_dataclass(hint):
        return to_value(content, hint)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(content, hint)
    return content


def _member(content: Any, kind: type[Enum]) -> Enum:
    try:
        if kind not in _NUMBERED:
            return kind(content)
        numbers, prefix = _NUMBERED[kind]
        return kind[numbers.Name(content).removeprefix(prefix)]
    except (KeyError, ValueError):
        return _UNKNOWN[kind]


# ---------------------------------------------------------------- results of methods


def to_reply(result: Any, message: type[AnyMessage]) -> AnyMessage:
    """Return the result of a method as the reply of that type.

    A dataclass is a message itself; None makes an empty one. Anything else is the only field of the reply.
    """
    if result is None:
        return message()
    if is_dataclass(result):
        return to_message(result, message)
    (field,) = message.DESCRIPTOR.fields
    content = json.dumps(result) if isinstance(result, dict) else _encoded(result, type(result), field.name)
    return message(**{field.name: content})


def to_result(reply: Message, hint: Any) -> Any:
    """Return the result of a method that has that return type. Reverses `to_reply`."""
    if hint is types.NoneType:
        return None
    if is_dataclass(hint):
        return to_value(reply, hint)  # type: ignore[arg-type]
    (field,) = reply.DESCRIPTOR.fields
    content = getattr(reply, field.name)
    return json.loads(content) if get_origin(hint) is dict else _decoded(content, hint, field.name)


# ---------------------------------------------------------------- values to JSON


def to_json(value: Any) -> Shape:
    """Return the object that `--json` prints for a value. Its keys are promises: they may be added, never removed."""
    contents = _contents(value)
    shape = {f.name.removeprefix("is_"): _shaped(contents[f.name], f.hint, f.name) for f in fields_of(value.__class__)}
    return _JSON_SHAPES.get(type(value), dict)(shape)


def _shaped(content: Any, hint: Any, name: str) -> Any:
    if isinstance(content, tuple):
        return [_named(item, name) if isinstance(item, tuple) else _shaped(item, type(item), name) for item in content]
    if content is None:
        return None
    if hint == Moment:
        return moment_text(content)
    if is_dataclass(content):
        return to_json(content)
    return str(content) if isinstance(content, Enum) else content


def moment_text(seconds: float) -> str:
    """Return a time as RFC 3339 has it, in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _status_shape(shape: Shape) -> Shape:
    apart = {key: shape.pop(key) for key in ("bundle", "services")}
    return {"supervisor": shape, **apart}


def _bundle_shape(shape: Shape) -> Shape:
    return {**shape, "services": {service.pop("name"): service for service in shape["services"]}}


def _progress_shape(shape: Shape) -> Shape:
    return {**shape, "part": shape["part"] or None}


_JSON_SHAPES: dict[type, Callable[[Shape], Shape]] = {
    SupervisorStatus: _status_shape,
    ReleaseStatus: _bundle_shape,
    Progress: _progress_shape,
}
