"""What the loop needs of a container engine, and of two while a router moves from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from supervisor.values.names import ImageId
from supervisor.values.state import Container, ContainerSpec, ExecResult, Usage


class Engine(Protocol):
    """A container engine. Every method may raise EngineError; all but `load` are safe to repeat.

    Only containers and images that carry the supervisor's label are ever listed or touched.
    """

    @property
    def name(self) -> str: ...

    def start_service(self) -> None:
        """Make the engine answer: start it if it is ours to start. EngineUnavailableError says what is missing."""

    def ping(self) -> str:
        """Return the engine's version."""

    def damage(self, *, is_thorough: bool) -> str:
        """Return what is wrong with what the engine keeps on disk, or nothing; `is_thorough` reads every image.

        An engine that is not ours to mend finds nothing wrong.
        """

    def renew_storage(self) -> None:
        """Lay a damaged storage aside for an empty one. What runs goes on and is still listed; images are gone."""

    def remove_everything(self) -> None:
        """End containers and remove all that the engine keeps, without asking it. EngineError: it is not ours."""

    def load(self, stream: Iterable[bytes]) -> ImageId:
        """Load one image from a docker-archive stream; return its id."""

    def save(self, image: ImageId) -> Iterator[bytes]:
        """The image as a docker-archive; another engine that loads it gives it the same id. NoSuchImageError."""

    def images(self) -> tuple[ImageId, ...]: ...

    def remove_image(self, image: ImageId) -> None:
        """Remove it; nothing happens when it is gone already."""

    def create(self, spec: ContainerSpec) -> Container:
        """Create, do not start. NameTakenError, NoSuchImageError."""

    def start(self, name: str) -> Container:
        """Start it (nothing happens if it runs; a paused one is thawed) and return it with its pid.

        NoSuchContainerError.
        """

    def stop(self, name: str, timeout: float) -> None:
        """Send the stop signal, then SIGKILL after `timeout` seconds. Nothing happens when it is not running.

        A paused one is thawed first, or it would hear neither.
        """

    def kill(self, name: str, signal: str) -> None:
        """Send a signal. Nothing happens when it is not running.

        A paused one hears SIGKILL only, and is thawed for it.
        """

    def pause(self, name: str) -> None:
        """Freeze it. Nothing happens when it is not running."""

    def unpause(self, name: str) -> None:
        """Thaw it. Nothing happens when it is not paused."""

    def remove(self, name: str) -> None:
        """SIGKILL and remove at once, also a paused one; nothing happens when it is gone already."""

    def inspect(self, name: str) -> Container:
        """NoSuchContainerError when there is none."""

    def containers(self) -> tuple[Container, ...]:
        """All of ours, running or not."""

    def usage(self, name: str) -> Usage:
        """What it uses of the router now. NoSuchContainerError; EngineError when it does not run."""

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        """Create, start, wait, collect the output, remove: for checks."""

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        """Run a command inside a running container; output is cut at 64 KiB each."""

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        """Lines of both streams, newest `tail` first shown in order; with `follow`, until the container ends."""

    def stop_service(self) -> None:
        """End the engine if it is ours; containers keep running."""

    def close(self) -> None:
        """Let go of it without ending it."""


class EngineMove(Protocol):
    """The engine's other side: new containers come from one engine while those of before are with the one it leaves."""

    @property
    def leaving(self) -> str | None:
        """The engine that may still have containers of ours; None: there is only one."""

    def move_to(self, kind: str) -> None:
        """Make new containers with `kind` from now on, also after a restart. EngineError: all is as before."""

    def carry_images(self) -> Iterator[tuple[int, int]]:
        """Copy what the new engine lacks; yields how many are done, and how many there are."""

    def arrived(self) -> tuple[Container, ...]:
        """Containers that are with the engine moved to."""

    def left_behind(self) -> tuple[Container, ...]:
        """Containers that are still with the engine that is left."""

    def leave(self) -> None:
        """Carry over what is missing, remove the images from the engine that is left, and end it if it is ours.

        EngineError: it has containers. An image that others use there stays.
        """
