"""The load balancer's configuration arrives as text made by the management server: cut into sections of directives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Directive:
    """One line: its number in the whole text, and its words (a blank after a backslash belongs to the word)."""

    number: int
    words: tuple[str, ...]

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
    blank = "\0"
    return tuple(word.replace(blank, " ") for word in line.replace("\\ ", blank).split() if word)
