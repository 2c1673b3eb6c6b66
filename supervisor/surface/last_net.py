"""The last net: an error that nobody foresaw goes to the log whole, and to people as a line with a reference to it."""

from __future__ import annotations

import logging
import secrets
import syslog
import traceback
from collections.abc import Callable

log = logging.getLogger(__name__)

Write = Callable[[str], None]


def unforeseen(error: Exception, beginning: str) -> str:
    """Log an error with its traceback; return the line for people, which begins with `beginning`."""
    reference = _reference()
    log.error("call failed", extra={"reference": reference}, exc_info=error)
    return f"{beginning}: internal error, {type(error).__name__}; the log of the supervisor has it as {reference}"


def crashed(program: str, error: Exception, write: Write = syslog.syslog) -> str:
    """Write an error that ends a program to the system log; return the line for people."""
    reference = _reference()
    for line in "".join(traceback.format_exception(error)).splitlines():
        write(f"{program} {reference}: {line}")
    return f"cannot go on: internal error, {type(error).__name__}; the system log has it as {reference}"


def _reference() -> str:
    return secrets.token_hex(4)
