"""Containers of one engine or of two. A call about a container goes to the engine that has it; lists show both."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from supervisor.ports.engine import Engine
from supervisor.values.errors import (
    EngineError,
    EngineUnavailableError,
    NameTakenError,
    NoSuchContainerError,
    NoSuchImageError,
)
from supervisor.values.names import ImageId
from supervisor.values.state import Container, ContainerSpec, ExecResult, Usage

Made = TypeVar("Made")


class JoinedContainers:
    """Satisfies `ports.engine.Containers`. The first of `engines` makes new containers."""

    def __init__(self, engines: tuple[Engine, ...]) -> None:
        self._engines = engines
        self._places: dict[str, Engine] = {}  # which engine has a container, as far as that is known

    def create(self, spec: ContainerSpec) -> Container:
        to, *others = self._engines
        for other in others:
            with contextlib.suppress(NoSuchContainerError):
                other.inspect(spec.name)
                raise NameTakenError(spec.name)
        made = self._with_image(spec, lambda: to.create(spec))
        self._places[spec.name] = to
        return made

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        return self._with_image(spec, lambda: self._engines[0].run(spec, timeout))

    def start(self, name: str) -> Container:
        return self._engine_of(name).start(name)

    def stop(self, name: str, timeout: float) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._engine_of(name).stop(name, timeout)

    def kill(self, name: str, signal: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._engine_of(name).kill(name, signal)

    def pause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._engine_of(name).pause(name)

    def unpause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._engine_of(name).unpause(name)

    def remove(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._engine_of(name).remove(name)
            self._places.pop(name, None)

    def inspect(self, name: str) -> Container:
        return self._engine_of(name).inspect(name)

    def containers(self) -> tuple[Container, ...]:
        return self._listed(self._engines)

    def usage(self, name: str) -> Usage:
        return self._engine_of(name).usage(name)

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        return self._engine_of(name).execute(name, command, timeout)

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        return self._engine_of(name).logs(name, tail, follow)

    def _engine_of(self, name: str) -> Engine:
        """Return the engine that has the container; the other one may be down.

        Raises NoSuchContainerError: when neither has it; EngineUnavailableError: when one did not answer.
        """
        engines = self._engines
        if len(engines) == 1:
            return engines[0]
        if (known := self._places.get(name)) in engines:
            assert known is not None
            return known
        silent: EngineUnavailableError | None = None
        for engine in engines:
            try:
                engine.inspect(name)
            except NoSuchContainerError:
                continue
            except EngineUnavailableError as error:
                silent = error
            else:
                self._places[name] = engine
                return engine
        raise silent or NoSuchContainerError(name)

    def _listed(self, engines: Sequence[Engine]) -> tuple[Container, ...]:
        listed = [(container, engine) for engine in engines for container in engine.containers()]
        if len(self._engines) > 1:
            self._places.update((container.name, engine) for container, engine in listed)
        return tuple(sorted((container for container, _ in listed), key=lambda container: container.name))

    def _with_image(self, spec: ContainerSpec, make: Callable[[], Made]) -> Made:
        """Make a container, and carry its image over first if the move was interrupted before that."""
        try:
            return make()
        except NoSuchImageError:
            to, *others = self._engines
            holding = [other for other in others if spec.image in other.images()]
            if not holding:
                raise
            carry(spec.image, holding[0], to)
            return make()


def carry(image: ImageId, other: Engine, to: Engine) -> None:
    """Copy an image from one engine to another. Raises EngineError: when it becomes another image there."""
    loaded = to.load(other.save(image))
    if loaded != image:
        raise EngineError(f"cannot move image {image} from {other.name} to {to.name}: there it became {loaded}")
