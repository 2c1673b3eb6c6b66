"""The container of a service, as its manifest declares it: limits, commands, signals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """The user and the group, by number, that a process runs as or that own a folder."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a container may use."""

    memory_bytes: int
    pids: int
    nofile: int
    cpu: float | None = None  # processors; None: as many as the ceiling of the settings allows
    cpu_weight: int = 100  # of its share while processors are scarce, beside 100 of others


@dataclass(frozen=True, slots=True)
class Seccomp:
    """The system calls and the families of sockets that the daemon needs beyond those that every daemon does."""

    syscalls: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A command that the candidate's image runs over the rendered configuration before it may start."""

    command: tuple[str, ...]
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Reload:
    """The signal, or the command inside the container, upon which a daemon reads its configuration again."""

    signal: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """The way in which a daemon is stopped: `signal`, and SIGKILL after `timeout` seconds."""

    signal: str = "SIGTERM"
    timeout: float = 10.0


DEFAULT_STOP = Stop()


@dataclass(frozen=True, slots=True)
class Drain:
    """The way in which the former active finishes. `signal` asks it to refuse new work and to end when idle."""

    deadline: float  # seconds; then it is stopped
    signal: str | None = None
