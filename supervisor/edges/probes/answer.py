"""The answer to a probe, and the words in which it is given; the prober adds how long it took."""

from __future__ import annotations

import os
from typing import NamedTuple

from supervisor.values.errors import ProbeError
from supervisor.values.state import ProbeTarget


class Answer(NamedTuple):
    """An answer: `question` is what was asked and where, `outcome` what came and, if wrong, what was expected."""

    is_good: bool
    question: str
    outcome: str
    is_telling: bool = True
    is_silent: bool = False  # something listens, and does not answer

    @property
    def message(self) -> str:
        return f"{self.question}: {self.outcome}"


def silence(error: OSError, timeout: float) -> str:
    """Return in an operator's words why a socket brought no answer."""
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


def no_answer(question: str, error: OSError, timeout: float, expected: str = "") -> Answer:
    """Return the answer to a question that brought none; where nothing listens, that is no silence of a daemon."""
    is_silent = isinstance(error, TimeoutError | ConnectionResetError | BrokenPipeError)
    return Answer(False, question, silence(error, timeout) + expected, is_silent=is_silent)


def excerpt(text: str, limit: int = 120) -> str:
    """Return the beginning of an answer on one line, in quotes."""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= limit else flat[:limit] + "…")


TEXT_LIMIT = 1 << 20


def whole_text(content: bytes, target: ProbeTarget) -> str:
    """Return the counters that a daemon has printed. Raises ProbeError: they may have been cut at TEXT_LIMIT."""
    if len(content) >= TEXT_LIMIT:
        raise ProbeError(f"cannot read counters of {target.container}: more than {TEXT_LIMIT // 1024} KiB came")
    return content.decode("utf-8", "replace")
