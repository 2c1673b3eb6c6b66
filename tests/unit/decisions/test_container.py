"""The container of an instance: what its manifest says, and what is so where it says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.decisions.container import check_spec, container_spec
from supervisor.decisions.seccomp import profile
from supervisor.edges.catalog import load_definition
from supervisor.values.manifest import Check, Seccomp, ServiceManifest
from supervisor.values.state import ContainerSpec
from tests.kit.samples.router import sample_instance

ROOT = Path(__file__).parents[3]
TODAY = load_definition(ROOT / "services/dnsmasq").manifest
FORMER = load_definition(ROOT / "tests/data/schema-1/dnsmasq").manifest


def spec_of(manifest: ServiceManifest, most_cpu: float | None = None) -> ContainerSpec:
    volumes = {volume.name: f"/volumes/{volume.name}" for volume in manifest.state}
    return container_spec(
        sample_instance(manifest), manifest, config="/c", runtime={}, state=volumes, most_cpu=most_cpu
    )


def test_a_definition_from_before_the_words_has_the_engines_profile_and_the_routers_bound() -> None:
    spec = spec_of(FORMER, 2.0)
    assert (spec.seccomp, spec.cpu, spec.cpu_weight) == (None, 2.0, 100)
    assert spec_of(FORMER).cpu is None


@pytest.mark.parametrize(("cpu", "most", "has"), [(1.5, 2.0, 1.5), (1.5, None, 1.5), (None, 2.0, 2.0)])
def test_what_the_manifest_states_counts_and_else_what_the_router_allows(
    cpu: float | None, most: float | None, has: float
) -> None:
    assert spec_of(replace(TODAY, limits=replace(TODAY.limits, cpu=cpu)), most).cpu == has


def test_a_check_is_confined_as_the_daemon_is() -> None:
    assert TODAY.seccomp is not None
    spec = spec_of(TODAY)
    checked = check_spec(spec, 1, Check(("/bin/true",)))
    assert checked.seccomp == spec.seccomp == profile(TODAY.seccomp)
    assert profile(Seccomp()) != spec.seccomp
    assert (checked.cpu, checked.cpu_weight, checked.capabilities) == (spec.cpu, spec.cpu_weight, spec.capabilities)
    assert all(mount.read_only for mount in checked.mounts)
