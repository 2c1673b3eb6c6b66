"""Checks of a rule's members: `option httpchk` and its like, and the `http-check` lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from supervisor.edges.intake.cloudstack.load_balancer.text import Directive, Section, checked
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.bounds import Bounds
from supervisor.values.members import (
    CheckFlag,
    CheckKind,
    Expectation,
    Expected,
    HeaderAction,
    HeaderRule,
    HealthCheck,
    Message,
)
from supervisor.values.secret import Secret

HEADER = re.compile(r"[A-Za-z0-9!&*+.^_|~-]{1,100}")  # "#" would begin a comment
_METHOD = re.compile(r"[A-Z]{1,20}")
_PATH = re.compile(r"[/*][!-$&-\[\]-~]{0,1000}")  # "%" begins an expression in the text
_VERSION = re.compile(r"HTTP/1\.[01]")
_QUESTION = ((_METHOD, "a method"), (_PATH, "a path"), (_VERSION, "a version"))
_STATUS = re.compile(r"[0-9]{3}(?:-[0-9]{3})?(?:,[0-9]{3}(?:-[0-9]{3})?)*")
_PATTERN = re.compile(r"[0-9.|^$()-]{1,100}")
_TEXT = re.compile(r"[ !-\[\]-~]{1,200}")
_USER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_WORDS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "ldap-check": (),
    "mysql-check": (re.compile("user"), _USER),
    "pgsql-check": (re.compile("user"), _USER),
    "redis-check": (),
    "smtpchk": (re.compile("HELO|EHLO"), re.compile(r"[A-Za-z0-9.-]{1,255}")),
    "ssl-hello-chk": (),
}
"""Checks of one line, with what their words must look like."""
_SHORT = ("mysql-check", "smtpchk")  # may say nothing more
KINDS: Mapping[str, CheckKind] = {
    "httpchk": CheckKind.HTTP,
    "ldap-check": CheckKind.LDAP,
    "mysql-check": CheckKind.MYSQL,
    "pgsql-check": CheckKind.POSTGRESQL,
    "redis-check": CheckKind.REDIS,
    "smtpchk": CheckKind.SMTP,
    "ssl-hello-chk": CheckKind.TLS,
}
_FLAGS = {"disable-on-404": CheckFlag.DRAIN_ON_404, "send-state": CheckFlag.SEND_STATE}


def health_check(section: Section, faults: Faults) -> HealthCheck | None:
    """Return how members are checked; None: by a connection that opens. What is left out becomes a fault."""
    check: HealthCheck | None = None
    for line in section.directives:
        with faults.part(line.path):
            match line.words:
                case ("option", kind, *words) if kind in KINDS:
                    check = HealthCheck(KINDS[kind], _words(kind, tuple(words)))
                case ("no", "option", kind, *_) if check and check.kind is KINDS.get(kind):
                    check = None
    for line in section.all("http-check"):
        with faults.part(line.path):
            if check is None or check.kind is not CheckKind.HTTP:
                raise BadPartError("http-check has no meaning without option httpchk: left out")
            check = _refined(check, line, faults.bounds)
    return check


def _words(kind: str, words: tuple[str, ...]) -> tuple[str, ...]:
    if kind == "httpchk":
        return _question(words)
    patterns = _WORDS[kind]
    if len(words) not in (len(patterns), 0 if kind in _SHORT else len(patterns)):
        raise BadPartError(f"{kind} has too many or too few words: left out")
    for word, pattern in zip(words, patterns, strict=False):
        checked(word, pattern, f"a word of {kind}")
    return words


def _question(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of an HTTP question: the path alone, or its method, path and version."""
    if len(words) > 3:
        raise BadPartError("httpchk has too many words: left out")
    if len(words) == 1:
        return ("OPTIONS", checked(words[0], _PATH, "a path"))
    for word, (pattern, what) in zip(words, _QUESTION, strict=False):
        checked(word, pattern, what)
    return words


def _refined(check: HealthCheck, line: Directive, bounds: Bounds) -> HealthCheck:
    match line.words[1:]:
        case (flag,) if flag in _FLAGS:
            return replace(check, flags=tuple(dict.fromkeys((*check.flags, _FLAGS[flag]))))
        case ("send", *words):
            return _sent(check, iter(words), bounds)
        case ("expect", "!", *words):
            return replace(check, expectations=(*check.expectations, replace(_expected(words), is_negated=True)))
        case ("expect", *words):
            return replace(check, expectations=(*check.expectations, _expected(words)))
    raise BadPartError(f"http-check {' '.join(line.words[1:2])!r:.40} is unknown: left out")


def _sent(check: HealthCheck, words: Iterator[str], bounds: Bounds) -> HealthCheck:
    names = ("meth", "uri", "ver")
    question = dict(zip(names, ("OPTIONS", "/", "HTTP/1.0"), strict=True)) | dict(zip(names, check.words, strict=False))
    headers = list(check.headers)
    patterns = dict(zip(names, _QUESTION, strict=True))
    is_asked = False
    for word in words:
        if word == "hdr":
            name, value = checked(next(words, ""), HEADER, "a header"), next(words, "")
            headers.append(HeaderRule(Message.REQUEST, HeaderAction.SET, name, header_value(value)))
        elif word in patterns:
            question[word], is_asked = checked(next(words, ""), *patterns[word]), True
        else:
            raise BadPartError(f"http-check send {word!r:.40} is unknown: left out")
    if [header.name.lower() for header in headers].count("host") > 1:
        raise BadPartError("http-check names a host already: left out")
    if len(headers) > (most := bounds.most_of("check_headers")):
        raise BadPartError(f"http-check has more than {most} headers: left out")
    asked = tuple(question.values()) if is_asked else check.words
    return replace(check, headers=tuple(headers), words=asked)


def header_value(text: str) -> Secret:
    """Return the value of a header. Raises BadPartError, without the value, which may be a password: it is none."""
    if not _TEXT.fullmatch(text) or "%" in text:
        raise BadPartError("a header's value is empty, or has a sign that the daemon would replace: left out")
    return Secret(text)


def _expected(words: list[str]) -> Expectation:
    match words:
        case ("rstatus", text):
            return Expectation(Expected.STATUS_PATTERN, _pattern(text))
        case ("status", text):
            return Expectation(Expected.STATUS, _statuses(text))
        case ("string", text):
            return Expectation(Expected.TEXT, checked(text, _TEXT, "a text"))
    raise BadPartError(f"http-check expect {' '.join(words[:1])!r:.40} is unknown: left out")


def _statuses(text: str) -> tuple[tuple[int, int], ...]:
    ranges = []
    for part in checked(text, _STATUS, "a status").split(","):
        first, _, last = part.partition("-")
        if last and last < first:
            raise BadPartError(f"{part!r:.40} is no range of statuses")
        ranges.append((int(first), int(last or first)))
    return tuple(ranges)


def _pattern(text: str) -> str:
    try:
        re.compile(checked(text, _PATTERN, "a pattern of statuses"))
    except re.error:
        raise BadPartError(f"{text!r:.40} is not a pattern of statuses") from None
    return text
