"""Rules for probes, and for what is made of them: cautions, undertakings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping

from supervisor.documents import FAULTY
from supervisor.edges.catalog.rules.draft import (
    Draft,
    item_faults,
    pattern_problem,
    problem_at,
    repeated,
    template_faults,
)
from supervisor.edges.templating import ITEM_NAMES, NAMES, template_fault
from supervisor.values.errors import Fault
from supervisor.values.manifest import (
    Argument,
    Form,
    Needs,
    Probe,
    Use,
    arguments_of,
)


def probes_make_sense(draft: Draft) -> Iterator[Fault]:
    """Probes of every watch can be asked."""
    folders = draft.runtime_folders
    for key in ("readiness", "liveness", "verification", "survey", "admission"):
        watch = draft.value(key)
        for index, probe in enumerate(watch.probes if watch and watch.probes is not FAULTY else ()):
            if probe is not FAULTY:
                yield from probe_faults(f"{key}.probes[{index}].{probe.kind}", probe, Use.ASK, folders)


def cautions_can_be_asked(draft: Draft) -> Iterator[Fault]:
    """Both probes of a caution can be asked; neither may use a runtime folder."""
    for at, item in draft.items("cautions"):
        for key in ("reference", "probe"):
            if isinstance(probe := getattr(item, key), Probe):
                yield from probe_faults(f"{at}.{key}.{probe.kind}", probe, Use.ASK, set())


def undertakings_make_sense(draft: Draft) -> Iterator[Fault]:
    """Undertakings have different names, can be looked at and called, and wait no shorter than they pause."""
    folders = draft.runtime_folders
    undertakings = list(draft.items("undertakings"))
    plain = [(at, item) for at, item in undertakings if item.each is None and FAULTY not in {item.name, item.what}]
    for at, (_, name) in repeated([(at, (item.what, item.name)) for at, item in plain]):
        yield Fault(f"{at}.name", f"{name} is there twice")
    for at, item in undertakings:
        names = ITEM_NAMES if item.each else NAMES
        yield from template_faults(f"{at}.name", item.name, names)
        yield from item_faults(at, item, names)
        for key, use in (("probe", Use.LOOK), ("call", Use.CALL)):
            if isinstance(probe := getattr(item, key), Probe):
                yield from probe_faults(f"{at}.{key}.{probe.kind}", probe, use, folders, names)
                for word in ("each", "when") if use is Use.LOOK else ("each",):
                    if getattr(probe, word) is not None:
                        place = f"{at}.{key}.{probe.kind}.{word}"
                        yield Fault(place, "has no meaning here: it is said once, for the undertaking")
        if FAULTY not in {item.pause, item.longest} and item.longest < item.pause:
            yield Fault(f"{at}.longest", "is shorter than `pause`")


def probe_faults(
    at: str, probe: Probe, use: Use, folders: set[str], names: frozenset[str] | None = None
) -> Iterator[Fault]:
    """Yield the faults of a question at the path `at`.

    `folders` are the runtime folders that it may name. `names` are those that its texts see; None: those of every
    text, and of an item if it has `each`.
    """
    declared = {argument.name: argument for argument in arguments_of(probe.kind, use) or ()}
    names = names or (ITEM_NAMES if probe.each else NAMES)
    yield from item_faults(at, probe, names)
    if probe.needs is Needs.ONE and not probe.each:
        yield Fault(f"{at}.needs", "has no meaning here: there is no `each`")
    for key, text in probe.arguments:
        place = f"{at}.{key}"
        if not isinstance(text, str):  # FAULTY
            continue
        if fault := template_fault(text, names):
            yield Fault(place, fault)
        elif "{" not in text and key in declared:
            yield from problem_at(place, _literal_problem(declared[key], text, folders))


def source_faults(at: str, source: object, use: Use, folders: set[str]) -> Iterator[Fault]:
    """Yield the faults of the `source` of the value at the path `at`, a question that is put once."""
    if isinstance(source, Probe):
        yield from probe_faults(f"{at}.source.{source.kind}", source, use, folders)
        if source.each is not None:
            yield Fault(f"{at}.source.{source.kind}.each", "has no meaning here: the answer has one place")


def _literal_problem(argument: Argument, text: str, folders: set[str]) -> str | None:
    """Return the problem of a text that is no template; None if it has the form that the argument takes."""
    if argument.words and text not in argument.words:
        return f"{text} is not known ({', '.join(sorted(argument.words))})"
    if argument.form is Form.RUNTIME and text not in folders:
        return f"{text} is not one of `runtime` ({', '.join(sorted(folders)) or 'none'})"
    problem_of = _PROBLEMS.get(argument.form)
    return problem_of(text) if problem_of else None


def _port_problem(text: str) -> str | None:
    return None if text.isdecimal() and 1 <= int(text) <= 65535 else f"{text} is not a port"


def _status_problem(text: str) -> str | None:
    return None if re.fullmatch(r"[1-5][0-9][0-9]", text) else f"{text} is not an HTTP status"


def _file_problem(text: str) -> str | None:
    is_name = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", text)
    return None if is_name else f"{text} is not the name of a file in the volume"


def _command_problem(text: str) -> str | None:
    try:
        return None if shlex.split(text) else "is empty"
    except ValueError as error:
        return f"cannot be split into words: {error}"


_PROBLEMS: Mapping[Form, Callable[[str], str | None]] = {
    Form.PORT: _port_problem,
    Form.PATTERN: pattern_problem,
    Form.STATUS: _status_problem,
    Form.COMMAND: _command_problem,
    Form.FILE: _file_problem,
}
