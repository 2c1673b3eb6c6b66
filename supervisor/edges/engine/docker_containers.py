"""Containers of a Docker daemon that are ours, each in a namespace of ours or in the daemon's own network.

- A list of containers has neither pids nor exit codes: each of ours is inspected.
- runc before 1.1.8 gives a tmpfs the mode of the image's folder below it. Docker has no step between mounting and
  starting, so the mode is put right just after the start; an image whose folder has that mode is right at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal as signals
import time
from collections.abc import Iterator, Sequence
from typing import Any

from supervisor.edges.engine import docker_facts as facts
from supervisor.edges.engine import docker_holder as holders
from supervisor.edges.engine import streams
from supervisor.edges.engine.client import DeadlineError, RefusedError
from supervisor.edges.engine.commands import Commands, about
from supervisor.edges.engine.control_group import usage
from supervisor.edges.engine.conventions import signal_number
from supervisor.edges.engine.docker_client import DockerClient
from supervisor.edges.engine.docker_images import DockerImages
from supervisor.edges.engine.docker_ownership import NETWORK_LABEL, Ownership, held
from supervisor.edges.engine.docker_requests import END_DEADLINE, DockerRequests
from supervisor.edges.engine.docker_spec import create_body
from supervisor.edges.engine.processes import Process
from supervisor.edges.engine.tmpfs import apply_modes
from supervisor.values.errors import EngineError, NameTakenError, NoSuchContainerError, NoSuchImageError
from supervisor.values.state import Container, ContainerSpec, ExecResult, Usage

log = logging.getLogger(__name__)

LIST_DEADLINE = 3.0  # until the daemon answers at all, while an inspection hangs


class DockerContainers:
    """Satisfies `ports.engine.Containers`. `deadline` (seconds) bounds every call that has no time-out of its own.

    Names of containers begin with the owner's prefix for the daemon, and without it for everybody else.
    """

    def __init__(self, client: DockerClient, images: DockerImages, ownership: Ownership, deadline: float) -> None:
        self._client, self._images, self._ownership, self._deadline = client, images, ownership, deadline
        self._commands = Commands(client, deadline, ownership.prefix)
        self._holders = holders.Holders(client, self._commands, ownership)
        self._requests = DockerRequests(client, self._commands, ownership)

    def create(self, spec: ContainerSpec) -> Container:
        create_body(spec, {}, None)  # what cannot be is refused before anything is made
        self._requests.refuse_taken(spec.name)
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

    def start(self, name: str) -> Container:
        report = self._requests.unfrozen(name)
        network = facts.network(report)
        if not facts.is_alive(report):
            self._start(name, report, network)
        elif network:  # a supervisor that was killed while it started this one left the holder running
            self._holders.end(name, network[0])
        self._settle(name, network)
        return self.inspect(name)

    def _start(self, name: str, report: Any, network: tuple[str, str] | None) -> None:
        if facts.is_dead(report):
            self.remove(name)
            raise NoSuchContainerError(name)
        if network is None:
            self._begin(name)
            return
        holder, namespace = network
        if not self._client.exists(f"look for the holder of {name}", f"/containers/{holder}/json"):
            # The holder was removed, and a container is bound to the one it was made with.
            self.remove(name)
            raise NoSuchContainerError(name)
        with self._holders.running(name, holder, namespace):
            self._begin(name)

    def _begin(self, name: str) -> None:
        with about(name):
            self._client.post(f"start container {name}", f"{self._requests.path(name)}/start")

    def _settle(self, name: str, network: tuple[str, str] | None) -> None:
        """Check the network of a started container and put its modes right; nothing happens if it has ended already.

        Raises EngineError: when the container is in another network; it is ended.
        """
        report = self._requests.asked(name)
        process = facts.process(report)
        if process is None:
            return
        is_in = process.namespace("net")
        meant = holders.identity(network[1]) if network else Process(os.getpid(), 0).namespace("net")
        if is_in not in (meant, None) and process.is_alive():
            self.kill(name, "SIGKILL")
            where = network[1] if network else "the supervisor's; is its daemon in another namespace?"
            raise EngineError(f"cannot start container {name}: its network is {is_in}, not {where}")
        try:
            apply_modes(name, process, report["HostConfig"].get("Tmpfs") or {})
        except EngineError:
            if not process.wait(END_DEADLINE):  # a process that is ending shows nothing any more
                raise

    def stop(self, name: str, timeout: float) -> None:
        # Not the API's stop: it counts whole seconds.
        with contextlib.suppress(NoSuchContainerError):
            report = self._requests.unfrozen(name)
            process = facts.process(report)
            if not facts.is_alive(report) or process is None:
                return
            self._requests.signal(name, signal_number(report["Config"]["StopSignal"]))
            if not process.wait(timeout):
                self._requests.signal(name, signals.SIGKILL)
                if not process.wait(self._deadline):
                    raise EngineError(f"cannot stop container {name}: it outlives SIGKILL by {self._deadline:g} s")
            self._requests.await_end(name, END_DEADLINE)

    def kill(self, name: str, signal: str) -> None:
        number = signal_number(signal)
        with contextlib.suppress(NoSuchContainerError):
            look = self._requests.unfrozen if number == signals.SIGKILL else self._requests.inspected
            report = look(name)
            if facts.is_alive(report) and not facts.is_paused(report):
                self._requests.signal(name, number)

    def pause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            report = self._requests.inspected(name)
            if facts.is_alive(report) and not facts.is_paused(report):
                self._commands.freeze(name)

    def unpause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            if facts.is_paused(self._requests.inspected(name)):
                self._commands.thaw(name)

    def remove(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            report = self._requests.unfrozen(name)
            if facts.is_alive(report):
                self._requests.signal(name, signals.SIGKILL)
            with about(name):
                self._client.delete(f"remove container {name}", f"/containers/{report['Id']}", force="true", v="true")
        self._holders.remove(name)

    def inspect(self, name: str) -> Container:
        return facts.inspected(self._requests.inspected(name), name)

    def containers(self) -> tuple[Container, ...]:
        containers = []
        for name, entry in sorted(self._requests.listed().items()):
            if held(name, entry["Labels"]) is None:
                with contextlib.suppress(NoSuchContainerError):  # gone since
                    containers.append(self._inspected_or_listed(name, entry))
        return tuple(containers)

    def _inspected_or_listed(self, name: str, entry: Any) -> Container:
        try:
            return self.inspect(name)
        except DeadlineError:  # one that hangs inside the daemon must not hide all others
            self._client.version("ask Docker's version", min(LIST_DEADLINE, self._deadline))
            return facts.listed(entry, name)

    def usage(self, name: str) -> Usage:
        return usage(name, facts.process(self._requests.inspected(name)))

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        end = time.monotonic() + timeout
        self.remove(spec.name)  # a supervisor killed in the middle of the same check left it
        self.create(spec)
        with self._removed_afterwards(spec.name):
            self.start(spec.name)
            try:
                code = self._requests.await_end(spec.name, end - time.monotonic())
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
            with contextlib.suppress(EngineError):  # the first error is the one to raise
                self.remove(name)
            raise
        self.remove(name)

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        return self._commands.execute(name, facts.process(self._requests.inspected(name)), command, timeout)

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        self._requests.inspected(name)
        return self._commands.followed(name, tail) if follow else streams.lines(self._commands.log_chunks(name, tail))
