"""Describes the container of an instance: its manifest and folders as a ContainerSpec."""

from __future__ import annotations

from dataclasses import replace

from supervisor.decisions.instance_record import dump_instance
from supervisor.decisions.seccomp import profile
from supervisor.values.manifest import Check, ServiceManifest
from supervisor.values.state import ContainerSpec, Instance, Mount, Tmpfs

SERVICE_LABEL = "io.vr-supervisor.service"
GENERATION_LABEL = "io.vr-supervisor.generation"
INSTANCE_LABEL = (
    "io.vr-supervisor.instance"  # the whole record: a running container can be adopted when the store is lost
)
NETNS_FOLDER = "/run/netns"
CONFIG_MOUNT = "/config"


def container_spec(
    instance: Instance,
    manifest: ServiceManifest,
    *,
    config: str,
    runtime: dict[str, str],
    state: dict[str, str],
    most_cpu: float | None = None,
) -> ContainerSpec:
    """Return the container of `instance`; `config`, `runtime` and `state` are paths on the router.

    `most_cpu` are the processors of a service that states no number; None: all of them.
    """
    mounts = [Mount(config, CONFIG_MOUNT, read_only=True)]
    mounts += [Mount(runtime[folder.name], folder.mount, read_only=False) for folder in manifest.runtime]
    mounts += [Mount(state[volume.name], volume.mount, read_only=False) for volume in manifest.state]
    return ContainerSpec(
        name=instance.container_name,
        image=instance.image,
        command=manifest.command,
        labels=(
            (SERVICE_LABEL, instance.service),
            (GENERATION_LABEL, str(instance.generation)),
            (INSTANCE_LABEL, dump_instance(instance)),
        ),
        uid=manifest.user.uid,
        gid=manifest.user.gid,
        network=f"{NETNS_FOLDER}/{instance.link.namespace}" if instance.link else None,
        memory_bytes=manifest.limits.memory_bytes,
        pids=manifest.limits.pids,
        nofile=manifest.limits.nofile,
        cpu=manifest.limits.cpu or most_cpu,
        cpu_weight=manifest.limits.cpu_weight,
        seccomp=profile(manifest.seccomp) if manifest.seccomp else None,
        capabilities=manifest.capabilities,
        devices=manifest.devices,
        environment=manifest.environment,
        mounts=tuple(mounts),
        tmpfs=tuple(Tmpfs(mount.mount, mount.size_bytes, mount.mode) for mount in manifest.tmpfs),
        stop_signal=manifest.stop.signal,
        stop_timeout=max(1, round(manifest.stop.timeout)),
    )


def check_spec(spec: ContainerSpec, number: int, check: Check) -> ContainerSpec:
    """Return the container that carries out one check: with the same folders, all of them read-only."""
    return replace(
        spec,
        name=f"{spec.name}-check-{number}",
        command=check.command,
        mounts=tuple(replace(mount, read_only=True) for mount in spec.mounts),
        devices=(),
    )
