"""What each kind of probe returns; the prober adds how long it took."""

from __future__ import annotations

import os
from typing import NamedTuple


class Answer(NamedTuple):
    """The answer to a probe: `question` is what was asked of whom, `outcome` what came and, if wrong,
    what was expected.
    """

    is_good: bool
    question: str
    outcome: str
    is_telling: bool = True

    @property
    def message(self) -> str:
        return f"{self.question}: {self.outcome}"


def silence(error: OSError, timeout: float) -> str:
    """Return why a socket brought no answer, in an operator's words."""
    match error:
        case TimeoutError():
            return f"no answer within {timeout:g} s"
        case ConnectionRefusedError():
            return "connection refused, nothing listens there"
        case ConnectionResetError() | BrokenPipeError():
            return "connection closed before an answer came"
        case FileNotFoundError():
            return "the socket does not exist"
    return os.strerror(error.errno) if error.errno else str(error)


def excerpt(text: str, limit: int = 120) -> str:
    """Quote the beginning of an answer on one line."""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= limit else flat[:limit] + "…")
