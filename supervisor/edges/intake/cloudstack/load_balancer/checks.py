"""Reads how a rule checks its members: `option httpchk` and its like, and the `http-check` lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from supervisor.edges.intake.cloudstack.load_balancer.text import Directive, Section, checked
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.balancing import HeaderRule, HealthCheck
from supervisor.values.secret import Secret

HEADER = re.compile(r"[A-Za-z0-9!&*+.^_|~-]{1,100}")  # "#" would begin a comment
_METHOD = re.compile(r"[A-Z]{1,20}")
_PATH = re.compile(r"[/*][!-$&-\[\]-~]{0,1000}")  # "%" and a backslash mean something to the daemon
_VERSION = re.compile(r"HTTP/1\.[01]")
_QUESTION = ((_METHOD, "a method"), (_PATH, "a path"), (_VERSION, "a version"))
_STATUS = re.compile(r"[0-9]{3}(?:-[0-9]{3})?(?:,[0-9]{3}(?:-[0-9]{3})?)*")
_PATTERN = re.compile(r"[0-9.|^$()-]{1,100}")
_TEXT = re.compile(r"[ !-\[\]-~]{1,200}")
_USER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_KINDS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "ldap-check": (),
    "mysql-check": (re.compile("user"), _USER),
    "pgsql-check": (re.compile("user"), _USER),
    "redis-check": (),
    "smtpchk": (re.compile("HELO|EHLO"), re.compile(r"[A-Za-z0-9.-]{1,255}")),
    "ssl-hello-chk": (),
}
"""Checks of one line, with what their words must look like."""
_SHORT = ("mysql-check", "smtpchk")  # may say nothing more
KINDS = ("httpchk", *_KINDS)
_FLAGS = ("disable-on-404", "send-state")
_MOST_HEADERS = 16  # a line of the daemon has 64 words at most


def health_check(section: Section, faults: Faults) -> HealthCheck | None:
    """What is wrong is named and left out; a rule without a check of its own asks whether a connection opens."""
    found: HealthCheck | None = None
    for one in section.directives:
        with faults.part(one.path):
            match one.words:
                case ("option", kind, *arguments) if kind in KINDS:
                    found = HealthCheck(kind, _arguments(kind, tuple(arguments)))
                case ("no", "option", kind, *_) if found and found.kind == kind:
                    found = None
    for one in section.all("http-check"):
        with faults.part(one.path):
            if found is None or found.kind != "httpchk":
                raise BadPartError("http-check has no meaning without option httpchk: left out")
            found = _refined(found, one)
    return found


def _arguments(kind: str, words: tuple[str, ...]) -> tuple[str, ...]:
    if kind == "httpchk":
        return _question(words)
    patterns = _KINDS[kind]
    if len(words) not in (len(patterns), 0 if kind in _SHORT else len(patterns)):
        raise BadPartError(f"{kind} has too many or too few words: left out")
    for word, pattern in zip(words, patterns, strict=False):
        checked(word, pattern, f"a word of {kind}")
    return words


def _question(words: tuple[str, ...]) -> tuple[str, ...]:
    """The path alone, or with its method before and its version after it."""
    if len(words) > 3:
        raise BadPartError("httpchk has too many words: left out")
    if len(words) == 1:
        return ("OPTIONS", checked(words[0], _PATH, "a path"))
    for word, (pattern, what) in zip(words, _QUESTION, strict=False):
        checked(word, pattern, what)
    return words


def _refined(check: HealthCheck, one: Directive) -> HealthCheck:
    match one.words[1:]:
        case (flag,) if flag in _FLAGS:
            return replace(check, flags=tuple(dict.fromkeys((*check.flags, flag))))
        case ("send", *words):
            return _sent(check, iter(words))
        case ("expect", "!", *words):
            return replace(check, expectations=(*check.expectations, ("!", *_expected(words))))
        case ("expect", *words):
            return replace(check, expectations=(*check.expectations, _expected(words)))
    raise BadPartError(f"http-check {' '.join(one.words[1:2])!r:.40} is unknown: left out")


def _sent(check: HealthCheck, words: Iterator[str]) -> HealthCheck:
    names = ("meth", "uri", "ver")
    question = dict(zip(names, ("OPTIONS", "/", "HTTP/1.0"), strict=True)) | dict(
        zip(names, check.arguments, strict=False)
    )
    headers = list(check.headers)
    patterns = dict(zip(names, _QUESTION, strict=True))
    is_asked = False
    for word in words:
        if word == "hdr":
            name, value = checked(next(words, ""), HEADER, "a header"), next(words, "")
            headers.append(HeaderRule("request", "set-header", name, header_value(value)))
        elif word in patterns:
            question[word], is_asked = checked(next(words, ""), *patterns[word]), True
        else:
            raise BadPartError(f"http-check send {word!r:.40} is unknown: left out")
    if [header.name.lower() for header in headers].count("host") > 1:
        raise BadPartError("http-check names a host already: left out")
    if len(headers) > _MOST_HEADERS:
        raise BadPartError(f"http-check has more than {_MOST_HEADERS} headers: left out")
    arguments = tuple(question.values()) if is_asked else check.arguments
    return replace(check, headers=tuple(headers), arguments=arguments)


def header_value(text: str) -> Secret:
    """A value may be a password, so it is not quoted."""
    if not _TEXT.fullmatch(text) or "%" in text:
        raise BadPartError("a header's value is empty, or has a sign that the daemon would replace: left out")
    return Secret(text)


def _expected(words: list[str]) -> tuple[str, ...]:
    checks: Mapping[str, Callable[[str], str]] = {
        "rstatus": _pattern,
        "status": _statuses,
        "string": lambda text: checked(text, _TEXT, "a text"),
    }
    match words:
        case (kind, text) if kind in checks:
            return kind, checks[kind](text)
    raise BadPartError(f"http-check expect {' '.join(words[:1])!r:.40} is unknown: left out")


def _statuses(text: str) -> str:
    for part in checked(text, _STATUS, "a status").split(","):
        first, _, last = part.partition("-")
        if last and last < first:
            raise BadPartError(f"{part!r:.40} is no range of statuses")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(checked(text, _PATTERN, "a pattern of statuses"))
    except re.error:
        raise BadPartError(f"{text!r:.40} is not a pattern of statuses") from None
    return text
