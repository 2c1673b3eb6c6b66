"""Docker as the container engine: the `Engine` port over the API of a daemon that belongs to the router, not to us.

The supervisor never starts, stops or configures that daemon, keeps out of its networks, and never lists or touches what
is not its own: containers by labels (docker_ownership), images by a name. Where Docker differs from what the port says:
docker_spec (fields), docker_holder (namespaces), docker_images, and here:

- A list of containers knows neither pids nor exit codes: each of ours is inspected.
- The daemon hears of an exit up to a tenth of a second after the kernel: where the process is gone, it is waited for.
- runc before 1.1.8 gives a tmpfs the mode of the image's folder below it. Docker has no step between mounting and
  starting, so the mode is put right just after the start; an image whose folder has that mode is right at once.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal as signals
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from supervisor.edges.engine import docker_facts as facts
from supervisor.edges.engine import docker_holder as holders
from supervisor.edges.engine import docker_service as service
from supervisor.edges.engine import streams
from supervisor.edges.engine.client import DeadlineError, RefusedError
from supervisor.edges.engine.commands import Commands, about
from supervisor.edges.engine.control_group import usage
from supervisor.edges.engine.conventions import signal_number
from supervisor.edges.engine.docker_client import DockerClient
from supervisor.edges.engine.docker_images import Images
from supervisor.edges.engine.docker_ownership import NETWORK_LABEL, Ownership, held
from supervisor.edges.engine.docker_spec import create_body
from supervisor.edges.engine.processes import Process
from supervisor.edges.engine.space import SPACE_RESERVE
from supervisor.edges.engine.tmpfs import apply_modes
from supervisor.values.errors import (
    EngineError,
    EngineUnavailableError,
    NameTakenError,
    NoSuchContainerError,
    NoSuchImageError,
)
from supervisor.values.names import ImageId
from supervisor.values.state import Container, ContainerSpec, ExecResult, Usage

log = logging.getLogger(__name__)

SOCKET = Path("/run/docker.sock")
DEADLINE = 30.0
PING_DEADLINE = 3.0
END_DEADLINE = 2.0  # after the end of a process, until the daemon knows of it

_NOT_FOUND, _CONFLICT = 404, 409


class DockerEngine:
    """May be used by several threads at once. `deadline` bounds every call that has no time-out of its own.

    Names of containers begin with the owner's prefix for the daemon, and without it for everybody else.
    """

    name = "docker"

    def __init__(
        self,
        socket: Path = SOCKET,
        ownership: Ownership = Ownership(),  # noqa: B008 - a value
        *,
        deadline: float = DEADLINE,
        space_reserve: int = SPACE_RESERVE,
    ) -> None:
        self._socket, self._ownership, self._deadline = socket, ownership, deadline
        self._client = DockerClient(socket, deadline)
        self._images = Images(self._client, ownership.owner, deadline, space_reserve)
        self._commands = Commands(self._client, deadline, ownership.prefix)
        self._holders = holders.Holders(self._client, self._commands, ownership)
        self._is_known = False

    # ------------------------------------------------------------ service

    def start_service(self) -> None:
        """Make sure that the daemon answers and can be used; starting it is the router's init system's work."""
        try:
            version = self._client.version("reach Docker", min(PING_DEADLINE, self._deadline))
        except EngineUnavailableError as error:
            raise service.unreachable(self._socket, error) from error
        service.require_version(self._socket, version)
        self._client.speak(version)
        information = self._client.get("ask Docker about itself", "/info")
        service.require_kind(information)
        if not self._is_known:
            service.warn_of(information)
        self._holders.remove_strays(self._listed())
        self._is_known = True

    def stop_service(self) -> None:
        """The daemon is not ours. Only the image of the holders goes."""
        self._images.remove_holder()

    def ping(self) -> str:
        return str(self._client.get("ask Docker's version", "/version")["Version"])

    def close(self) -> None:
        self._client.close()

    # ------------------------------------------------------------ images

    def damage(self, *, is_thorough: bool) -> str:
        return ""

    def renew_storage(self) -> None:
        raise EngineError("cannot renew the storage of the Docker daemon: it is not ours")

    def remove_everything(self) -> None:
        raise EngineError("cannot remove what the Docker daemon keeps: it is not ours")

    def load(self, stream: Iterable[bytes]) -> ImageId:
        return self._images.load(stream)

    def save(self, image: ImageId) -> Iterator[bytes]:
        return self._images.save(image)

    def images(self) -> tuple[ImageId, ...]:
        return self._images.all()

    def remove_image(self, image: ImageId) -> None:
        self._images.remove(image)

    # ------------------------------------------------------------ containers

    def create(self, spec: ContainerSpec) -> Container:
        create_body(spec, {}, None)  # what cannot be is refused before anything is made
        self._refuse_taken(spec.name)
        if not self._images.exists(spec.image):
            raise NoSuchImageError(spec.image)
        labels = {**dict(spec.labels), **self._ownership.labels(spec.name)}
        if spec.network is None:
            self._create(spec, create_body(spec, labels, None))
        else:
            labels[NETWORK_LABEL] = spec.network
            with self._holders.made(spec.name, spec.network, self._images.holder()) as holder:
                self._create(spec, create_body(spec, labels, holder))
        return self.inspect(spec.name)

    def _create(self, spec: ContainerSpec, body: dict[str, Any]) -> None:
        called = self._ownership.called(spec.name)
        try:
            made = self._client.post(f"create container {spec.name}", "/containers/create", body, name=called)
        except RefusedError as error:
            match error.status:
                case 404:
                    raise NoSuchImageError(spec.image) from error
                case 409:
                    raise NameTakenError(spec.name) from error
            raise
        for warning in made.get("Warnings") or ():
            log.warning("engine does less", extra={"container": spec.name, "reason": warning})

    def _refuse_taken(self, name: str) -> None:
        """The API takes the beginning of an id for a name: only a container of this very name is in the way."""
        try:
            found = self._client.get(f"look for container {name}", f"{self._path(name)}/json")
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            return
        if facts.called(found) == self._ownership.called(name):
            raise NameTakenError(name)

    def start(self, name: str) -> Container:
        found = self._thawed(name)
        network = facts.network(found)
        if not facts.is_alive(found):
            self._start(name, found, network)
        elif network:  # a supervisor that was killed while it started this one left the holder running
            self._holders.end(name, network[0])
        self._settle(name, network)
        return self.inspect(name)

    def _start(self, name: str, found: Any, network: tuple[str, str] | None) -> None:
        if facts.is_dead(found):
            self.remove(name)
            raise NoSuchContainerError(name)
        if network is None:
            self._begin(name)
            return
        holder, namespace = network
        if not self._client.exists(f"look for the holder of {name}", f"/containers/{holder}/json"):
            # Somebody took the holder away, and a container is bound to the one it was made with.
            self.remove(name)
            raise NoSuchContainerError(name)
        with self._holders.running(name, holder, namespace):
            self._begin(name)

    def _begin(self, name: str) -> None:
        with about(name):
            self._client.post(f"start container {name}", f"{self._path(name)}/start")

    def _settle(self, name: str, network: tuple[str, str] | None) -> None:
        """Check and put right what Docker did; nothing of it matters if the process has ended already."""
        found = self._asked(name)
        process = facts.process(found)
        if process is None:
            return
        is_in = process.namespace("net")
        meant = holders.identity(network[1]) if network else Process(os.getpid(), 0).namespace("net")
        if is_in not in (meant, None) and process.is_alive():
            self.kill(name, "SIGKILL")
            where = network[1] if network else "the supervisor's; is its daemon in another namespace?"
            raise EngineError(f"cannot start container {name}: its network is {is_in}, not {where}")
        try:
            apply_modes(name, process, found["HostConfig"].get("Tmpfs") or {})
        except EngineError:
            if not process.wait(END_DEADLINE):  # one that is ending shows nothing any more
                raise

    def stop(self, name: str, timeout: float) -> None:
        # Not the API's stop: it counts whole seconds.
        with contextlib.suppress(NoSuchContainerError):
            found = self._thawed(name)
            process = facts.process(found)
            if not facts.is_alive(found) or process is None:
                return
            self._signal(name, signal_number(found["Config"]["StopSignal"]))
            if not process.wait(timeout):
                self._signal(name, signals.SIGKILL)
                if not process.wait(self._deadline):
                    raise EngineError(f"cannot stop container {name}: it outlives SIGKILL by {self._deadline:g} s")
            self._await_end(name, END_DEADLINE)

    def kill(self, name: str, signal: str) -> None:
        number = signal_number(signal)
        with contextlib.suppress(NoSuchContainerError):
            found = self._thawed(name) if number == signals.SIGKILL else self._inspected(name)
            if facts.is_alive(found) and not facts.is_paused(found):
                self._signal(name, number)

    def pause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            found = self._inspected(name)
            if facts.is_alive(found) and not facts.is_paused(found):
                self._commands.freeze(name)

    def unpause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            if facts.is_paused(self._inspected(name)):
                self._commands.thaw(name)

    def remove(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            found = self._thawed(name)
            if facts.is_alive(found):
                self._signal(name, signals.SIGKILL)
            with about(name):
                self._client.delete(f"remove container {name}", f"/containers/{found['Id']}", force="true", v="true")
        self._holders.remove(name)

    def inspect(self, name: str) -> Container:
        return facts.inspected(self._inspected(name), name)

    def containers(self) -> tuple[Container, ...]:
        found = []
        for name, entry in sorted(self._listed().items()):
            if held(name, entry["Labels"]) is None:
                with contextlib.suppress(NoSuchContainerError):  # gone since
                    found.append(self._known(name, entry))
        return tuple(found)

    def _known(self, name: str, entry: Any) -> Container:
        try:
            return self.inspect(name)
        except DeadlineError:  # one that hangs inside the daemon must not hide all others
            self._client.version("ask Docker's version", min(PING_DEADLINE, self._deadline))
            return facts.listed(entry, name)

    def _listed(self) -> dict[str, Any]:
        """Entries of all that is ours, holders too, by name. One that is being removed may have no name any more."""
        filters = json.dumps({"label": [self._ownership.filter]})
        entries = self._client.get("list containers", "/containers/json", all="true", filters=filters) or ()
        named = [
            (self._ownership.name_of(called.removeprefix("/"), entry["Labels"]), entry)
            for entry in entries
            for called in entry.get("Names") or ()
        ]
        return {name: entry for name, entry in named if name is not None}

    def usage(self, name: str) -> Usage:
        return usage(name, facts.process(self._inspected(name)))

    # ------------------------------------------------------------ commands and output

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        end = time.monotonic() + timeout
        self.remove(spec.name)  # a supervisor killed in the middle of the same check left it
        self.create(spec)
        with self._removed_afterwards(spec.name):
            self.start(spec.name)
            try:
                code = self._await_end(spec.name, end - time.monotonic())
            except DeadlineError as error:
                what = f"cannot run {spec.command[0]} in container {spec.name}"
                raise EngineError(f"{what}: it did not finish within {timeout:g} s") from error
            stdout, stderr = streams.collect(self._commands.log_chunks(spec.name))
            return ExecResult(code, stdout, stderr)

    @contextlib.contextmanager
    def _removed_afterwards(self, name: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with contextlib.suppress(EngineError):  # the first error is the one to tell
                self.remove(name)
            raise
        self.remove(name)

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        return self._commands.execute(name, facts.process(self._inspected(name)), command, timeout)

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        self._inspected(name)
        return self._commands.followed(name, tail) if follow else streams.lines(self._commands.log_chunks(name, tail))

    # ------------------------------------------------------------ inside

    def _inspected(self, name: str) -> Any:
        found = self._asked(name)
        if facts.is_alive(found) and facts.process(found) is None:
            with contextlib.suppress(DeadlineError):
                self._await_end(name, END_DEADLINE)
            found = self._asked(name)
        return found

    def _asked(self, name: str) -> Any:
        with about(name):
            found = self._client.get(f"inspect container {name}", f"{self._path(name)}/json")
        # The API also takes the beginning of an id for a name, and a container that is not ours is none for us.
        labels = facts.labels(found)
        is_ours = self._ownership.name_of(facts.called(found), labels) == name and held(name, labels) is None
        if not is_ours:
            raise NoSuchContainerError(name)
        return found

    def _path(self, name: str) -> str:
        return f"/containers/{self._ownership.called(name)}"

    def _signal(self, name: str, number: int) -> None:
        try:
            with about(name):
                self._client.post(f"signal container {name}", f"{self._path(name)}/kill", signal=str(int(number)))
        except RefusedError as error:
            # Between our look and the signal it may have ended.
            if error.status != _CONFLICT and facts.is_alive(self._inspected(name)):
                raise

    def _thawed(self, name: str) -> Any:
        """A frozen process hears no signal."""
        found = self._inspected(name)
        if facts.is_paused(found):
            with contextlib.suppress(RefusedError):  # somebody else did
                self._commands.thaw(name)
            found = self._inspected(name)
        return found

    def _await_end(self, name: str, timeout: float) -> int:
        """Its exit code, once the daemon knows."""
        action = f"see the end of container {name}"
        with about(name):
            answer = self._client.post(
                action, f"{self._path(name)}/wait", deadline=max(timeout, 0.001), condition="not-running"
            )
        return int(answer["StatusCode"])
