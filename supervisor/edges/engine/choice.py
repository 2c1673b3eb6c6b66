"""The choice of the engine: the one that this router used last; on a new router the one that the settings name, or the
one that is installed.

The record is made once an engine has answered: one that never did has no containers of ours. It has a line with the
engine in use and, while the router moves, one with the engine being left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from supervisor.edges.engine import ENGINES
from supervisor.values.errors import EngineUnavailableError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = {"podman": "podman", "docker": "dockerd"}
RECORD = "engine"


def choose(wanted: str, state_dir: Path, path: str = PATH) -> str:
    """Turn `auto` into the name of an engine: that of the record, for its containers may be running, or an installed
    one.

    Raises EngineUnavailableError: when the wanted engine is not the recorded one, or none is installed.
    """
    used = recorded(state_dir)
    if wanted != "auto":
        if used not in (None, wanted):
            raise EngineUnavailableError(
                f"cannot use engine {wanted}: this router's services run on {used} and would be started twice; "
                f"set engine: auto, and move them with: vrctl migrate-engine --to {wanted}"
            )
        return wanted
    if used is not None:
        return used
    for kind in ENGINES:
        if shutil.which(PROGRAMS[kind], path=path):
            return kind
    raise EngineUnavailableError(
        "cannot choose an engine: neither podman nor dockerd is installed; "
        "install one with: apt-get install podman runc (or docker.io)"
    )


def recorded(state_dir: Path) -> str | None:
    """Return the engine in use; None: none has answered yet."""
    return next(iter(_read(state_dir)), None)


def leaving(state_dir: Path) -> str | None:
    """Return the engine that may still have containers while the router moves; None: it does not move."""
    return next(iter(_read(state_dir)[1:]), None)


def record(state_dir: Path, kind: str, left: str | None = None) -> None:
    """Record the engine in use from now on, and the one being left; an equal call changes nothing."""
    engines = tuple(engine for engine in (kind, left) if engine)
    if _read(state_dir) == engines:
        return
    state_dir.mkdir(parents=True, exist_ok=True)
    temporary = state_dir / f"{RECORD}.new"
    with temporary.open("w") as file:
        file.write("".join(f"{engine}\n" for engine in engines))
        file.flush()
        os.fsync(file.fileno())  # without it containers of one of them would be nobody's
    temporary.replace(state_dir / RECORD)


def forget(state_dir: Path) -> None:
    """Remove the record: no engine has containers of ours any more, and the next one may be any."""
    (state_dir / RECORD).unlink(missing_ok=True)


def _read(state_dir: Path) -> tuple[str, ...]:
    with contextlib.suppress(OSError):
        return tuple(word for word in (state_dir / RECORD).read_text().split() if word in ENGINES)
    return ()
