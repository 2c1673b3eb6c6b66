"""From ContainerSpec to Docker's request: what is refused, and what the holder changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.edges.engine.docker_holder import image
from supervisor.edges.engine.docker_spec import create_body
from supervisor.values.errors import EngineError
from supervisor.values.names import Digest
from supervisor.values.state import ContainerSpec

SPEC = ContainerSpec(
    name="web-1", image=Digest("sha256:" + "1" * 64), command=("/bin/server", "-f"), labels=(), uid=0, gid=0,
    network=None, memory_bytes=1 << 20, pids=8, nofile=64,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        pytest.param({"command": ()}, "it has no command", id="no command"),
        pytest.param({"uid": 5, "capabilities": ("NET_RAW",)}, "gives capabilities to root only", id="capabilities"),
        pytest.param({"stop_signal": "STOPIT"}, "there is no signal of that name", id="signal"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(changes: dict[str, object], cause: str) -> None:
    with pytest.raises(EngineError, match=cause):
        create_body(replace(SPEC, **changes), {}, None)  # type: ignore[arg-type]


def test_the_network_is_the_daemons_or_the_holders() -> None:
    alone, held = create_body(SPEC, {}, None), create_body(SPEC, {}, "abc")
    assert (alone["HostConfig"]["NetworkMode"], alone["Hostname"]) == ("host", "web-1")
    assert held["HostConfig"]["NetworkMode"] == "container:abc"
    assert "Hostname" not in held  # Docker refuses one there


def test_processors_are_a_share_of_each_period_and_no_bound_where_there_are_no_more() -> None:
    def asked(cpu: float | None) -> tuple[object, object]:
        made = create_body(replace(SPEC, cpu=cpu, cpu_weight=400), {}, None)["HostConfig"]
        assert made["CpuShares"] == 4096
        return made.get("CpuQuota"), made.get("CpuPeriod")

    assert asked(0.5) == (10_000, 20_000)
    assert asked(0.001) == (1_000, 20_000)
    assert asked(None) == asked(4096.0) == (None, None)


def test_a_profile_is_sent_whole_and_without_one_the_daemons_own_counts() -> None:
    own = create_body(replace(SPEC, seccomp='{"a":1}'), {}, None)["HostConfig"]["SecurityOpt"]
    assert own == ["no-new-privileges", 'seccomp={"a":1}']
    assert create_body(SPEC, {}, None)["HostConfig"]["SecurityOpt"] == ["no-new-privileges"]


def test_the_holders_image_is_always_the_same() -> None:
    assert image() == image()
    assert len(image()[1]) < 32768
