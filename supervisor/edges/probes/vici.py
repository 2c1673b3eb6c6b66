"""Tunnels of an IKE daemon: which of a connection's children are up, and how the daemon is made to try again.

One answer is read to its end before the next command is sent, and nothing here waits for a negotiation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from vici import Session

from supervisor.edges.probes.answer import silence
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import unix_connection
from supervisor.edges.probes.handler import Handler
from supervisor.edges.probes.vici_connections import NONSENSE, ask
from supervisor.values.errors import ProbeError
from supervisor.values.listing import listed
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe
from supervisor.values.undertaking import Sighting

_CARRIES = {"INSTALLED", "UPDATING", "REKEYING"}  # a child that has its keys in the data plane
_BEGINS = {"CREATED", "CONNECTING"}  # an IKE_SA that is not there yet
_MAKES_CHILDREN = {"CHILD_CREATE", "QUICK_MODE"}
_AT_ONCE = {"timeout": "-1", "loglevel": "-1"}  # the daemon answers when it has begun, and reports nothing

Association = Mapping[str, Any]


def look(probe: ResolvedProbe, target: ProbeTarget) -> Sighting:
    arguments = Arguments(probe, Use.LOOK)
    name = arguments.required("connection")
    children = _names(arguments.required("children"))
    with _session(arguments, probe, target) as session:
        associations = [message[name] for message in list(session.list_sas({"ike": name})) if name in message]
    return sighting(children, associations)


def sighting(children: Sequence[str], associations: Sequence[Association]) -> Sighting:
    """Read what the daemon lists of one connection: its IKE_SAs, with their children and what they are doing."""
    listed = [child for association in associations for child in association.get("child-sas", {}).values()]
    ages = {
        _text(child, "name"): _number(child, "install-time") for child in listed if _text(child, "state") in _CARRIES
    }
    missing = tuple(name for name in children if name not in ages)
    attempts = tuple(
        _text(association, "uniqueid") for association in associations if _text(association, "state") in _BEGINS
    )
    return Sighting(
        is_up=not missing,
        message=_message(children, missing, associations) if missing else "",
        missing=missing,
        attempts=attempts,
        is_busy=any(
            _makes_children(association) for association in associations if _text(association, "state") not in _BEGINS
        ),
        associations=len(listed),
        newest=str(max((_number(child, "uniqueid") for child in listed), default="")),
        parts=len(children),
        age=None if missing else float(max(_number(association, "established") for association in associations)),
    )


def call(call: ResolvedProbe, target: ProbeTarget, missing: Sequence[str], ended: Sequence[str]) -> None:
    arguments = Arguments(call, Use.CALL)
    name = arguments.required("connection")
    with _session(arguments, call, target) as session:
        for number in ended:
            list(session.terminate({"ike-id": number, "force": "yes", **_AT_ONCE}))
        for child in missing:
            list(session.initiate({"ike": name, "child": child, **_AT_ONCE}))


@contextmanager
def _session(arguments: Arguments, probe: ResolvedProbe, target: ProbeTarget) -> Iterator[Session]:
    place = arguments.socket_place(target)
    try:
        with unix_connection(place, probe.timeout) as connection:
            yield Session(connection)
    except OSError as error:
        raise ProbeError(f"cannot ask VICI at {place}: {silence(error, probe.timeout)}") from error
    except NONSENSE as error:
        raise ProbeError(f"cannot ask VICI at {place}: {type(error).__name__}: {error}") from error


def _makes_children(association: Association) -> bool:
    tasks = {bytes(task).decode() for key in ("tasks-active", "tasks-queued") for task in association.get(key, ())}
    return bool(tasks & _MAKES_CHILDREN)


def _message(children: Sequence[str], missing: Sequence[str], associations: Sequence[Association]) -> str:
    states = sorted({_text(association, "state").lower() for association in associations})
    with_peer = f"IKE_SA {', '.join(states)}" if states else "no IKE_SA"
    if len(children) == 1:
        return f"no CHILD_SA; {with_peer}"
    return f"{len(missing)} of {len(children)} CHILD_SAs are missing ({listed(missing, ', ')}); {with_peer}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _text(association: Association, key: str) -> str:
    return bytes(association.get(key, b"")).decode("utf-8", "replace")


def _number(association: Association, key: str) -> int:
    text = _text(association, key)
    return int(text) if text.isdecimal() else 0


HANDLER = Handler(ProbeKind.VICI, ask=ask, look=look, call=call)
