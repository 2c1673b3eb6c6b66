"""Pages of statistics: a section of its own, or a page of a listener beside what its members serve."""

from __future__ import annotations

import re

from supervisor.edges.intake.cloudstack.load_balancer.options import name_faults
from supervisor.edges.intake.cloudstack.load_balancer.servers import WORD
from supervisor.edges.intake.cloudstack.load_balancer.text import LOGGED, NARROWING, Directive, Place, Section, checked
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.balancing import Statistics, StatisticsPage
from supervisor.values.secret import Secret

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")  # no line may have one: nothing would be written
_LOOKS = ("hide-version", "refresh", "show-desc", "show-legends", "show-modules", "show-node")
"""Words of a page of statistics that change only what it looks like."""


def is_statistics(section: Section) -> bool:
    """True if a section is the page of statistics and nothing else."""
    return bool(section.all("stats", "enable")) and not section.all("server")


def statistics(section: Section, place: Place, faults: Faults) -> Statistics:
    """Return the page of a section of its own. Raises BadPartError: it would be shown to more than its text says."""
    if len(section.all("bind")[0].words) > 2:
        raise BadPartError(f"{section.name}: a page of statistics has nothing after its address: left out")
    for line in section.directives:
        if line.words[0] in NARROWING:
            raise BadPartError(f"{section.name}: line {line.number}: {line.words[0]!r:.40} is unknown: page refused")
        if line.words[0] not in ("bind", "mode", "stats", "option", "no", *LOGGED):
            faults.add(line.path, f"{line.words[0]!r:.40} of a page of statistics is left out")
    name_faults(section.directives, True, faults)
    page = _page_of(section, faults)
    return Statistics(
        name=checked(section.name, WORD, "a name"),
        address=place[0],
        port=place[1],
        uri=page.uri or "/admin?stats",
        realm=page.realm,
        user=page.user,
        password=page.password,
    )


def page_beside(section: Section, is_http: bool, faults: Faults) -> StatisticsPage | None:
    """Return the page that a listener shows beside what its members serve; None: it has none, nor has mode tcp."""
    words = section.all("stats")
    if not is_http or not any(line.words[1:2] in (("enable",), ("uri",), ("auth",)) for line in words):
        return None
    with faults.part(words[0].path):
        return _page_of(section, faults)
    return None


def _page_of(section: Section, faults: Faults) -> StatisticsPage:
    auth = section.last("stats", "auth")
    user, _, password = auth.words[2].partition(":") if auth and len(auth.words) > 2 else ("", "", "")
    if not user or not password:
        raise BadPartError(f"{section.name}: stats: a page must have a user and a password")
    for line in section.all("stats"):
        _check_page_word(line, section, auth, faults)
    if any(not word or _CONTROL.search(word) for line in section.all("stats") for word in line.words):
        raise BadPartError(f"{section.name}: stats: a word is empty or has a control character: page refused")
    uri, realm = section.last("stats", "uri"), section.last("stats", "realm")
    return StatisticsPage(
        uri=uri.words[2] if uri else None,
        realm=realm.words[2] if realm else "Statistics",
        user=user,
        password=Secret(password),
    )


def _check_page_word(line: Directive, section: Section, auth: Directive | None, faults: Faults) -> None:
    match line.words[1:]:
        case ("enable",) | ("uri" | "realm", _):
            pass
        case ("auth", _):
            if line is not auth:
                faults.add(line.path, "only the last user of a page of statistics is taken: this one is left out")
        case (word, *_) if word in _LOOKS:
            faults.add(line.path, f"stats {word} is left out")
        case _:
            raise BadPartError(f"{section.name}: line {line.number}: a word of stats is unknown: page refused")
