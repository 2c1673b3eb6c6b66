"""Names the caller of the command line for the audit log: the account that logged in, and the account that acts."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

LOGIN = Path("/proc/self/loginuid")  # set at login, unchanged by sudo and su
UNSET = (1 << 32) - 1


def caller(login: Path = LOGIN) -> str:
    """Return the name of the account that acts, after the name of the account that logged in where they differ."""
    acting = _name(os.getuid())
    try:
        number = int(login.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return acting
    return acting if number in (UNSET, os.getuid()) else f"{_name(number)} as {acting}"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
