"""The default ceiling is exactly what the services here need: no less, and nothing to spare."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from supervisor.decisions.ceiling import excesses
from supervisor.edges.catalog import load_definition
from supervisor.values.ceiling import DEFAULT_CEILING, Allowance
from supervisor.values.manifest import NetworkMode, ServiceManifest

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "services").glob("*/manifest.yaml"))
FORMER = sorted(path.parent for path in (ROOT / "tests/data/schema-1").glob("*/manifest.yaml"))
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/services/*/manifest.yaml"))


def needed(manifests: list[ServiceManifest]) -> Allowance:
    """Return the least that allows all of these."""
    ports = {frontend.port for one in manifests for frontend in one.frontends}
    cpus = [one.limits.cpu for one in manifests]
    return Allowance(
        capabilities=tuple(sorted({item for one in manifests for item in one.capabilities})),
        devices=tuple(sorted({item for one in manifests for item in one.devices})),
        root=any(0 in (one.user.uid, one.user.gid) for one in manifests),
        memory_bytes=max(one.limits.memory_bytes for one in manifests),
        pids=max(one.limits.pids for one in manifests),
        nofile=max(one.limits.nofile for one in manifests),
        cpu=None if None in cpus else max(filter(None, cpus)),
        engine_profile=True,  # which former definitions need
        ports=tuple(sorted(map(int, ports))) if all(map(str.isdecimal, ports)) else None,
        cpu_weight=max(one.limits.cpu_weight for one in manifests),
        syscalls=tuple(sorted({item for one in manifests if one.seccomp for item in one.seccomp.syscalls})),
        families=tuple(sorted({item for one in manifests if one.seccomp for item in one.seccomp.families})),
        receive_buffer_bytes=max(one.receive_buffer_bytes or 0 for one in manifests),
        masquerades=any(one.masquerades for one in manifests),
        encapsulation=tuple(sorted({one.takeover.gap_port.port for one in manifests if one.takeover.gap_port})),
        associations=any(one.takeover.clears_leftovers for one in manifests),
    )


@pytest.mark.parametrize("network", NetworkMode)
def test_the_default_is_what_the_services_need(network: NetworkMode) -> None:
    manifests = [load_definition(folder).manifest for folder in FOLDERS]
    wanted = needed([one for one in manifests if one.network is network])
    assert {item.name for item in fields(Allowance)} == set(asdict(wanted))
    assert DEFAULT_CEILING.of(network) == wanted


@pytest.mark.parametrize("folder", [*FOLDERS, *FORMER, *EXAMPLES], ids=lambda path: f"{path.parent.name}-{path.name}")
def test_each_service_keeps_within_it(folder: Path) -> None:
    assert excesses(load_definition(folder).manifest, DEFAULT_CEILING) == ()
