"""What a container uses, as both versions of control groups say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.edges.engine.control_group import usage
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError
from supervisor.values.state import Usage

SEPARATE = "5:pids:/box/one\n4:memory:/box/one\n2:cpu,cpuacct:/box/one\n0::/\n"
SEPARATE_FILES = {
    "memory/box/one/memory.usage_in_bytes": "4096\n",
    "memory/box/one/memory.limit_in_bytes": "8192\n",
    "memory/box/one/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "cpuacct/box/one/cpuacct.usage": "2500000000\n",
    "pids/box/one/pids.current": "3\n",
}
UNIFIED = "0::/box/one\n"
UNIFIED_FILES = {
    "box/one/memory.current": "4096\n",
    "box/one/memory.max": "8192\n",
    "box/one/memory.events": "low 0\nmax 9\noom 2\noom_kill 2\n",
    "box/one/cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
    "box/one/pids.current": "3\n",
}
PROCESS = Process(7, 0)


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        pytest.param(SEPARATE, SEPARATE_FILES, 8192, id="v1 beside an empty v2"),
        pytest.param(
            SEPARATE,
            SEPARATE_FILES | {"memory/box/one/memory.limit_in_bytes": "9223372036854771712\n"},
            None,
            id="v1 without a limit",
        ),
        pytest.param(UNIFIED, UNIFIED_FILES, 8192, id="v2"),
        pytest.param(UNIFIED, UNIFIED_FILES | {"box/one/memory.max": "max\n"}, None, id="v2 without a limit"),
    ],
)
def test_usage(tmp_path: Path, groups: str, files: dict[str, str], limit: int | None) -> None:
    lay_out(tmp_path, {"proc/7/cgroup": groups} | {f"sys/{name}": text for name, text in files.items()})
    assert usage("one", PROCESS, tmp_path / "sys", tmp_path / "proc") == Usage(4096, limit, 2.5, 3, 2)


@pytest.mark.parametrize("groups", ["", SEPARATE, UNIFIED])
def test_what_cannot_be_read_is_said(tmp_path: Path, groups: str) -> None:
    lay_out(tmp_path, {"proc/7/cgroup": groups})
    with pytest.raises(EngineError, match="cannot see what container one uses: its control group cannot be read"):
        usage("one", PROCESS, tmp_path / "sys", tmp_path / "proc")


def lay_out(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
