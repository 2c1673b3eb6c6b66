"""From ContainerSpec to Podman's request: confinement, and the file of a seccomp profile."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from supervisor.edges.engine.podman_seccomp import profile_file
from supervisor.edges.engine.podman_spec import create_body
from supervisor.values.names import Digest
from supervisor.values.state import ContainerSpec, Mount, Tmpfs

SPEC = ContainerSpec(
    name="web-1", image=Digest("sha256:" + "1" * 64), command=("/bin/server", "-f"), labels=(), uid=0, gid=0,
    network=None, memory_bytes=1 << 20, pids=8, nofile=64,
)  # fmt: skip


def test_nothing_is_executed_from_what_is_mounted() -> None:
    spec = replace(SPEC, mounts=(Mount("/a", "/b", read_only=True),), tmpfs=(Tmpfs("/tmp", 1 << 20, 0o1777),))
    for mount in create_body(spec, {})["mounts"]:
        assert {"nosuid", "nodev", "noexec"} <= set(mount["options"])


def test_processors_are_a_share_of_each_period_and_no_bound_where_there_are_no_more() -> None:
    def asked(cpu: float | None) -> object:
        return create_body(replace(SPEC, cpu=cpu, cpu_weight=50), {})["resource_limits"]["cpu"]

    assert asked(0.5) == {"shares": 512, "quota": 10_000, "period": 20_000}
    assert asked(None) == asked(4096.0) == {"shares": 512}


def test_a_profile_is_a_file_that_is_written_once(tmp_path: Path) -> None:
    place = profile_file(tmp_path, '{"a":1}')
    assert json.loads(place.read_text()) == {"a": 1}
    written = place.stat().st_mtime_ns
    assert profile_file(tmp_path, '{"a":1}') == place
    assert place.stat().st_mtime_ns == written
    assert profile_file(tmp_path, '{"a":2}') != place
    assert create_body(SPEC, {}, str(place))["seccomp_profile_path"] == str(place)
    assert "seccomp_profile_path" not in create_body(SPEC, {})
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json"]
