"""From ContainerSpec to the body that Podman's own create endpoint takes (its SpecGenerator).

Written out here because the Python library drops or refuses several of these fields.
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


def create_body(spec: ContainerSpec, labels: dict[str, str], seccomp: str | None = None) -> dict[str, Any]:
    """Return the whole request, with every field of `spec`; `seccomp` is a file with its profile.

    Raises EngineError: when the container has no command.
    """
    if not spec.command:
        raise EngineError(f"cannot create container {spec.name}: it has no command")
    return {
        "name": spec.name,
        "image": spec.image.removeprefix("sha256:"),
        # An entrypoint of our own is what keeps the image's entrypoint and command out.
        "entrypoint": [spec.command[0]],
        "command": list(spec.command[1:]),
        "user": f"{spec.uid}:{spec.gid}",
        "env": dict(spec.environment),
        "httpproxy": False,
        "labels": labels,
        "hostname": spec.name[:HOSTNAME_LENGTH],
        "netns": {"nsmode": "path", "value": spec.network} if spec.network else {"nsmode": "host"},
        "use_image_hosts": True,
        "use_image_resolve_conf": True,
        "read_only_filesystem": True,
        "cap_drop": ["all"],
        "cap_add": [capability(name) for name in spec.capabilities],
        "no_new_privileges": True,
        "resource_limits": {
            "memory": {"limit": spec.memory_bytes, "swap": spec.memory_bytes},
            "pids": {"limit": spec.pids},
            "cpu": _cpu(spec),
        },
        "oom_score_adj": OOM_SCORE_ADJUSTMENT,
        "cgroupns": {"nsmode": "private"},
        **({"seccomp_profile_path": seccomp} if seccomp else {}),
        "r_limits": [
            {"type": "nofile", "soft": spec.nofile, "hard": spec.nofile},
            {"type": "nproc", "soft": processes_per_user(), "hard": processes_per_user()},
        ],
        "devices": [{"path": path} for path in spec.devices],
        "mounts": _mounts(spec),
        "image_volume_mode": "ignore",
        "shm_size": SHM_BYTES,
        "stop_signal": signal_number(spec.stop_signal),
        "stop_timeout": spec.stop_timeout,
        "log_configuration": {"driver": "k8s-file", "size": LOG_BYTES},
        "healthconfig": {"Test": ["NONE"]},
        "restart_policy": "no",
        "systemd": "false",
        "init": False,
        "terminal": False,
        "stdin": False,
    }


def _cpu(spec: ContainerSpec) -> dict[str, int]:
    quota = cpu_quota(spec.cpu)
    bound = {} if quota is None else {"quota": quota, "period": CPU_PERIOD}
    return {"shares": cpu_shares(spec.cpu_weight), **bound}


def _mounts(spec: ContainerSpec) -> list[dict[str, Any]]:
    binds = [
        {
            "type": "bind",
            "source": mount.source,
            "destination": mount.target,
            "options": ["bind", "ro" if mount.read_only else "rw", "rprivate", "nosuid", "nodev", "noexec"],
        }
        for mount in spec.mounts
    ]
    temporary = [
        {
            "type": "tmpfs",
            "source": "tmpfs",
            "destination": tmpfs.target,
            "options": [f"size={tmpfs.size_bytes}", f"mode={tmpfs.mode:o}", "nosuid", "nodev", "noexec"],
        }
        for tmpfs in spec.tmpfs
    ]
    return binds + temporary
