"""What a running container was really given: its specification, read back from the kernel."""

from __future__ import annotations

import os
from pathlib import Path

from supervisor.decisions.seccomp import profile
from supervisor.edges.engine.conventions import CPU_PERIOD, capability
from supervisor.ports.engine import Engine
from supervisor.values.manifest import Seccomp
from supervisor.values.state import ContainerSpec, Mount, Tmpfs

CAPABILITIES = {"CAP_SETUID": 7, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12}


def full_spec(base: ContainerSpec, namespace: str, folder: Path) -> dict[str, object]:
    """Changes to a plain specification which use every field."""
    config, state = folder / "config", folder / "state"
    config.mkdir()
    state.mkdir()
    os.chown(state, base.uid, base.gid)
    (config / "file").write_text("rendered")
    return {
        "labels": (("io.vr-supervisor.service", "echo"),),
        "network": namespace,
        "memory_bytes": 48 << 20,
        "pids": 20,
        "nofile": 700,
        "cpu": 0.5,
        "cpu_weight": 200,
        "seccomp": profile(Seccomp()),
        "capabilities": ("CAP_NET_BIND_SERVICE", "NET_ADMIN"),
        "devices": ("/dev/full",),
        "environment": (("GREETING", "hello world"),),
        "mounts": (Mount(str(config), "/config", read_only=True), Mount(str(state), "/state", read_only=False)),
        "tmpfs": (Tmpfs("/tmp", 1 << 20, 0o1777), Tmpfs("/run", 2 << 20, 0o755)),
        "stop_signal": "SIGUSR1",
        "stop_timeout": 3,
    }


def check_process(spec: ContainerSpec, pid: int) -> None:
    """User, capabilities, limits, environment, network."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    assert Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1] == [word.encode() for word in spec.command]
    assert (status["Uid"], status["Gid"]) == (f"{spec.uid}\t" * 3 + f"{spec.uid}", f"{spec.gid}\t" * 3 + f"{spec.gid}")
    wanted = f"{sum(1 << CAPABILITIES[capability(name)] for name in spec.capabilities):016x}"
    assert [status[name] for name in ("CapEff", "CapPrm", "CapBnd")] == [wanted] * 3
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")

    limits = {line[:25].strip(): line[25:].split()[:2] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
    assert limits["Max open files"] == [str(spec.nofile)] * 2
    assert limits["Max processes"][0] == limits["Max processes"][1] != "unlimited"
    memory = str(spec.memory_bytes)
    assert control_group(pid, "memory", "memory.limit_in_bytes", "memory.max") == memory
    assert control_group(pid, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max") in (memory, "0")
    assert control_group(pid, "pids", "pids.max", "pids.max") == str(spec.pids)
    shares = (str(1024 * spec.cpu_weight // 100), str(spec.cpu_weight), "39", "79")  # runc's ways to say it to v2
    assert control_group(pid, "cpu", "cpu.shares", "cpu.weight") in shares
    if spec.cpu is not None:
        quota = control_group(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]
        assert quota == str(round(spec.cpu * CPU_PERIOD))
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "500"
    assert Path(f"/proc/{pid}/ns/cgroup").readlink() != Path("/proc/self/ns/cgroup").readlink()

    assert spec.network is not None
    assert Path(f"/proc/{pid}/ns/net").stat().st_ino == Path(spec.network).stat().st_ino
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    for key, value in spec.environment:
        assert f"{key}={value}".encode() in variables


def mounts_of(pid: int) -> dict[str, list[str]]:
    """Words of /proc/PID/mountinfo by mount point."""
    return {line.split()[4]: line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()}


def check_disk(engine: Engine, spec: ContainerSpec, pid: int) -> None:
    """Mounts, and what can be read and written through them."""
    mounts = mounts_of(pid)
    assert mounts["/"][5].startswith("ro")
    assert mounts["/config"][5].startswith("ro")
    assert mounts["/state"][5].startswith("rw")
    assert not [word for word in mounts["/state"][6:8] if word.startswith(("shared", "master"))]
    for tmpfs in spec.tmpfs:
        assert f"size={tmpfs.size_bytes >> 10}k" in mounts[tmpfs.target][-1]
        assert {"nosuid", "nodev", "noexec"} <= set(mounts[tmpfs.target][5].split(","))
    assert "size=64k" in mounts["/dev/shm"][-1]

    def stdout(script: str) -> str:
        return engine.execute(spec.name, ["/bin/sh", "-c", script], 10).stdout.decode()

    assert stdout("cat /config/file; cat /proc/sys/kernel/hostname") == f"rendered{spec.name}\n"
    assert stdout("ls -ld /tmp").split()[0] == "drwxrwxrwt"
    assert stdout("ls -ld /run").startswith("drwxr-xr-x")
    assert stdout("touch /state/x && echo yes || echo no") == "yes\n"
    assert stdout("touch /config/x 2>/dev/null && echo yes || echo no") == "no\n"
    assert stdout("touch /bin/x 2>/dev/null && echo yes || echo no") == "no\n"
    assert "No space left" in stdout("echo x 2>&1 > /dev/full; true")


def control_group(pid: int, controller: str, first: str, second: str) -> str:
    """Return the value of a limit, from either version of control groups."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return Path(f"/sys/fs/cgroup/{controller}{path}/{first}").read_text().strip()
    unified = Path(f"/proc/{pid}/cgroup").read_text().rpartition("::")[2].strip()
    return Path(f"/sys/fs/cgroup{unified}/{second}").read_text().strip()
