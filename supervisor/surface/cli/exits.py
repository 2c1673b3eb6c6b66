"""Turns errors into exit codes, and into the line on stderr that gives the reason."""

from __future__ import annotations

from enum import IntEnum

from supervisor.surface.api.faults import ApiError, UnreachableError
from supervisor.values.errors import SupervisorError


class Exit(IntEnum):
    OK = 0
    FAILED = 1  # the operation was carried out and did not succeed (a hand-over that was undone)
    USAGE = 2  # click's own
    NOT_FOUND = 3
    REFUSED = 4  # busy, or not possible in the present state
    UNREACHABLE = 5
    BAD_INPUT = 6
    INTERRUPTED = 130


HELP = """Exit codes: 0 done, 1 the operation failed (a hand-over was undone, say), 2 wrong usage, 3 no such service,
version or release, 4 refused (busy, or not possible now), 5 no supervisor reachable, 6 bad input (bundle,
configuration or manifest), 130 interrupted; what the supervisor has begun goes on."""

_BY_CODE = {
    "NOT_FOUND": Exit.NOT_FOUND,
    "FAILED_PRECONDITION": Exit.REFUSED,
    "ABORTED": Exit.REFUSED,
    "RESOURCE_EXHAUSTED": Exit.REFUSED,
    "INVALID_ARGUMENT": Exit.BAD_INPUT,
}


class OperationFailedError(SupervisorError, word="operation-failed"):
    """An operation did not succeed, by the last line of its stream."""


class InputError(SupervisorError, word="input"):
    """A file on the command line cannot be used."""


def exit_of(error: SupervisorError) -> Exit:
    """Return the exit code of a command that ends with this error."""
    if isinstance(error, OperationFailedError):
        return Exit.FAILED
    if isinstance(error, InputError):
        return Exit.BAD_INPUT
    if isinstance(error, UnreachableError):
        return Exit.UNREACHABLE
    if isinstance(error, ApiError):
        return _BY_CODE.get(error.code.name, Exit.FAILED)
    return Exit.FAILED


def line_of(error: SupervisorError) -> str:
    """Return the message as a line that does nothing to a terminal, whatever the supervisor has put into it."""
    line = f"vrctl: {' '.join(str(error).splitlines())}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
