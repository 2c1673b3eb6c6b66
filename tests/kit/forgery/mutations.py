"""The generator: from a seed, mutated bundles of all families, each with what must become of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from tests.kit.forgery.draft import Draft


class Expected(Enum):
    """What must become of a mutated bundle."""

    REFUSED = "refused"
    """The mutation makes it bad: it says something false, asks for too much, or nobody signed it."""

    ACCEPTED = "accepted"
    """It differs and is good, so that refusing everything is no way to pass."""

    THE_SAME = "the same"
    """It may be refused; if it is accepted, everything that is taken from it is what was signed, byte for byte."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mutated bundle: `image` is the whole medium."""

    name: str
    image: bytes
    expected: Expected


Make = Callable[[Draft, random.Random], bytes]
"""Returns the medium of a mutated bundle, made from a copy of a good one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of mutation; `weight` is how often it is taken, in comparison with others of its family."""

    name: str
    make: Make
    expected: Expected
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Family:
    """Kinds that attack the same part of a bundle; `share` of all mutations is of this family."""

    name: str
    kinds: tuple[Kind, ...]
    share: float


def families() -> tuple[Family, ...]:
    from tests.kit.forgery import documents, indexes, layers, signatures, structure, unsigned  # noqa: PLC0415 - they import this

    return (
        Family("bytes", unsigned.KINDS, 0.25),
        Family("structure", structure.KINDS, 0.25),
        Family("signature", signatures.KINDS, 0.08),
        Family("index", indexes.KINDS, 0.17),
        Family("layers", layers.KINDS, 0.14),
        Family("documents", documents.KINDS, 0.11),
    )


def mutations(draft: Draft, seed: int, count: int) -> Iterator[Mutation]:
    """Yield `count` mutations of a good bundle; equal seeds give equal ones. Of each family kinds come in turns."""
    for number in range(count):
        yield mutation(draft, seed, number, count)


def mutation(draft: Draft, seed: int, number: int, count: int) -> Mutation:
    """Return one of the mutations that `mutations` yields, by its number."""
    chance = random.Random(f"{seed} {number}")
    family, place = _family(number, count)
    turns = [kind for kind in family.kinds for _ in range(kind.weight)]
    kind = turns[place % len(turns)]
    return Mutation(f"{number} {family.name}: {kind.name}", kind.make(draft.copy(), chance), kind.expected)


def _family(number: int, count: int) -> tuple[Family, int]:
    """Return the family of a number, and the place of the number in it."""
    begun = 0
    for family in families():
        size = max(1, round(family.share * count))
        if number < begun + size:
            return family, number - begun
        begun += size
    last = families()[-1]
    return last, number - begun + round(last.share * count)
