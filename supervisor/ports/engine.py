"""The container engine, and the move of a router from one engine to another.

Only containers and images that carry the supervisor's label are listed or touched. Every method may be called from any
thread and raises EngineError when the engine refuses, EngineUnavailableError (an EngineError) when it does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from supervisor.values.names import ImageId
from supervisor.values.state import Container, ContainerSpec, ExecResult, Usage


class EngineService(Protocol):
    """The engine itself: its service process and its storage."""

    @property
    def name(self) -> str:
        """The kind of engine: podman or docker."""

    def start_service(self) -> None:
        """Make the engine answer, and start it if it is the supervisor's own; nothing happens when it answers.

        Raises EngineUnavailableError: when it cannot be used; the message names what is missing.
        """

    def stop_service(self) -> None:
        """End the engine if it is the supervisor's own; containers go on. Nothing happens when it has ended."""

    def ping(self) -> str:
        """Return the engine's version."""

    def damage(self, *, is_thorough: bool) -> str:
        """Return what is wrong with the engine's storage; empty: nothing, or it is not the supervisor's own.

        `is_thorough` reads every image, which takes seconds. While the disk is full or read-only nothing is reported.
        """

    def renew_storage(self) -> None:
        """Set a damaged storage aside and begin an empty one. Running containers go on and are listed; images are gone.

        Each call begins another storage.
        Raises EngineError: when the storage is not the supervisor's own.
        """

    def remove_everything(self) -> None:
        """End all containers and remove the storage, without the engine's help; may be repeated.

        Raises EngineError: when the storage is not the supervisor's own, or a process does not end.
        """

    def close(self) -> None:
        """Close the connections to the engine without ending it."""


class Images(Protocol):
    """Images in the engine's storage, by their id (the digest of their configuration)."""

    def require_room(self, size: int) -> None:
        """Return if images that take `size` bytes while they are loaded leave enough of the disk free.

        Raises EngineError: when they do not; the message has the figures.
        """

    def load(self, stream: Iterable[bytes]) -> ImageId:
        """Load the one image of a docker-archive; return its id. An image that is there already is loaded again.

        An error of `stream` is raised as it is.
        Raises EngineError: when the archive is none, or the disk would become too full.
        """

    def save(self, image: ImageId) -> Iterator[bytes]:
        """Return an image as chunks of a docker-archive; another engine that loads it gives it the same id.

        Raises NoSuchImageError: when there is no such image.
        """

    def images(self) -> tuple[ImageId, ...]:
        """Return the ids of all images, sorted."""

    def remove_image(self, image: ImageId) -> None:
        """Remove an image; nothing happens when it is gone already.

        Raises EngineError: when a container uses it.
        """


class Containers(Protocol):
    """Containers by name; times are in seconds.

    Raises NoSuchContainerError: when a method needs the container and there is none, or it is not ours.
    """

    def create(self, spec: ContainerSpec) -> Container:
        """Create a container without starting it.

        Raises NameTakenError: when there is a container of this name; NoSuchImageError: when its image is missing.
        """

    def start(self, name: str) -> Container:
        """Start a container and return it with its pid; nothing happens when it runs, a paused one is unpaused.

        Raises NoSuchContainerError: also when it cannot be started any more; it is removed then.
        """

    def stop(self, name: str, timeout: float) -> None:
        """Send the container's stop signal, and SIGKILL after `timeout` seconds; return when it has ended.

        A paused one is unpaused first. Nothing happens when it does not run or does not exist.
        """

    def kill(self, name: str, signal: str) -> None:
        """Send a signal by its name (SIGHUP). Nothing happens when the container does not run or does not exist.

        A paused one gets only SIGKILL, and is unpaused for it.
        """

    def pause(self, name: str) -> None:
        """Freeze a container. Nothing happens when it does not run or does not exist."""

    def unpause(self, name: str) -> None:
        """Let a frozen container go on. Nothing happens when it is not frozen or does not exist."""

    def remove(self, name: str) -> None:
        """End a container with SIGKILL and remove it, a paused one too; nothing happens when it is gone already."""

    def inspect(self, name: str) -> Container:
        """Return a container as it is now."""

    def containers(self) -> tuple[Container, ...]:
        """Return all containers, running or not, sorted by name."""

    def usage(self, name: str) -> Usage:
        """Return what a running container uses of the router now.

        Raises EngineError: when it does not run.
        """

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        """Run a container to its end and remove it; return exit code and output. A container of its name is replaced.

        Raises NoSuchImageError: when its image is missing; EngineError: when it did not end within `timeout` seconds.
        """

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        """Run a command inside a running container; return exit code and output, each stream cut at 64 KiB.

        Raises EngineError: when the container does not run, or the command did not end within `timeout` seconds.
        """

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        """Yield the newest `tail` lines of both output streams, oldest first; 0: none of the past.

        With `follow`, lines go on until the container ends; an empty value marks each second without a line.
        """


class Engine(EngineService, Images, Containers, Protocol):
    """A container engine. Unless a method says otherwise an equal call may be repeated and changes nothing more."""


class EngineMove(Protocol):
    """The move of a router to another engine: new containers are with one, those of before with the one being left."""

    @property
    def leaving(self) -> str | None:
        """The kind of engine that may still have containers of ours; None: no move is under way."""

    def move_to(self, kind: str) -> None:
        """Make new containers with `kind` from now on, also after a restart; nothing happens when that is so already.

        Raises EngineError: when that engine cannot be used or another move is under way; nothing has changed then.
        """

    def carry_images(self) -> Iterator[tuple[int, int]]:
        """Copy the images that the new engine lacks; yield (number copied, number to copy) before each.

        May be repeated: images that are there are not copied again.
        """

    def arrived(self) -> tuple[Container, ...]:
        """Return the containers of the engine moved to; without a move, all."""

    def left_behind(self) -> tuple[Container, ...]:
        """Return the containers of the engine being left; empty: no move is under way, or it has none."""

    def leave(self) -> None:
        """End the move: copy missing images, remove the images from the engine being left, and stop it if it is ours.

        An image that others use there stays. Nothing happens when no move is under way.
        Raises EngineError: when that engine still has containers; the move goes on.
        """
