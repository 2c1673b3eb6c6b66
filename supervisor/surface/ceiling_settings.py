"""The setting `ceiling`: the most that services may ask for. What a file leaves out keeps its default."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from supervisor.documents import Boolean, Choice, Field, ListOf, Number, Optional, Quantity, Record
from supervisor.edges.catalog.vocabulary import CAPABILITY, DEVICE, PROCESSORS, SIZE, SOCKET_FAMILY, SYSCALL, WEIGHT
from supervisor.values.ceiling import ISOLATED, ROUTER, Allowance, Ceiling
from supervisor.values.manifest import NetworkMode

_SIZE_OR_ZERO = Quantity(SIZE.noun, SIZE.example, SIZE.units, SIZE.maximum, may_be_zero=True, is_whole=True)
ALLOWANCE_FIELDS = (
    Field("capabilities", ListOf(CAPABILITY, is_set=True)),
    Field("devices", ListOf(DEVICE, is_set=True)),
    Field("root", Boolean()),
    Field("memory", SIZE, name="memory_bytes"),
    Field("pids", Number(1, 1 << 22)),
    Field("nofile", Number(1, 1 << 20)),
    Field("cpu", Optional(PROCESSORS)),
    Field("cpu_weight", WEIGHT),
    Field("syscalls", ListOf(SYSCALL, is_set=True)),
    Field("families", ListOf(SOCKET_FAMILY, is_set=True)),
    Field("engine_profile", Boolean()),
    Field("ports", Optional(ListOf(Number(1, 65535), is_set=True))),
    Field("receive_buffer", _SIZE_OR_ZERO, name="receive_buffer_bytes"),
    Field("masquerades", Boolean()),
    Field("encapsulation", ListOf(Number(1, 65535), is_set=True)),
    Field("associations", Boolean()),
)


def _allowance(default: Allowance) -> Record:
    return Record(partial(replace, default), ALLOWANCE_FIELDS)


CEILING = Record(
    Ceiling,
    (
        Field("networks", ListOf(Choice.of(NetworkMode), minimum=1, is_set=True)),
        Field("isolated", _allowance(ISOLATED)),
        Field("router", _allowance(ROUTER)),
    ),
)
"""`ceiling` of the settings file. docs/settings.md says what its keys mean."""
