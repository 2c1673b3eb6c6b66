"""Outcomes of configuration files that were taken in, file by file and part by part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.errors import Fault


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that was understood. `parts` are paths of the configuration that it speaks of: faults name them."""

    name: str
    parts: tuple[str, ...] = ()
    passed_over: str = ""  # why it is none of our business


@dataclass(frozen=True, slots=True)
class Taken:
    """The configuration in its stored form (`stored`, JSON) after files were merged into it."""

    stored: str
    accepted: tuple[str, ...]  # names of the files
    refused: tuple[Fault, ...]  # path: name of the file
    notes: tuple[str, ...] = ()  # files that are none of our business, and why
    files: tuple[TakenFile, ...] = ()  # the accepted ones, in order


class Fate(StrEnum):
    """The fate of a part of the configuration."""

    LIVE = "live"  # it serves
    REFUSED = "refused"  # it does not, and will not until it changes; what was good before serves on
    PASSED_OVER = "passed-over"  # it is none of our business
    LEFT_OUT = "left-out"  # no file of the call speaks of it, but the call has made it unusable
    PENDING = "not-live"  # it does not serve yet


@dataclass(frozen=True, slots=True)
class PartFate:
    """A file, or a part of the configuration that no file of the call speaks of."""

    name: str
    fate: Fate
    reason: str = ""


def identifying(name: str, content: bytes) -> bytes:
    """Return the bytes whose digest is the identity of a command file: another content is another identity."""
    return name.encode(errors="surrogateescape") + b"\0" + content
