"""Errors of the machine: the container engine, the network, probes, the store."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.values.errors.base import SupervisorError
from supervisor.values.listing import listed


class EngineError(SupervisorError, word="engine"):
    """The container engine refused or failed."""


class EngineUnavailableError(EngineError, word="engine-unavailable"):
    """The engine is not installed, cannot be started or does not answer."""


class EngineDownError(EngineUnavailableError, word="engine-down"):
    """The engine is installed and is somebody else's to start: it may come by itself."""


class NoSuchContainerError(EngineError, word="no-such-container"):
    """No container has that name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot find container {name}: the engine does not know it")
        self.name = name


class NoSuchImageError(EngineError, word="no-such-image"):
    """No image has that id."""

    def __init__(self, image: str) -> None:
        super().__init__(f"cannot find image {image}: the engine does not hold it")
        self.image = image


class NameTakenError(EngineError, word="name-taken"):
    """A container of that name exists already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot create container {name}: the name is taken")
        self.name = name


class NetworkError(SupervisorError, word="network"):
    """The kernel refused a change of namespaces, links, nftables or conntrack."""


class ProbeError(SupervisorError, word="probe"):
    """A probe could not be carried out."""


class StateError(SupervisorError, word="state"):
    """The store of the supervisor cannot be used."""


class SecretKeyError(StateError, word="state"):
    """The key of secrets that are stored encrypted is missing, is another one, or cannot be read."""


class NoSpaceError(StateError, word="no-space"):
    """A disk, or a folder in memory, is full."""


class StateLockedError(StateError, word="state-locked"):
    """Another supervisor uses the state folder."""

    def __init__(self, folder: str, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(f"cannot use state folder {folder}: {holder} runs a supervisor on it")
        self.folder, self.pid = folder, pid


class NotRootError(SupervisorError, word="supervisor"):
    """The program has not the rights that it needs."""

    def __init__(self, action: str) -> None:
        super().__init__(f"cannot {action}: the supervisor changes namespaces and nftables and must be root")
        self.action = action


class TeardownError(SupervisorError, word="supervisor"):
    """Something of the supervisor's could not be removed from the router; the rest is removed."""

    def __init__(self, causes: Sequence[str]) -> None:
        super().__init__(f"cannot tear down everything: {listed(causes)}")
        self.causes = tuple(causes)
