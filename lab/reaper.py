"""Takes away labs whose owner has died: a lab named `<name>-<pid>` belongs to that process.

`python -m lab.reaper PID` waits for the end of PID, however it ends, and then cleans up after it: tests start one, so
that a killed test run leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import select
import sys
from pathlib import Path

from lab import network
from lab.processes import started_at
from lab.router import Router
from lab.tools import LabError
from lab.topology import Lab

_FOLDER = re.compile(r"(?P<prefix>[a-z][a-z-]*-(?P<pid>\d+))-lab")


def orphans() -> tuple[str, ...]:
    """Return the prefixes of labs whose owner is gone."""
    folders = (_FOLDER.fullmatch(path.name) for path in sorted(Path("/run").iterdir()))
    return tuple(match["prefix"] for match in folders if match and started_at(int(match["pid"])) is None)


def reap() -> tuple[str, ...]:
    """Remove every orphan; return what was removed."""
    removed = []
    for prefix in orphans():
        try:
            Router(Lab(prefix)).stop()
        except LabError as error:
            print(f"cannot stop the supervisor of lab {prefix}: {error}", file=sys.stderr)
        network.down(Lab(prefix))
        removed.append(prefix)
    return tuple(removed)


def main(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        pass
    else:
        select.select([handle], [], [])
    reap()


if __name__ == "__main__":
    main(int(sys.argv[1]))
