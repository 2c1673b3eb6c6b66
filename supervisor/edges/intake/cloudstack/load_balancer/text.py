"""The load balancer's configuration arrives as text from the management server: cut into sections, read by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from supervisor.edges.intake.faults import BadPartError
from supervisor.values.bounds import Bounds

_WORDS = re.compile(r"""(?<!\S)(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')(?!\S)|(?P<plain>(?:\\ |\S)+)""")


PATH = "loadbalancer"
Place = tuple[IPv4Address, int]
NARROWING = (
    "acl",
    "block",
    "disabled",
    "http-request",
    "http-response",
    "redirect",
    "tcp-request",
    "tcp-response",
    "use_backend",
)
"""Words of lines that narrow who may come in, and to what: none of them is ever left out."""
LOGGED = ("log",)  # what is logged, and where, is the supervisor's


@dataclass(frozen=True, slots=True)
class Directive:
    """A line of the text: its number, and its words (a blank after a backslash belongs to the word)."""

    number: int
    words: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"{PATH}.configuration line {self.number}"

    def starts(self, *words: str) -> bool:
        return self.words[: len(words)] == words


@dataclass(frozen=True, slots=True)
class Section:
    """`global`, `defaults` or `listen <name>` and what it says."""

    head: Directive
    directives: tuple[Directive, ...]

    @property
    def kind(self) -> str:
        return self.head.words[0]

    @property
    def name(self) -> str:
        return self.head.words[1] if len(self.head.words) > 1 else ""

    def all(self, *words: str) -> tuple[Directive, ...]:
        return tuple(line for line in self.directives if line.starts(*words))

    def last(self, *words: str) -> Directive | None:
        return next(iter(self.all(*words)[::-1]), None)


def sections(fragments: Sequence[str]) -> tuple[Section, ...]:
    """Return the sections of a text: a fragment may have several lines; one that is not indented starts a section."""
    parts: list[tuple[Directive, list[Directive]]] = []
    for number, line in enumerate("\n".join(fragments).split("\n"), 1):
        words = _words(line)
        if not words or words[0].startswith("#"):
            continue
        directive = Directive(number, words)
        if not line[0].isspace() or not parts:
            parts.append((directive, []))
        else:
            parts[-1][1].append(directive)
    return tuple(Section(head, tuple(directives)) for head, directives in parts)


def _words(line: str) -> tuple[str, ...]:
    """Return the words of a line: one in quotes may have blanks; any other quote is a letter of a password."""
    return tuple(
        match["double"] or match["single"] or (match["plain"] or "").replace("\\ ", " ")
        for match in _WORDS.finditer(line)
    )


def milliseconds(text: str, bounds: Bounds, unit: str = "ms") -> int:
    """Return a time in milliseconds; `unit` is meant where none is written.

    Raises BadPartError: it is no time, or too long.
    """
    match = re.fullmatch(r"([0-9]{1,10})(ms|s|m|h|d)?", text)
    if not match:
        raise BadPartError(f"{text!r:.40} is not a time")
    duration = int(match[1]) * {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[match[2] or unit]
    if duration > bounds.most_of("milliseconds"):
        raise BadPartError(f"{text!r:.40} is too long")
    return duration


def interval(text: str, bounds: Bounds) -> int:
    """Return a time between two deeds, in milliseconds. Raises BadPartError: it is none, or nothing at all."""
    duration = milliseconds(text, bounds)
    if not duration:
        raise BadPartError(f"{text!r:.40} is no time at all")
    return duration


def size(text: str, bounds: Bounds) -> int:
    """Return a number of entries. Raises BadPartError: it is none, or too large."""
    match = re.fullmatch(r"([0-9]{1,9})([kmg]?)", text)
    count = int(match[1]) * 1024 ** " kmg".index(match[2] or " ") if match else 0
    if not 0 < count <= bounds.most_of("table_entries"):
        raise BadPartError(f"{text!r:.40} is not a size")
    return count


def number(text: str, least: int, most: int) -> int:
    """Return a number. Raises BadPartError: it is none, or not between these."""
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadPartError(f"{text!r:.40} is not a number between {least} and {most}")
    return int(text)


def checked(text: str, pattern: re.Pattern[str], what: str) -> str:
    """Return a text of this pattern. Raises BadPartError: it is another one, and no `what`."""
    if not pattern.fullmatch(text):
        raise BadPartError(f"{text!r:.60} is not {what}")
    return text
