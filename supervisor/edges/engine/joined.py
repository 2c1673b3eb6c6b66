"""Joins two engines into one while a router moves from one to the other; with one engine it only passes calls on.

New containers and images go to the engine that the router moves to. A call about a container goes to the engine that
has it, and lists show both, so that the loop hands services over one by one and need not mind the move. The two engines
are recorded before anything is made: a supervisor that comes back finds the containers of both.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator

from supervisor.edges.engine.joined_containers import JoinedContainers, carry
from supervisor.ports.engine import Engine
from supervisor.values.errors import EngineDownError, EngineError, EngineUnavailableError, NoSuchImageError
from supervisor.values.listing import listed
from supervisor.values.names import ImageId
from supervisor.values.state import Container

log = logging.getLogger(__name__)

Make = Callable[[str], Engine]
Record = Callable[[str, str | None], None]
"""Records the engine in use and the one being left (None: none): once they answer, and before that changes."""


class JoinedEngine(JoinedContainers):
    """Satisfies `ports.engine.Engine` and `ports.engine.EngineMove`. May be used by several threads at once."""

    def __init__(self, make: Make, kind: str, leaving: str | None, record: Record) -> None:
        super().__init__(tuple(make(engine) for engine in (kind, leaving) if engine))
        self._make, self._record = make, record
        self._moving = threading.Lock()
        self._is_recorded = False

    @property
    def name(self) -> str:
        return self._engines[0].name

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
                if not known:  # the images to carry over must be readable; to go back none are
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
            present = set(to.images())
            missing = [image for image in other.images() if image not in present]
            for number, image in enumerate(missing):
                yield number, len(missing)
                carry(image, other, to)

    def arrived(self) -> tuple[Container, ...]:
        return self._listed(self._engines[:1])

    def left_behind(self) -> tuple[Container, ...]:
        return self._listed(self._engines[1:])

    def leave(self) -> None:
        with self._moving:
            now, *others = self._engines
            for other in others:
                if left := other.containers():
                    names = listed((container.name for container in left), ", ")
                    raise EngineError(f"cannot leave {other.name}: it still has {names}")
            for _ in self.carry_images():  # an image that was loaded during the move may be with either
                pass
            self._engines = (now,)  # no thread may start again the engine that is about to be ended
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

    def start_service(self) -> None:
        """Start every engine.

        Raises EngineUnavailableError: when the engine in use cannot be used; EngineDownError: when only the one being
        left cannot, for which the caller waits.
        """
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

    def damage(self, *, is_thorough: bool) -> str:
        return next(filter(None, (engine.damage(is_thorough=is_thorough) for engine in self._engines)), "")

    def renew_storage(self) -> None:
        for engine in self._engines:
            if len(self._engines) == 1 or engine.damage(is_thorough=True):
                engine.renew_storage()

    def remove_everything(self) -> None:
        for engine in self._engines:
            engine.remove_everything()

    def require_room(self, size: int) -> None:
        self._engines[0].require_room(size)

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


def _start(engine: Engine) -> EngineError | None:
    """Start an engine; return the error that it could not be started with."""
    try:
        engine.start_service()
    except EngineError as error:
        return error
    return None


def _empty(engine: Engine) -> None:
    """Remove all images of an engine that can be removed; one that a container of others was made of stays."""
    for image in engine.images():
        try:
            engine.remove_image(image)
        except EngineUnavailableError:
            raise
        except EngineError as error:
            log.warning("image stays", extra={"engine": engine.name, "image": image, "reason": str(error)})
