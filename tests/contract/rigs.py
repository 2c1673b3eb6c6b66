"""Engines with handles to break them: the same failures for the engine in memory, for Podman and for Docker."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.dockerd import PROGRAM, Dockerd
from lab.processes import freeze
from supervisor.edges.engine.docker import DockerEngine
from supervisor.edges.engine.docker_ownership import Ownership
from supervisor.edges.engine.podman import PodmanEngine
from supervisor.edges.engine.processes import Process
from supervisor.ports.engine import Engine
from supervisor.values.errors import EngineError
from tests.kit.fakes.engine import FakeEngine

HASTE = 0.5  # deadline of `hasty`
OTHERS = "io.vr-supervisor.owner=somebody-else"


class Rig(Protocol):
    @property
    def engine(self) -> Engine: ...

    @property
    def hasty(self) -> Engine:
        """The same engine, with a short deadline."""

    def lose(self) -> None:
        """SIGKILL for the engine's service."""

    def hang(self) -> None:
        """The service stops answering."""

    def recover(self) -> None:
        """The service runs and answers again."""

    def others(self) -> Engine:
        """The same service as somebody else uses it."""


@dataclass
class FakeRig:
    engine: FakeEngine

    @property
    def hasty(self) -> FakeEngine:
        return self.engine

    def lose(self) -> None:
        self.engine.lose_service()

    def hang(self) -> None:
        self.engine.hang()

    def recover(self) -> None:
        self.engine.start_service()

    def others(self) -> Engine:
        raise NotImplementedError("the engine in memory has one user")


@dataclass
class PodmanRig:
    engine: PodmanEngine
    hasty: PodmanEngine
    folders: tuple[Path, Path]

    @classmethod
    def make(cls, folders: tuple[Path, Path]) -> PodmanRig:
        return cls(PodmanEngine(*folders), PodmanEngine(*folders, deadline=HASTE), folders)

    def lose(self) -> None:
        process = self._service()
        process.signal(signal.SIGKILL)
        assert process.wait(5)

    def hang(self) -> None:
        freeze(self._service().pid)

    def recover(self) -> None:
        self.engine.start_service()

    def others(self) -> Engine:
        return PodmanEngine(*self.folders, label=OTHERS)

    def _service(self) -> Process:
        process = self.engine.service.process()
        assert process is not None
        return process


@dataclass
class DockerRig:
    engine: DockerEngine
    hasty: DockerEngine
    daemon: Dockerd

    @classmethod
    def make(cls, daemon: Dockerd) -> DockerRig:
        return cls(DockerEngine(daemon.socket), DockerEngine(daemon.socket, deadline=HASTE), daemon)

    def lose(self) -> None:
        self.daemon.kill()

    def hang(self) -> None:
        freeze(self._daemon().pid)

    def recover(self) -> None:
        process = self._daemon()
        process.signal(signal.SIGCONT)
        self.daemon.start()
        self.engine.start_service()

    def others(self) -> Engine:
        return DockerEngine(self.daemon.socket, Ownership("somebody-else"))

    def _daemon(self) -> Process:
        record = self.daemon.processes.find(PROGRAM)
        assert record is not None
        return Process(record.pid, record.started)


@contextlib.contextmanager
def cleared(rig: Rig) -> Iterator[Rig]:
    """Whatever a test did to it, the next one finds it answering and empty."""
    rig.recover()
    try:
        yield rig
    finally:
        rig.recover()
        engines = [rig.engine]
        with contextlib.suppress(NotImplementedError):
            engines.append(rig.others())
        for engine in engines:
            for container in engine.containers():
                with contextlib.suppress(EngineError):
                    engine.remove(container.name)
            engine.close()
        rig.hasty.close()
