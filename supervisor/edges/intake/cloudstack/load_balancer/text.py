"""The load balancer's configuration arrives as text from the management server: cut into sections, read by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from supervisor.edges.intake.faults import BadPartError
from supervisor.values.bounds import Bounds

_WORDS = re.compile(r"""(?<!\S)(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')(?!\S)|(?P<plain>(?:\\ |\S)+)""")


PATH = "loadbalancer"


@dataclass(frozen=True, slots=True)
class Directive:
    """One line: its number in the whole text, and its words (a blank after a backslash belongs to the word)."""

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
        return tuple(one for one in self.directives if one.starts(*words))

    def last(self, *words: str) -> Directive | None:
        return next(iter(self.all(*words)[::-1]), None)


def sections(fragments: Sequence[str]) -> tuple[Section, ...]:
    """A fragment may have several lines; a line that is not indented starts a section."""
    found: list[tuple[Directive, list[Directive]]] = []
    for number, line in enumerate("\n".join(fragments).split("\n"), 1):
        words = _words(line)
        if not words or words[0].startswith("#"):
            continue
        directive = Directive(number, words)
        if not line[0].isspace() or not found:
            found.append((directive, []))
        else:
            found[-1][1].append(directive)
    return tuple(Section(head, tuple(directives)) for head, directives in found)


def _words(line: str) -> tuple[str, ...]:
    """A word that begins and ends with the same quote may have blanks; any other quote is a letter of a password."""
    return tuple(
        match["double"] or match["single"] or (match["plain"] or "").replace("\\ ", " ")
        for match in _WORDS.finditer(line)
    )


def milliseconds(text: str, bounds: Bounds) -> int:
    """Return a time in milliseconds. Raises BadPartError: it is no time, or too long."""
    match = re.fullmatch(r"([0-9]{1,10})(ms|s|m|h|d)?", text)
    if not match:
        raise BadPartError(f"{text!r:.40} is not a time")
    duration = int(match[1]) * {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[match[2] or "ms"]
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
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadPartError(f"{text!r:.40} is not a number between {least} and {most}")
    return int(text)


def checked(text: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(text):
        raise BadPartError(f"{text!r:.60} is not {what}")
    return text
