"""The syntax of questions in a manifest: probes, counters, `awaited`, `knowledge`, `undertakings`, `cautions`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from supervisor.documents import (
    Choice,
    Field,
    ListOf,
    Number,
    Record,
    Tagged,
    Text,
)
from supervisor.edges.catalog.vocabulary import (
    ARGUMENT,
    DURATION,
    DURATION_OR_ZERO,
    EXPRESSION,
    SHARE,
    TEMPLATE,
)
from supervisor.values.manifest import (
    Admission,
    Argument,
    Awaited,
    Caution,
    Count,
    Counters,
    ErrorCounter,
    Knowledge,
    Needs,
    Probe,
    ProbeKind,
    Undertaking,
    Use,
    Watch,
    kinds_for,
)


def _record(arguments: tuple[Argument, ...]) -> Record:
    named = [Field(argument.name, ARGUMENT, argument.is_required) for argument in arguments if not argument.is_prefix]
    prefix = next((argument.name for argument in arguments if argument.is_prefix), None)
    extra = (Text(rf"{prefix}[A-Za-z][A-Za-z0-9_-]*"), ARGUMENT) if prefix else None
    common = (
        Field("timeout", DURATION),
        Field("each", EXPRESSION),
        Field("when", EXPRESSION),
        Field("needs", Choice.of(Needs), about="with `each`: must all of them hold, or one?"),
    )
    return Record(dict, (*named, *common), extra=extra)


def _probe(kind: str, attributes: Mapping[str, Any]) -> Probe:
    own = {key: attributes[key] for key in ("timeout", "each", "when", "needs") if key in attributes}
    return Probe(ProbeKind(kind), tuple((key, text) for key, text in attributes.items() if key not in own), **own)


def _probes(use: Use) -> Tagged:
    return Tagged(tuple((str(kind), _record(arguments)) for kind, arguments in kinds_for(use)), _probe)


PROBE = _probes(Use.ASK)
LINES = _probes(Use.LINES)
COUNTER = _probes(Use.READ)
LOOK = _probes(Use.LOOK)
CALL = _probes(Use.CALL)
REPLAY = _probes(Use.REPLAY)
_WATCH = (Field("interval", DURATION, True), Field("threshold", Number(1, 1000), True))
_PROVED = (Field("probes", ListOf(PROBE, minimum=1), True), *_WATCH, Field("deadline", DURATION))
AWAITED = Record(
    Awaited,
    (
        Field("what", Text(r"[^\x00-\x1f]+", "must be one line", 100), True, about="with {unknown} and {total}"),
        Field("source", LINES, True, about="where the daemon tells what it does not know yet"),
        Field("unknown", Text(), True, about="regular expression: each match is one thing that is not known yet"),
        Field("total", Text(), about="regular expression: each match is one of all"),
        Field("at_most", DURATION, True, about="then it is given traffic all the same"),
    ),
)
KNOWLEDGE = Record(
    Knowledge,
    (
        Field("source", LINES, True, about="where both tell what they know; `tell` goes to the same socket"),
        Field("known", Text(), True, about="regular expression with named groups: what the former active knows"),
        Field("same", Text(), True, about="regular expression: its groups must have equal texts in both answers"),
        Field("tell", Text(r"[^\x00-\x1f]+", "must be one line", 200), True, about="a line, with {group} of `known`"),
    ),
)
_COLUMN = Text(r"[A-Za-z_][A-Za-z0-9_]*", "must be the name of a column")
COUNTED = Record(
    Counters,
    (
        Field("source", LINES, True, about="where the daemon prints its table, comma separated, names first"),
        Field("key", ListOf(_COLUMN, minimum=1, is_set=True), True, about="columns by which a row is known"),
        Field("columns", ListOf(_COLUMN, minimum=1, is_set=True), True, about="columns that are added up"),
        Field("published", ListOf(_COLUMN, is_set=True), about="those of `columns` that are metrics, too"),
        Field("session", ListOf(Text()), about="lines that begin a session which is answered while it finishes"),
        Field("prompt", Text(), about="ends each answer in a session"),
    ),
)
READINESS = Record(Watch, (*_PROVED, Field("awaited", ListOf(AWAITED), about="what a candidate finds out by itself")))
VERIFICATION = Record(Watch, _PROVED)
LIVENESS = Record(Watch, (Field("probes", ListOf(PROBE), True), *_WATCH))
ADMISSION = Record(
    Admission,
    (
        Field("probes", ListOf(PROBE, minimum=1), True, about="they hold while the daemon works, whoever fills it"),
        Field("connections", Number(1, 1 << 20), True, about="with fewer clients' connections it cannot be full"),
        Field("patience", DURATION, about="it takes a connection in at least so often, even when it is full"),
    ),
)


def _error_counter(failed: str | None = None, **others: Any) -> ErrorCounter:
    return ErrorCounter(failed=failed, **others)


_COUNTS = (
    Field("failed", Text(), about="regular expression: its groups are numbers, added up over all matches"),
    Field("total", Text(), True, about="the same for all that was asked for"),
    Field("answered", Text(), about="the same for what was answered well: what is neither failed"),
)
SERVERS = Record(
    Count,
    (*_COUNTS, Field("declined", Text(), about="the same for answers that depend on what was asked, not on how")),
)
ERRORS = Record(
    _error_counter,
    (
        Field("name", Text(r"[a-z][a-z -]{0,30}", "must be lower case words"), True, about="what is counted: requests"),
        Field("source", COUNTER, True, about="where the daemon tells its counters"),
        *_COUNTS,
        Field("patience", DURATION_OR_ZERO, about="so long something may be under way before it counts as unanswered"),
        Field("share", SHARE, True, about="of a client's new work so much may have failed, besides the share before"),
        Field("clients", SHARE, about="so many clients may see more failures than that; 10 % when absent"),
        Field("minimum", Number(1, 1 << 31), True, about="this many failed before anything is said"),
        Field("servers", SERVERS, about="the same of servers that the daemon asks: their failures are not its own"),
    ),
)

UNDERTAKING = Record(
    Undertaking,
    (
        Field("name", TEMPLATE, True, about="template; unique among those of its kind"),
        Field("what", Text(r"[a-z][a-z -]{0,30}", "must be lower case words"), True, about="its kind: tunnel"),
        Field("probe", LOOK, True, about="holds while it is up"),
        Field("each", EXPRESSION, about="expression giving a sequence: one for every item"),
        Field("when", EXPRESSION, about="expression: it is left out when it is false"),
        Field("call", CALL, about="makes the daemon try again"),
        Field("interval", DURATION, about="between two looks while it is up"),
        Field("patience", DURATION_OR_ZERO, about="not up for longer: it is down"),
        Field("pause", DURATION, about="between the first two calls; then twice as long each time"),
        Field("longest", DURATION, about="between two calls"),
        Field("most", Number(1, 1000), about="associations of each of its parts; with more it is not called"),
    ),
)


CAUTIONS = Record(
    Caution,
    (
        Field("text", Text(r"[^\x00-\x1f]+", "must be one line", 200), True, about="what this version does otherwise"),
        Field("reference", PROBE, True, about="what holds with the version before"),
        Field("probe", PROBE, True, about="the same as this version asks: a plan warns when it does not hold"),
    ),
)
