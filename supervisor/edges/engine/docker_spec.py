"""From ContainerSpec to the body of Docker's create request.

What Docker cannot carry out is refused here, or is the same by other means:

- Capabilities reach root only: no version of Docker makes them ambient, so a process of another user has none of them
  after its first exec. Such a container is refused.
- Bind mounts take no `nosuid`, `nodev` and `noexec` here. They have those of the mount that their folder lies on, and
  the supervisor's folders lie on mounts that have all three.
- /etc/hosts, /etc/hostname and /etc/resolv.conf are always Docker's own files.
- A container in another's network has that one's host name: the holder's, which is named after its container.
"""

from __future__ import annotations

from typing import Any

from supervisor.edges.engine.conventions import (
    CPU_PERIOD,
    HOSTNAME_LENGTH,
    LOG_BYTES,
    OOM_SCORE_ADJUSTMENT,
    SHM_BYTES,
    capability,
    cpu_quota,
    cpu_shares,
    processes_per_user,
    signal_number,
)
from supervisor.values.errors import EngineError
from supervisor.values.state import ContainerSpec

LOG_FILES = 2  # with a single one, what was said last is gone whenever it is full


def create_body(spec: ContainerSpec, labels: dict[str, str], holder: str | None) -> dict[str, Any]:
    """Return the whole request; `holder` is the id of the container whose network the container joins."""
    if not spec.command:
        raise EngineError(f"cannot create container {spec.name}: it has no command")
    if spec.capabilities and spec.uid != 0:
        raise EngineError(
            f"cannot create container {spec.name}: Docker gives capabilities to root only, "
            f"and user {spec.uid} is to have {', '.join(spec.capabilities)}"
        )
    signal_number(spec.stop_signal)
    return {
        "Image": spec.image,
        # An entrypoint of our own is what keeps the image's entrypoint and command out.
        "Entrypoint": [spec.command[0]],
        "Cmd": list(spec.command[1:]),
        "User": f"{spec.uid}:{spec.gid}",
        "Env": [f"{key}={value}" for key, value in spec.environment],
        "Labels": labels,
        "StopSignal": spec.stop_signal,
        "StopTimeout": spec.stop_timeout,
        "Healthcheck": {"Test": ["NONE"]},
        **({"Hostname": spec.name[:HOSTNAME_LENGTH]} if holder is None else {}),
        "HostConfig": {
            "NetworkMode": "host" if holder is None else f"container:{holder}",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "CapAdd": [capability(name) for name in spec.capabilities],
            "Memory": spec.memory_bytes,
            "MemorySwap": spec.memory_bytes,
            "PidsLimit": spec.pids,
            **_cpu(spec),
            "Ulimits": [limit("nofile", spec.nofile), limit("nproc", processes_per_user())],
            "Devices": [
                {"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm"} for path in spec.devices
            ],
            "Mounts": [bind(mount.source, mount.target, read_only=mount.read_only) for mount in spec.mounts],
            "Tmpfs": {
                tmpfs.target: f"size={tmpfs.size_bytes},mode={tmpfs.mode:o},nosuid,nodev,noexec" for tmpfs in spec.tmpfs
            },
            **ALWAYS,
            **({"SecurityOpt": [*ALWAYS["SecurityOpt"], f"seccomp={spec.seccomp}"]} if spec.seccomp else {}),
        },
    }


def _cpu(spec: ContainerSpec) -> dict[str, int]:
    quota = cpu_quota(spec.cpu)
    bound = {} if quota is None else {"CpuQuota": quota, "CpuPeriod": CPU_PERIOD}
    return {"CpuShares": cpu_shares(spec.cpu_weight), **bound}


ALWAYS: dict[str, Any] = {
    "SecurityOpt": ["no-new-privileges"],
    "UsernsMode": "host",  # files of the router are the router's users'
    "IpcMode": "private",
    "CgroupnsMode": "private",
    "OomScoreAdj": OOM_SCORE_ADJUSTMENT,
    "ShmSize": SHM_BYTES,
    "RestartPolicy": {"Name": "no"},
    "AutoRemove": False,
    "Init": False,
    "LogConfig": {
        "Type": "json-file",
        "Config": {"max-size": str(LOG_BYTES // LOG_FILES), "max-file": str(LOG_FILES)},
    },
}


def limit(name: str, value: int) -> dict[str, Any]:
    return {"Name": name, "Soft": value, "Hard": value}


def bind(source: str, target: str, *, read_only: bool) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": source,
        "Target": target,
        "ReadOnly": read_only,
        "BindOptions": {"Propagation": "rprivate"},
    }
