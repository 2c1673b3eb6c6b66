"""Rules between the parts of a manifest, for what a shape alone cannot see.

Each rule yields faults. What was refused already is FAULTY here, also inside a value, and rules pass over it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from supervisor.documents import FAULTY, names_twice
from supervisor.edges.templating import ITEM_NAMES, NAMES, RAW_SUFFIX, expression_fault, template_fault
from supervisor.values.errors import Fault
from supervisor.values.manifest import (
    ConfigFile,
    Count,
    ErrorCounter,
    Frontend,
    Needs,
    NetworkMode,
    OnChange,
    Ownership,
    Probe,
    ProbeKind,
    StateSharing,
    Strategy,
    Undertaking,
)

RESERVED = ("/config", "/proc", "/sys", "/dev")


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest as far as it could be read, and the templates beside it."""

    folder: str
    fields: Mapping[str, Any]
    templates: Mapping[str, str]

    def one(self, key: str) -> Any:
        value = self.fields.get(key)
        return None if value is FAULTY else value

    def items(self, key: str) -> Iterator[tuple[str, Any]]:
        """Path and value of every good item of a list."""
        for index, item in enumerate(self.one(key) or ()):
            if item is not FAULTY:
                yield f"{key}[{index}]", item

    def is_given(self, key: str) -> bool:
        return key in self.fields


Rule = Callable[[Draft], Iterator[Fault]]


def name_is_the_folders(draft: Draft) -> Iterator[Fault]:
    name = draft.one("name")
    if name and name != draft.folder:
        yield Fault("name", f"is {name}, but the folder is {draft.folder}")


def templates_render(draft: Draft) -> Iterator[Fault]:
    for at, item in draft.items("config"):
        names = ITEM_NAMES if item.each else NAMES
        text = draft.templates.get(item.template)
        if item.template is FAULTY:
            pass
        elif text is None:
            yield Fault(f"{at}.template", f"there is no file templates/{item.template}")
        else:
            fault_of = expression_fault if item.template.endswith(RAW_SUFFIX) else template_fault
            problem = fault_of(text, names, item.is_secret is not False)
            yield from _fault(f"{at}.template", problem and f"{item.template}: {problem}")
        yield from _template(f"{at}.target", item.target, names)
        yield from _expressions(at, item, names)


def targets_differ(draft: Draft) -> Iterator[Fault]:
    found = [(at, item) for at, item in draft.items("config") if item.when is None]
    plain = [(at, item.target) for at, item in found if item.target is not FAULTY and "{" not in item.target]
    for index, target in names_twice([target for _, target in plain]):
        yield Fault(f"{plain[index][0]}.target", f"{target} is the target of another entry")


def reload_is_said(draft: Draft) -> Iterator[Fault]:
    if draft.is_given("reload"):
        return
    for at, item in draft.items("config"):
        for key in ("on_add", "on_change", "on_remove"):
            if getattr(item, key) is OnChange.RELOAD:
                yield Fault(f"{at}.{key}", "asks for a reload, but the manifest has no `reload`")


def frontends_fit_the_network(draft: Draft) -> Iterator[Fault]:
    network, ports = draft.one("network"), dict(draft.one("ports") or ())
    for at, item in draft.items("frontends"):
        names = ITEM_NAMES if item.each else NAMES
        yield from _template(f"{at}.name", item.name, names)
        yield from _expression(f"{at}.port", item.port, names)
        yield from _expression(f"{at}.open", item.open, names)
        yield from _expressions(at, item, names)
        if network is NetworkMode.ISOLATED:
            yield from _expression(f"{at}.inside", item.inside, names)
            yield from _needs(at, item, "address", "interfaces", network)
        elif network is NetworkMode.ROUTER:
            yield from _needs(at, item, "interfaces", "address", network)
            if item.inside not in ports and FAULTY not in {item.inside, draft.fields.get("ports")}:
                yield Fault(f"{at}.inside", f"{item.inside} is not one of `ports` ({', '.join(ports) or 'none'})")


def _needs(at: str, item: Frontend, key: str, never: str, network: NetworkMode) -> Iterator[Fault]:
    names = ITEM_NAMES if item.each else NAMES
    text = getattr(item, key)
    if text is None:
        yield Fault(f"{at}.{key}", f"is missing: network is {network}")
    else:
        yield from _expression(f"{at}.{key}", text, names)
    if getattr(item, never) is not None:
        yield Fault(f"{at}.{never}", f"has no meaning here: network is {network}")


def ports_can_overlap(draft: Draft) -> Iterator[Fault]:
    ports = draft.one("ports") or ()
    fixed = [(name, number) for name, number in ports if number is not None]
    if draft.one("network") is NetworkMode.ROUTER and draft.one("strategy") is Strategy.OVERLAP:
        for name, number in fixed:
            yield Fault(f"ports.{name}", f"must be null: two generations overlap and both would listen on {number}")


def masquerading_needs_a_namespace(draft: Draft) -> Iterator[Fault]:
    if draft.one("masquerades") is True and draft.one("network") is NetworkMode.ROUTER:
        yield Fault("masquerades", "has no meaning here: network is router")


def takeover_is_the_strategy(draft: Draft) -> Iterator[Fault]:
    if draft.is_given("takeover") and draft.one("strategy") is Strategy.OVERLAP:
        yield Fault("takeover", "has no meaning here: strategy is overlap")


def names_are_unique(draft: Draft) -> Iterator[Fault]:
    for key in ("state", "runtime"):
        found = [(at, item) for at, item in draft.items(key) if item.name is not FAULTY]
        for index, name in names_twice([item.name for _, item in found]):
            yield Fault(f"{found[index][0]}.name", f"{name} is there twice")
    found = [(at, item) for at, item in draft.items("frontends") if item.each is None and item.name is not FAULTY]
    for index, name in names_twice([item.name for _, item in found]):
        yield Fault(f"{found[index][0]}.name", f"{name} is there twice")


def mounts_are_apart(draft: Draft) -> Iterator[Fault]:
    folders = [pair for key in ("state", "runtime", "tmpfs") for pair in draft.items(key)]
    found = [(at, item.mount) for at, item in folders if item.mount is not FAULTY]
    for index, mount in names_twice([mount for _, mount in found]):
        yield Fault(f"{found[index][0]}.mount", f"{mount} is mounted twice")
    for at, mount in found:
        for taken in RESERVED:
            if mount == taken or mount.startswith(f"{taken}/"):
                yield Fault(f"{at}.mount", f"{mount} lies in {taken}, which is not the service's to mount")


def probes_make_sense(draft: Draft) -> Iterator[Fault]:
    folders = {item.name for _, item in draft.items("runtime") if item.name is not FAULTY}
    for key in ("readiness", "liveness", "verification", "survey"):
        watch = draft.one(key)
        for index, probe in enumerate(watch.probes if watch and watch.probes is not FAULTY else ()):
            if probe is not FAULTY:
                yield from probe_faults(f"{key}.probes[{index}].{probe.kind}", probe, folders)


def only_copies_are_replayed(draft: Draft) -> Iterator[Fault]:
    for at, item in draft.items("state"):
        if isinstance(item.replay, Probe):
            if item.sharing is StateSharing.SHARED:
                yield Fault(f"{at}.replay", "has no meaning here: both generations write one folder")
            yield from probe_faults(f"{at}.replay.{item.replay.kind}", item.replay, set())


def only_shared_volumes_list_what_is_spent(draft: Draft) -> Iterator[Fault]:
    for at, item in draft.items("state"):
        if item.has_spent is True and item.sharing is StateSharing.COPIED:
            yield Fault(f"{at}.spent", "has no meaning here: each generation has a folder of its own")


def owners_are_written(draft: Draft) -> Iterator[Fault]:
    targets = {item.target for _, item in draft.items("config") if item.each is None and item.when is None}
    for at, item in draft.items("state"):
        if not isinstance(item.owned, Ownership):
            continue
        if item.sharing is StateSharing.SHARED:
            yield Fault(f"{at}.owned", "has no meaning here: both generations write one folder")
        if isinstance(text := item.owned.item, str):
            yield from _fault(f"{at}.owned.item", _item_fault(text))
        owners = item.owned.owners
        if isinstance(owners, str) and owners not in targets and FAULTY not in targets:
            yield Fault(f"{at}.owned.owners", f"{owners} is not the target of a `config` entry that is always there")


def _item_fault(text: str) -> str | None:
    try:
        pattern = re.compile(text)
    except re.error as error:
        return f"is not a regular expression: {error}"
    return None if pattern.groups else "has no group: who owns such a line?"


def errors_can_be_counted(draft: Draft) -> Iterator[Fault]:
    folders = {item.name for _, item in draft.items("runtime") if item.name is not FAULTY}
    found = [(at, item) for at, item in draft.items("errors")]
    for index, name in names_twice([item.name for _, item in found if item.name is not FAULTY]):
        yield Fault(f"{found[index][0]}.name", f"{name} is there twice")
    for at, item in found:
        if item.source is not FAULTY:
            if item.source.kind is ProbeKind.ANSWERS and draft.one("network") is NetworkMode.ISOLATED:
                yield Fault(f"{at}.source.answers", "has no meaning here: network is isolated")
            yield from _source_faults(f"{at}.source", item.source, folders)
        yield from _counts_faults(at, item)
        if isinstance(item.servers, Count):
            yield from _counts_faults(f"{at}.servers", item.servers)
        if item.patience and item.answered is None:
            yield Fault(f"{at}.patience", "has no meaning here: there is no `answered`")


def _source_faults(at: str, source: Probe, folders: set[str]) -> Iterator[Fault]:
    yield from probe_faults(f"{at}.{source.kind}", source, folders)
    given = dict(source.arguments)
    yield from (Fault(f"{at}.{source.kind}.{key}", "has no meaning here") for key in ("expect",) if key in given)
    if source.each is not None:
        yield Fault(f"{at}.{source.kind}.each", "has no meaning here: the counters have one place")


def cautions_can_be_asked(draft: Draft) -> Iterator[Fault]:
    for at, item in draft.items("cautions"):
        for key in ("reference", "probe"):
            if isinstance(probe := getattr(item, key), Probe):
                yield from probe_faults(f"{at}.{key}.{probe.kind}", probe, set())


def _counts_faults(at: str, counts: Count | ErrorCounter) -> Iterator[Fault]:
    if counts.failed is None and counts.answered is None:
        yield Fault(at, "has neither `failed` nor `answered`: nothing would ever fail")
    for key in ("failed", "total", "answered", "declined"):
        if isinstance(text := getattr(counts, key, None), str):
            yield from _fault(f"{at}.{key}", _counting_fault(text))


def _counting_fault(text: str) -> str | None:
    try:
        pattern = re.compile(text)
    except re.error as error:
        return f"is not a regular expression: {error}"
    keys = pattern.groupindex.keys() & {"name", "source"}
    return None if pattern.groups > len(keys) else "has no group: which number counts?"


def undertakings_make_sense(draft: Draft) -> Iterator[Fault]:
    folders = {item.name for _, item in draft.items("runtime") if item.name is not FAULTY}
    found = list(draft.items("undertakings"))
    plain = [(at, item) for at, item in found if item.each is None and FAULTY not in {item.name, item.what}]
    for index, _ in names_twice([f"{item.what} {item.name}" for _, item in plain]):
        yield Fault(f"{plain[index][0]}.name", f"{plain[index][1].name} is there twice")
    for at, item in found:
        names = ITEM_NAMES if item.each else NAMES
        yield from _template(f"{at}.name", item.name, names)
        yield from _expressions(at, item, names)
        for key in ("probe", "call"):
            if isinstance(asked := getattr(item, key), Probe):
                yield from _question_faults(f"{at}.{key}.{asked.kind}", key, asked, names, folders)
        if FAULTY not in {item.pause, item.longest} and item.longest < item.pause:
            yield Fault(f"{at}.longest", "is shorter than `pause`")


def _question_faults(at: str, key: str, asked: Probe, names: frozenset[str], folders: set[str]) -> Iterator[Fault]:
    yield from probe_faults(at, asked, folders, names)
    for word in ("each", "when") if key == "probe" else ("each",):
        if getattr(asked, word) is not None:
            yield Fault(f"{at}.{word}", "has no meaning here: it is said once, for the undertaking")


_WORDS = {"protocol": {"udp", "tcp"}, "method": {"GET", "HEAD", "POST", "PUT", "OPTIONS"}}
_PATTERNS = {(ProbeKind.HTTP, "expect"), (ProbeKind.SOCKET, "expect"), (ProbeKind.EXEC, "expect")}


def probe_faults(at: str, probe: Probe, folders: set[str], names: frozenset[str] | None = None) -> Iterator[Fault]:
    names = names or (ITEM_NAMES if probe.each else NAMES)
    yield from _expressions(at, probe, names)
    if probe.needs is Needs.ONE and not probe.each:
        yield Fault(f"{at}.needs", "has no meaning here: there is no `each`")
    for key, text in probe.arguments:
        place = f"{at}.{key}"
        if not isinstance(text, str):  # FAULTY
            continue
        if fault := template_fault(text, names):
            yield Fault(place, fault)
        elif "{" not in text:
            yield from _fault(place, _literal_fault(probe.kind, key, text, folders))


def _literal_fault(kind: ProbeKind, key: str, text: str, folders: set[str]) -> str | None:  # noqa: PLR0911 - a table of cases
    if key == "runtime" and text not in folders:
        return f"{text} is not one of `runtime` ({', '.join(sorted(folders)) or 'none'})"
    if key in _WORDS and text not in _WORDS[key]:
        return f"{text} is not known ({', '.join(sorted(_WORDS[key]))})"
    if key == "port" and not (text.isdecimal() and 1 <= int(text) <= 65535):
        return f"{text} is not a port"
    if kind is ProbeKind.LEASES and key == "file" and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", text):
        return f"{text} is not the name of a file in the volume"
    if key == "status" and not re.fullmatch(r"[1-5][0-9][0-9]", text):
        return f"{text} is not an HTTP status"
    if kind is ProbeKind.EXEC and key == "command":
        try:
            return None if shlex.split(text) else "is empty"
        except ValueError as error:
            return f"cannot be split into words: {error}"
    if (kind, key) in _PATTERNS:
        try:
            re.compile(text)
        except re.error as error:
            return f"is not a regular expression: {error}"
    return None


def _expressions(at: str, item: ConfigFile | Frontend | Probe | Undertaking, names: frozenset[str]) -> Iterator[Fault]:
    yield from _expression(f"{at}.each", item.each, NAMES)
    yield from _expression(f"{at}.when", getattr(item, "when", None), names)


def _expression(at: str, text: object, names: frozenset[str]) -> Iterator[Fault]:
    if isinstance(text, str):
        yield from _fault(at, expression_fault(text, names))


def _template(at: str, text: object, names: frozenset[str]) -> Iterator[Fault]:
    if isinstance(text, str):
        yield from _fault(at, template_fault(text, names))


def _fault(at: str, problem: str | None) -> Iterator[Fault]:
    if problem:
        yield Fault(at, problem)


RULES: tuple[Rule, ...] = (
    name_is_the_folders,
    templates_render,
    targets_differ,
    reload_is_said,
    frontends_fit_the_network,
    ports_can_overlap,
    masquerading_needs_a_namespace,
    takeover_is_the_strategy,
    names_are_unique,
    mounts_are_apart,
    probes_make_sense,
    only_copies_are_replayed,
    only_shared_volumes_list_what_is_spent,
    owners_are_written,
    errors_can_be_counted,
    undertakings_make_sense,
    cautions_can_be_asked,
)
