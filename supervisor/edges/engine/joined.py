"""One engine made of two, while a router moves from one to the other; with one, it only passes calls on.

New containers and images go to the engine that the router moves to. Whatever is about a container goes to the engine
that has it, and lists show both, so that the loop hands services over one by one and need not know of the move. Which
two they are is recorded before anything is made: a supervisor that comes back finds the containers of both.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from supervisor.ports.engine import Engine
from supervisor.values.errors import (
    EngineDownError,
    EngineError,
    EngineUnavailableError,
    NameTakenError,
    NoSuchContainerError,
    NoSuchImageError,
)
from supervisor.values.names import ImageId
from supervisor.values.state import Container, ContainerSpec, ExecResult, Usage

log = logging.getLogger(__name__)

Made = TypeVar("Made")
Make = Callable[[str], Engine]
Record = Callable[[str, str | None], None]
"""Told the engine that is used and the one that is left: once they answer, and before that changes."""


class JoinedEngine:
    """Satisfies `ports.Engine` and `ports.EngineMove`. May be used by several threads at once."""

    def __init__(self, make: Make, kind: str, leaving: str | None, record: Record) -> None:
        self._make, self._record = make, record
        self._engines = tuple(make(one) for one in (kind, leaving) if one)  # the first makes what is new
        self._places: dict[str, Engine] = {}  # which engine has a container, as far as that is known
        self._moving = threading.Lock()
        self._is_recorded = False

    @property
    def name(self) -> str:
        return self._engines[0].name

    # ------------------------------------------------------------ the move

    @property
    def leaving(self) -> str | None:
        return self._engines[1].name if len(self._engines) > 1 else None

    def move_to(self, kind: str) -> None:
        with self._moving:
            now, *others = self._engines
            if now.name == kind:
                return
            known = [engine for engine in others if engine.name == kind]
            if others and not known:
                raise EngineError(f"cannot move to {kind}: the router still leaves {others[0].name} for {now.name}")
            engine = known[0] if known else self._make(kind)
            try:
                engine.start_service()
                if not known:  # what has to be carried over must be there; to go back nothing has to
                    now.images()
                self._record(kind, now.name)
            except EngineError:
                if not known:
                    engine.close()
                raise
            self._engines = (engine, now)

    def carry_images(self) -> Iterator[tuple[int, int]]:
        to, *others = self._engines
        for other in others:
            held = set(to.images())
            missing = [image for image in other.images() if image not in held]
            for number, image in enumerate(missing):
                yield number, len(missing)
                _carry(image, other, to)

    def arrived(self) -> tuple[Container, ...]:
        return self._listed(self._engines[:1])

    def left_behind(self) -> tuple[Container, ...]:
        return self._listed(self._engines[1:])

    def leave(self) -> None:
        with self._moving:
            now, *others = self._engines
            for other in others:
                if left := other.containers():
                    raise EngineError(f"cannot leave {other.name}: it still has {', '.join(one.name for one in left)}")
            for _ in self.carry_images():  # one that came while the router moved may be with either
                pass
            self._engines = (now,)  # nobody may start again what is about to be ended
            try:
                for other in others:
                    _empty(other)
                    other.stop_service()
                self._record(now.name, None)
            except EngineError:
                self._engines = (now, *others)
                raise
            self._places.clear()
            for other in others:
                other.close()

    # ------------------------------------------------------------ service

    def start_service(self) -> None:
        """Each is tried. One that is only being left keeps nobody from starting: it is waited for."""
        failed, *others = [_start(engine) for engine in self._engines]
        if failed:
            raise failed
        for error in filter(None, others):
            raise EngineDownError(f"cannot go on moving to {self.name}: {error}") from error
        if not self._is_recorded:
            with self._moving:
                self._record(self.name, self.leaving)
                self._is_recorded = True

    def stop_service(self) -> None:
        for engine in self._engines:
            engine.stop_service()

    def ping(self) -> str:
        return self._engines[0].ping()

    def close(self) -> None:
        for engine in self._engines:
            engine.close()

    # ------------------------------------------------------------ images

    def damage(self, *, is_thorough: bool) -> str:
        return next(filter(None, (engine.damage(is_thorough=is_thorough) for engine in self._engines)), "")

    def renew_storage(self) -> None:
        for engine in self._engines:
            if len(self._engines) == 1 or engine.damage(is_thorough=True):
                engine.renew_storage()

    def remove_everything(self) -> None:
        for engine in self._engines:
            engine.remove_everything()

    def load(self, stream: Iterable[bytes]) -> ImageId:
        return self._engines[0].load(stream)

    def save(self, image: ImageId) -> Iterator[bytes]:
        for engine in self._engines[:-1]:
            with contextlib.suppress(NoSuchImageError):
                return engine.save(image)
        return self._engines[-1].save(image)

    def images(self) -> tuple[ImageId, ...]:
        return tuple(sorted({image for engine in self._engines for image in engine.images()}))

    def remove_image(self, image: ImageId) -> None:
        for engine in self._engines:
            engine.remove_image(image)

    # ------------------------------------------------------------ containers

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
        return self._having(name).start(name)

    def stop(self, name: str, timeout: float) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._having(name).stop(name, timeout)

    def kill(self, name: str, signal: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._having(name).kill(name, signal)

    def pause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._having(name).pause(name)

    def unpause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._having(name).unpause(name)

    def remove(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            self._having(name).remove(name)
            self._places.pop(name, None)

    def inspect(self, name: str) -> Container:
        return self._having(name).inspect(name)

    def containers(self) -> tuple[Container, ...]:
        return self._listed(self._engines)

    def usage(self, name: str) -> Usage:
        return self._having(name).usage(name)

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        return self._having(name).execute(name, command, timeout)

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        return self._having(name).logs(name, tail, follow)

    # ------------------------------------------------------------ inside

    def _having(self, name: str) -> Engine:
        """The engine that has the container: what is with one shall not suffer when the other one is down."""
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
        found = [(container, engine) for engine in engines for container in engine.containers()]
        if len(self._engines) > 1:
            self._places.update((container.name, engine) for container, engine in found)
        return tuple(sorted((container for container, _ in found), key=lambda container: container.name))

    def _with_image(self, spec: ContainerSpec, make: Callable[[], Made]) -> Made:
        """The image may not have been carried over yet, when the move was interrupted."""
        try:
            return make()
        except NoSuchImageError:
            to, *others = self._engines
            holding = [other for other in others if spec.image in other.images()]
            if not holding:
                raise
            _carry(spec.image, holding[0], to)
            return make()


def _start(engine: Engine) -> EngineError | None:
    """What keeps it from being started."""
    try:
        engine.start_service()
    except EngineError as error:
        return error
    return None


def _empty(engine: Engine) -> None:
    """An image that somebody else's container was made of stays theirs."""
    for image in engine.images():
        try:
            engine.remove_image(image)
        except EngineUnavailableError:
            raise
        except EngineError as error:
            log.warning("image stays", extra={"engine": engine.name, "image": image, "reason": str(error)})


def _carry(image: ImageId, other: Engine, to: Engine) -> None:
    loaded = to.load(other.save(image))
    if loaded != image:
        raise EngineError(f"cannot move image {image} from {other.name} to {to.name}: there it became {loaded}")
