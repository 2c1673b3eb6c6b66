"""The use of memory, processor and pids by a container, read from the control groups of its first process.

Both versions: each controller in a hierarchy of its own (v1, also beside an empty v2), or one hierarchy for all (v2).
"""

from __future__ import annotations

from pathlib import Path

from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError
from supervisor.values.state import Usage

ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")
UNLIMITED = 1 << 60  # v1 has no word for it: the greatest multiple of a page


def usage(name: str, process: Process | None, root: Path = ROOT, proc: Path = PROC) -> Usage:
    """Return what the container `name` uses, whose first process this is. Raises EngineError: when it does not run."""
    action = f"see what container {name} uses"
    if process is None:
        raise EngineError(f"cannot {action}: it does not run")
    try:
        groups = _groups((proc / str(process.pid) / "cgroup").read_text())
        measured = _separate(root, groups) if "memory" in groups else _unified(root / groups[""])
    except (OSError, KeyError, ValueError) as error:
        raise EngineError(f"cannot {action}: its control group cannot be read: {error}") from error
    return measured


def _groups(text: str) -> dict[str, str]:
    """Path of the group by controller, relative to the hierarchy's root; v2 has the controller ``."""
    groups = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path.removeprefix("/")))
    return groups


def _separate(root: Path, groups: dict[str, str]) -> Usage:
    memory = root / "memory" / groups["memory"]
    limit = _number(memory / "memory.limit_in_bytes")
    return Usage(
        memory_bytes=_number(memory / "memory.usage_in_bytes"),
        memory_limit=limit if limit < UNLIMITED else None,
        cpu_seconds=_number(root / "cpuacct" / groups["cpuacct"] / "cpuacct.usage") / 1e9,
        pids=_number(root / "pids" / groups["pids"] / "pids.current"),
        oom_kills=int(_table(memory / "memory.oom_control")["oom_kill"]),
    )


def _unified(group: Path) -> Usage:
    limit = (group / "memory.max").read_text().strip()
    return Usage(
        memory_bytes=_number(group / "memory.current"),
        memory_limit=None if limit == "max" else int(limit),
        cpu_seconds=int(_table(group / "cpu.stat")["usage_usec"]) / 1e6,
        pids=_number(group / "pids.current"),
        oom_kills=int(_table(group / "memory.events")["oom_kill"]),
    )


def _number(file: Path) -> int:
    return int(file.read_text())


def _table(file: Path) -> dict[str, str]:
    return dict(line.split() for line in file.read_text().splitlines())
