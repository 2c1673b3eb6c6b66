"""A family: everything that the intake has to know of one type of command, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from supervisor.documents import Field
from supervisor.edges.intake.bags import Bags
from supervisor.edges.intake.faults import Faults
from supervisor.values.router import RouterConfig

Body = Mapping[str, Any]
Cards = Mapping[str, str]
"""Names of network devices by Ethernet address, in lower case."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the management server whose fields may be trusted. `identity` differs for every file and content."""

    name: str
    type: str
    body: Body
    identity: str
    note: str | None = None  # why it is passed over; None: a service has something for it
    remark: str | None = None  # the part of it that is passed over; None: nothing of it is


def _nothing(_: Body) -> None:
    return None


def _as_it_is(command: Command, _: Bags, __: Callable[[], Cards]) -> Command:
    return command


@dataclass(frozen=True, slots=True)
class Family:
    """A type of command: its fields, how it changes the bags, and the part of the configuration that they mean."""

    type: str
    fields: tuple[Field, ...]
    merge: Callable[[Bags, Command], Bags]
    """Return the bags after a command; owners of addresses are in them."""
    interpret: Callable[[Bags, RouterConfig, Faults], RouterConfig]
    """Return the configuration with the part that the bags mean; what has to be left out becomes a fault."""
    parts: Callable[[Body], tuple[str, ...]]
    """Return the paths that faults of this command's part of the configuration begin with."""
    after: tuple[str, ...] = ()
    """Types whose part of the configuration `interpret` reads: it is there by then."""
    complete: Callable[[Command, Bags, Callable[[], Cards]], Command] = _as_it_is
    """Return the command with what it leaves to be looked up. Raises ConfigurationError: it cannot be found."""
    note: Callable[[Body], str | None] = _nothing
    """Return why a command of this type is passed over, before its fields are checked; None: it is not."""
    ipv6: tuple[str, ...] = ()
    """Names of fields about IPv6, which no service has anything for."""
