"""What the kernel says of a container's confinement, in the words of docs/confinement.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from supervisor.edges.catalog.vocabulary import CAPABILITIES
from supervisor.edges.network.namespace import call_inside
from supervisor.values.state import ContainerSpec
from tests.contract.kernel import control_group

NUMBERED = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]  # include/uapi/linux/capability.h
USUAL_DEVICES = frozenset({"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"})
MASKED = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware")
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/sys")
OURS = ("ip_unprivileged_port_start", "ip_nonlocal_bind")


@dataclass(frozen=True)
class Confined:
    """A running container, as the kernel shows it."""

    spec: ContainerSpec
    pid: int

    @property
    def proc(self) -> Path:
        return Path(f"/proc/{self.pid}")

    @cached_property
    def status(self) -> Mapping[str, str]:
        lines = (self.proc / "status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    @cached_property
    def mounts(self) -> Mapping[str, frozenset[str]]:
        """Options of each mount, by its point."""
        lines = [line.split() for line in (self.proc / "mountinfo").read_text().splitlines()]
        return {words[4]: frozenset(words[5].split(",")) for words in lines}

    @cached_property
    def hierarchies(self) -> Sequence[str]:
        """Points of the control groups' hierarchies; with version 1, the empty scratch space above them is none."""
        lines = [line.split(" - ") for line in (self.proc / "mountinfo").read_text().splitlines()]
        return [left.split()[4] for left, right in lines if right.split()[0] in ("cgroup", "cgroup2")]

    # ------------------------------------------------------------ rows of the table

    def namespaces(self) -> str:
        kinds = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
        own = Path("/proc/self/ns")  # those of the router: the test has none of its own
        return ", ".join(kind for kind in kinds if self._namespace(kind) != (own / kind).readlink())

    def _namespace(self, kind: str) -> Path:
        return (self.proc / "ns" / kind).readlink()

    def capabilities(self) -> frozenset[str]:
        sets = {int(self.status[name], 16) for name in ("CapBnd", "CapPrm", "CapEff")}
        assert set(CAPABILITIES) == set(NUMBERED)
        assert len(sets) == 1, "what it may get is more than what it has"
        (mask,) = sets
        return frozenset(name for bit, name in enumerate(NUMBERED) if mask >> bit & 1)

    def user(self) -> str:
        ids = {*self.status["Uid"].split(), *self.status["Gid"].split()}
        return "root" if "0" in ids else "not root"

    def escalation(self) -> str:
        return "no new privileges" if self.status["NoNewPrivs"] == "1" else "allowed"

    def seccomp(self) -> str:
        return {"0": "none", "2": "filter"}[self.status["Seccomp"]]

    def root(self) -> str:
        return "ro" if "ro" in self.mounts["/"] else "rw"

    def folders(self) -> str:
        written = [self._options(mount.target) for mount in self.spec.mounts if not mount.read_only]
        read = [self._options(mount.target) for mount in self.spec.mounts if mount.read_only]
        assert read
        assert all(options.startswith("ro") for options in read)
        assert len(set(written)) <= 1
        return f"state: {written[0] if written else 'rw noexec nodev nosuid'}; config: ro"

    def scratch(self) -> str:
        points = ["/dev/shm", *(tmpfs.target for tmpfs in self.spec.tmpfs)]
        (options,) = {self._options(point).removeprefix("rw ") for point in points}
        return options

    def _options(self, point: str) -> str:
        options = self.mounts[point]
        return " ".join(word for word in ("ro", "rw", "noexec", "nodev", "nosuid") if word in options)

    def devices(self) -> str:
        folder = self.proc / "root" / "dev"
        found = [
            f"/dev/{path.relative_to(folder)}"
            for path in folder.rglob("*")
            if not path.is_symlink()  # which would lead to devices of the test's own
            and (path.is_char_device() or path.is_block_device())
            and path.parent.name != "pts"
        ]
        return ", ".join(sorted(path for path in found if path.removeprefix("/dev/") not in USUAL_DEVICES)) or "none"

    def masks(self) -> str:
        there = [path for path in MASKED if (self.proc / "root" / path.lstrip("/")).exists()]
        bare = [path for path in there if path not in self.mounts]
        protected = [*(path for path in READ_ONLY if path in self.mounts), *self.hierarchies]
        writable = [path for path in protected if "ro" not in self.mounts[path]]
        assert self.hierarchies
        assert "/proc/sys" in self.mounts
        return "masked, read-only" if not bare and not writable else f"bare: {bare}, writable: {writable}"

    def parameters(self) -> str:
        if self.spec.network is None:
            return "none"
        folder = Path("/proc/sys/net/ipv4")
        values = call_inside(
            Path(self.spec.network).name, lambda: [(folder / name).read_text().strip() for name in OURS]
        )
        return " ".join(f"net.ipv4.{name}={value}" for name, value in zip(OURS, values, strict=True))

    def bounds(self) -> str:
        spec, limits = self.spec, (self.proc / "limits").read_text()
        memory = control_group(self.pid, "memory", "memory.limit_in_bytes", "memory.max")
        assert memory == str(spec.memory_bytes)
        assert control_group(self.pid, "pids", "pids.max", "pids.max") == str(spec.pids)
        assert re.search(rf"Max open files +{spec.nofile} +{spec.nofile} ", limits)
        return "bounded"

    def out_of_memory(self) -> str:
        return f"ended before the router's own ({(self.proc / 'oom_score_adj').read_text().strip()})"


ROWS: Mapping[str, Callable[[Confined], object]] = {
    "namespaces of its own": Confined.namespaces,
    "capabilities": Confined.capabilities,
    "user": Confined.user,
    "privilege escalation": Confined.escalation,
    "seccomp": Confined.seccomp,
    "root file system": Confined.root,
    "folders of the router": Confined.folders,
    "scratch space": Confined.scratch,
    "devices": Confined.devices,
    "/proc and /sys": Confined.masks,
    "kernel parameters": Confined.parameters,
    "memory, processes, files": Confined.bounds,
    "out of memory": Confined.out_of_memory,
}
"""How each row is read. Capabilities and devices differ by service: the table has those of all together."""
