"""Handlers: the functions that carry out one kind of probe. A module of this package with a `HANDLER` serves a kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from supervisor.edges.probes.answer import Answer
from supervisor.values.manifest import ProbeKind
from supervisor.values.state import ExecResult, ProbeTarget, ResolvedProbe
from supervisor.values.undertaking import Sighting

Execute = Callable[[str, Sequence[str], float], ExecResult]
"""Runs a command inside a container (name, command, seconds) and bounds it."""
Answers = Callable[[str, int, Sequence[str]], str]
"""Returns the answers to clients of a container's port, and those of other servers, as lines of counts."""


@dataclass(frozen=True, slots=True)
class Means:
    """The means of the router that a probe may use besides its network."""

    execute: Execute
    answers: Answers


@dataclass(frozen=True, slots=True)
class Handler:
    """The functions of one kind, for the uses that `values.manifest.probes` declares; None: it has no such use.

    A kind without `look` or `call` is asked instead. All raise ProbeError: the question cannot be put, or what `read`,
    `call` and `replay` are to bring about fails. `read` may raise OSError, too: no answer came.
    """

    kind: ProbeKind
    ask: Callable[[ResolvedProbe, ProbeTarget, Means], Answer] | None = None
    look: Callable[[ResolvedProbe, ProbeTarget], Sighting] | None = None
    call: Callable[[ResolvedProbe, ProbeTarget, Sequence[str], Sequence[str]], None] | None = None
    read: Callable[[ResolvedProbe, ProbeTarget, Means], str] | None = None
    replay: Callable[[ResolvedProbe, bytes, bytes, ProbeTarget], int] | None = None
