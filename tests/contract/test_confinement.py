"""The table of docs/confinement.md is what the kernel says of the containers of all services, on both engines."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from lab.dockerd import Dockerd
from supervisor.decisions.container import container_spec
from supervisor.edges.catalog import load_definition
from supervisor.edges.engine.docker import DockerEngine
from supervisor.edges.engine.podman import PodmanEngine
from supervisor.edges.folders import DiskFolders
from supervisor.edges.network.links import IpLinks
from supervisor.ports.engine import Engine
from supervisor.values.ceiling import DEFAULT_CEILING
from supervisor.values.manifest import NetworkMode, ServiceManifest
from supervisor.values.names import Digest, ServiceName
from supervisor.values.state import ContainerSpec, Instance, Link
from tests.contract.confinement import ROWS, Confined
from tests.contract.kernel import control_group
from tests.kit.live.docker import docker_world
from tests.kit.live.podman import podman_world
from tests.kit.live.tiny_image import TinyImage, build
from tests.kit.samples.router import sample_instance

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
MANIFESTS = [load_definition(path.parent).manifest for path in sorted((ROOT / "services").glob("*/manifest.yaml"))]
COLUMNS = {NetworkMode.ISOLATED: 2, NetworkMode.ROUTER: 3}
JOINED = ("capabilities", "devices")  # the table has those of all services of a mode together
SLEEP = ("/bin/sleep", "1000")


def table() -> Mapping[str, list[str]]:
    """Return the cells of each row after the first."""
    lines = re.findall(r"(?m)^\| (.+) \|$", (ROOT / "docs/confinement.md").read_text())
    rows = [line.split(" | ") for line in lines]
    return {first: ["", *cells] for first, *cells in rows if first != "what"}


@pytest.fixture(scope="module")
def image() -> TinyImage:
    return build("confined")


@pytest.fixture(scope="module")
def podman_folders() -> Iterator[tuple[Path, Path]]:
    with podman_world() as folders:
        yield folders


@pytest.fixture(scope="module")
def dockerd() -> Iterator[Dockerd]:
    with docker_world() as daemon:
        yield daemon


@pytest.fixture(params=["podman", "docker"])
def engine(request: pytest.FixtureRequest, image: TinyImage) -> Iterator[Engine]:
    is_podman = request.param == "podman"
    made: PodmanEngine | DockerEngine = (
        PodmanEngine(*request.getfixturevalue("podman_folders"))
        if is_podman
        else DockerEngine(request.getfixturevalue("dockerd").socket)
    )
    made.start_service()
    made.load(image.stream())
    yield made
    for container in made.containers():
        made.remove(container.name)
    made.close()


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[DiskFolders]:
    made = DiskFolders(tmp_path / "state", tmp_path / "run")
    made.ensure_tmpfs(1 << 20)
    made.ensure_inert_volumes()
    yield made
    made.release_tmpfs()
    made.release_inert_volumes()


@pytest.fixture
def links() -> Iterator[IpLinks]:
    made = IpLinks(f"vrtc{os.getpid()}-", f"vrtc{os.getpid() % 10000}x")
    yield made
    for name in made.present():
        made.remove_namespace(name)


def instance_of(manifest: ServiceManifest, number: int) -> Instance:
    plain = sample_instance(manifest)
    link = Link(
        f"vrtc{os.getpid()}-{number}",
        f"vrtc{os.getpid() % 10000}x{number}",
        IPv4Address(f"198.19.255.{4 * number + 1}"),
        IPv4Address(f"198.19.255.{4 * number + 2}"),
    )
    return replace(plain, link=link if plain.link else None)


def spec_of(manifest: ServiceManifest, instance: Instance, folders: DiskFolders, image: TinyImage) -> ContainerSpec:
    """Return the container of a service as the supervisor makes it, with a program that does nothing."""
    folders.prepare(instance, manifest)
    spec = container_spec(
        instance,
        manifest,
        config=folders.config(instance),
        runtime={folder.name: folders.runtime(instance, folder.name) for folder in manifest.runtime},
        state={volume.name: folders.state(instance, volume.name) for volume in manifest.state},
        most_cpu=DEFAULT_CEILING.of(manifest.network).cpu,
    )
    return replace(spec, image=Digest(image.id), command=SLEEP)


@pytest.fixture
def confined(
    engine: Engine, folders: DiskFolders, links: IpLinks, image: TinyImage
) -> Iterator[Mapping[ServiceName, tuple[ServiceManifest, Confined]]]:
    running = {}
    for number, manifest in enumerate(MANIFESTS):
        instance = instance_of(manifest, number)
        if instance.link:
            links.ensure(instance.link)
        spec = spec_of(manifest, instance, folders, image)
        engine.create(spec)
        pid = engine.start(spec.name).pid
        assert pid
        running[manifest.name] = (manifest, Confined(spec, pid))
    yield running
    for _, one in running.values():
        engine.remove(one.spec.name)


def test_the_table_is_what_the_kernel_says(confined: Mapping[ServiceName, tuple[ServiceManifest, Confined]]) -> None:
    said = table()
    assert list(said) == list(ROWS)
    for row, read in ROWS.items():
        for mode, column in COLUMNS.items():
            values = [read(one) for manifest, one in confined.values() if manifest.network is mode]
            if row == "capabilities":
                names = frozenset[str]().union(*(value for value in values if isinstance(value, frozenset)))
                found = {", ".join(sorted(names)) or "none"}
            elif row == "devices":
                found = {", ".join(sorted({str(value) for value in values} - {"none"})) or "none"}
            else:
                found = {str(value) for value in values}
            assert found == {said[row][column]}, f"{row}, {mode}"


def test_each_service_has_the_capabilities_and_the_device_of_its_manifest(
    confined: Mapping[ServiceName, tuple[ServiceManifest, Confined]],
) -> None:
    for manifest, one in confined.values():
        assert one.capabilities() == set(manifest.capabilities)
        assert one.devices() == (", ".join(manifest.devices) or "none")


def test_processors_are_shared_out_and_bounded(
    confined: Mapping[ServiceName, tuple[ServiceManifest, Confined]],
) -> None:
    processors = os.cpu_count() or 1
    for manifest, one in confined.values():
        shares = control_group(one.pid, "cpu", "cpu.shares", "cpu.weight")
        assert shares in (str(1024 * manifest.limits.cpu_weight // 100), str(manifest.limits.cpu_weight), "39", "157")
        bound = manifest.limits.cpu
        quota = control_group(one.pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]
        wanted = ("-1", "max") if bound is None or bound >= processors else (str(round(bound * 20_000)),)
        assert quota in wanted, manifest.name


def written_to(spec: ContainerSpec) -> list[str]:
    return [mount.target for mount in spec.mounts if not mount.read_only]


def test_nothing_is_executed_from_a_volume(
    engine: Engine, confined: Mapping[ServiceName, tuple[ServiceManifest, Confined]]
) -> None:
    for manifest, one in confined.values():
        for target in written_to(one.spec):
            place = f"{target}/program"
            script = f"echo '#!/bin/sh' > {place} && /bin/busybox chmod 755 {place} && {place}"
            tried = engine.execute(one.spec.name, ["/bin/sh", "-c", script], 10)
            assert tried.exit_code == 126, (manifest.name, target, tried)
            assert b"Permission denied" in tried.stderr


def test_what_a_profile_leaves_out_fails_where_an_engines_own_allows_it(
    engine: Engine, confined: Mapping[ServiceName, tuple[ServiceManifest, Confined]]
) -> None:
    """A named pipe needs no capability, and a call (mknod) that every engine allows and none of our profiles has."""
    for manifest, one in confined.values():
        wider = replace(one.spec, name=f"{one.spec.name}-wider", seccomp=None)
        engine.create(wider)
        engine.start(wider.name)
        command = ["/bin/busybox", "mkfifo", f"{written_to(one.spec)[0]}/pipe"]
        refused = engine.execute(one.spec.name, command, 10)
        assert refused.exit_code != 0, manifest.name
        assert b"Operation not permitted" in refused.stderr
        assert engine.execute(wider.name, command, 10).exit_code == 0
        engine.remove(wider.name)
