"""What becomes of configuration files that were taken in."""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.values.errors import Fault


@dataclass(frozen=True, slots=True)
class Taken:
    """The configuration as it is kept (JSON) after files were merged into it."""

    kept: str
    accepted: tuple[str, ...]  # names of the files
    refused: tuple[Fault, ...]  # path: name of the file
    notes: tuple[str, ...] = ()  # files that are none of our business, and why
