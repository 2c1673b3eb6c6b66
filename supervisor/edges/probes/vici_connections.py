"""VICI probe: an IKE daemon answers on its control socket and has the named connections loaded."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from vici import Session
from vici.exception import CommandException, DeserializationException, EventUnknownException, SessionException

from supervisor.edges.probes.answer import Answer, no_answer
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import unix_connection
from supervisor.edges.probes.handler import Means
from supervisor.values.listing import listed
from supervisor.values.manifest import Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

# What the library raises when the other side speaks something else, or refuses.
NONSENSE = (
    CommandException,
    DeserializationException,
    EventUnknownException,
    SessionException,
    struct.error,
    UnicodeDecodeError,
    ValueError,
)


def ask(probe: ResolvedProbe, target: ProbeTarget, _: Means | None = None) -> Answer:
    arguments = Arguments(probe, Use.ASK)
    place = arguments.socket_place(target)
    expected = [name.strip() for name in arguments.text("connections").split(",") if name.strip()]
    question = f"VICI at {place}"
    try:
        with unix_connection(place, probe.timeout) as connection:
            session = Session(connection)
            version = session.version()
            loaded = _names(session.list_conns()) if expected else set()
    except OSError as error:
        return no_answer(question, error, probe.timeout)
    except NONSENSE as error:
        return Answer(False, question, f"not a VICI answer ({type(error).__name__}: {error})")
    missing = [name for name in expected if name not in loaded]
    if missing:
        held = listed(sorted(loaded), ", ") or "none"
        return Answer(False, question, f"connections loaded are {held}, expected also {listed(missing, ', ')}")
    daemon, release = (bytes(version.get(key, b"?")).decode("utf-8", "replace") for key in ("daemon", "version"))
    return Answer(True, question, f"{daemon} {release} has {len(expected)} of {len(expected)} expected connections")


def _names(messages: Iterable[dict[str, object]]) -> set[str]:
    """Yield one message for each connection, with its name as the only key."""
    return {str(name) for message in messages for name in message}
