"""Containers of Podman. One that runs from a storage that was laid aside is seen to by `podman_orphans` instead."""

from __future__ import annotations

import contextlib
import json
import signal as signals
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from supervisor.edges.engine import podman_facts as facts
from supervisor.edges.engine import podman_orphans as orphans
from supervisor.edges.engine import streams
from supervisor.edges.engine.client import DeadlineError, RefusedError
from supervisor.edges.engine.commands import Commands, about
from supervisor.edges.engine.control_group import usage
from supervisor.edges.engine.conventions import signal_number
from supervisor.edges.engine.podman_client import PodmanClient
from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.podman_images import PodmanImages
from supervisor.edges.engine.podman_requests import PodmanRequests
from supervisor.edges.engine.podman_seccomp import profile_file
from supervisor.edges.engine.podman_spec import create_body
from supervisor.edges.engine.processes import Process
from supervisor.edges.engine.tmpfs import apply_modes
from supervisor.values.errors import EngineError, NameTakenError, NoSuchContainerError, NoSuchImageError
from supervisor.values.state import Container, ContainerSpec, ContainerState, ExecResult, Usage


class PodmanContainers:
    """Satisfies `ports.engine.Containers`. `deadline` (seconds) bounds every call that has no time-out of its own."""

    def __init__(
        self, client: PodmanClient, files: PodmanFiles, images: PodmanImages, label: str, deadline: float
    ) -> None:
        self._client, self._files, self._images = client, files, images
        self._label, self._deadline = label, deadline
        self._commands = Commands(client, deadline)
        self._requests = PodmanRequests(client, files, self._commands, label, deadline)

    def create(self, spec: ContainerSpec) -> Container:
        key, _, value = self._label.partition("=")
        labels = {**dict(spec.labels), key: value}
        create_body(spec, labels)  # what cannot be is refused before anything is made
        if orphans.find(self._files, spec.name):
            raise NameTakenError(spec.name)
        try:
            body = create_body(
                spec, labels, str(profile_file(self._files.runtime, spec.seccomp)) if spec.seccomp else None
            )
            orphans.describe(self._files, spec, labels)
            self._client.post(f"create container {spec.name}", "/containers/create", body)
        except RefusedError as error:
            # The status is 500 for every cause: ask what is the case.
            if not self._images.exists(spec.image):
                raise NoSuchImageError(spec.image) from error
            if self._requests.exists(spec.name):
                raise NameTakenError(spec.name) from error
            raise
        except OSError as error:
            raise EngineError(f"cannot create container {spec.name}: {error}") from error
        return self.inspect(spec.name)

    def start(self, name: str) -> Container:
        if orphan := orphans.find(self._files, name):
            return orphans.container_of(self._files, orphan)
        report = self._requests.unfrozen(name)
        if report["State"]["Status"] == "stopped":
            # Ended, and the engine's clean-up (a process of its own) is still to come: it must not meet the new run.
            self._requests.await_cleanup(name)
        if not report["State"]["Running"]:
            self._start(name, report["HostConfig"].get("Tmpfs") or {})
        return self.inspect(name)

    def stop(self, name: str, timeout: float) -> None:
        if orphan := orphans.find(self._files, name):
            orphans.stop(self._files, orphan, timeout)
            return
        # Not the API's stop: it holds the container's lock while it waits, and counts whole seconds only.
        with contextlib.suppress(NoSuchContainerError):
            report = self._requests.unfrozen(name)
            if not report["State"]["Running"]:
                return
            process = facts.process(report)
            if process is not None:
                self._requests.signal(name, int(report["Config"]["StopSignal"]))
            if process is not None and not process.wait(timeout):
                self._requests.signal(name, signals.SIGKILL)
                if not process.wait(self._deadline):
                    raise EngineError(f"cannot stop container {name}: it outlives SIGKILL by {self._deadline:g} s")
            self._requests.inspected(name)
            self._requests.await_cleanup(name)

    def kill(self, name: str, signal: str) -> None:
        number = signal_number(signal)
        if orphan := orphans.find(self._files, name):
            orphan.process.signal(number)
            return
        with contextlib.suppress(NoSuchContainerError):
            look = self._requests.unfrozen if number == signals.SIGKILL else self._requests.inspected
            report = look(name)
            if report["State"]["Running"]:
                self._requests.signal(name, number)

    def pause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            if self._requests.inspected(name)["State"]["Running"]:
                self._commands.freeze(name)

    def unpause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            if self._requests.inspected(name)["State"]["Paused"]:
                self._commands.thaw(name)

    def remove(self, name: str) -> None:
        if orphan := orphans.find(self._files, name):
            orphans.end(orphan)
            orphans.tidy(self._files)
        orphans.forget(self._files, name)
        with contextlib.suppress(NoSuchContainerError):
            if self._requests.unfrozen(name)["State"]["Running"]:
                self._requests.signal(name, signals.SIGKILL)  # else a forced removal waits for the stop time-out
            with about(name):
                self._client.delete(
                    f"remove container {name}", f"/containers/{name}", force="true", timeout="0", v="true"
                )

    def inspect(self, name: str) -> Container:
        if orphan := orphans.find(self._files, name):
            return orphans.container_of(self._files, orphan)
        return facts.inspected(self._requests.inspected(name))

    def containers(self) -> tuple[Container, ...]:
        filters = json.dumps({"label": [self._label]})
        deadline = self._requests.look_deadline
        listed = (
            self._client.get("list containers", "/containers/json", deadline=deadline, all="true", filters=filters)
            or ()
        )
        containers = [self._refreshed(container) for container in map(facts.listed, listed)]
        containers += [orphans.container_of(self._files, orphan) for orphan in orphans.orphans(self._files)]
        return tuple(sorted(containers, key=lambda container: container.name))

    def usage(self, name: str) -> Usage:
        if orphan := orphans.find(self._files, name):
            return usage(name, orphan.process)
        return usage(name, facts.process(self._requests.inspected(name)))

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        end = time.monotonic() + timeout
        self.remove(spec.name)  # a supervisor that was killed in the middle of the same check left it
        self.create(spec)
        try:
            self._start(spec.name, {tmpfs.target: f"mode={tmpfs.mode:o}" for tmpfs in spec.tmpfs})
            try:
                code = self._requests.await_end(spec.name, end - time.monotonic())
            except DeadlineError as error:
                what = f"cannot run {spec.command[0]} in container {spec.name}"
                raise EngineError(f"{what}: it did not finish within {timeout:g} s") from error
            stdout, stderr = streams.collect(self._commands.log_chunks(spec.name))
            return ExecResult(code, stdout, stderr)
        finally:
            self.remove(spec.name)

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        if orphan := orphans.find(self._files, name):
            return orphans.execute(orphan, command, timeout)
        return self._commands.execute(name, facts.process(self._requests.inspected(name)), command, timeout)

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        if orphan := orphans.find(self._files, name):
            return orphans.log_lines(orphan, tail)
        self._requests.inspected(name)
        return self._commands.followed(name, tail) if follow else streams.lines(self._commands.log_chunks(name, tail))

    def _start(self, name: str, tmpfs: Mapping[str, str]) -> None:
        action = f"start container {name}"
        with about(name):
            if tmpfs:
                self._client.post(action, f"/containers/{name}/init")
                process = facts.process(self._requests.inspected(name))
                if process is None:
                    raise EngineError(f"cannot {action}: it ended before its program began")
                apply_modes(name, process, tmpfs)
            self._client.post(action, f"/containers/{name}/start")

    def _refreshed(self, listed: Container) -> Container:
        """Inspect a listed container whose process is gone: a list is not always the latest."""
        if listed.state is not ContainerState.RUNNING or (listed.pid and Process.find(listed.pid)):
            return listed
        try:
            return self.inspect(listed.name)
        except NoSuchContainerError:
            return replace(listed, state=ContainerState.OTHER, pid=None)
