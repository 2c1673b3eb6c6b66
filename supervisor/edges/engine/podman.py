"""Podman as the container engine: the `Engine` port over the libpod API of a service that is the supervisor's own.

Nothing is shared with other containers of the router: storage, configuration, locks and socket are private.
"""

from __future__ import annotations

import contextlib
import json
import signal as signals
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from supervisor.decisions.retries import MONITOR_REPORT, retry
from supervisor.edges.engine import podman_facts as facts
from supervisor.edges.engine import podman_orphans as orphans
from supervisor.edges.engine import streams
from supervisor.edges.engine.client import DeadlineError, RefusedError
from supervisor.edges.engine.commands import Commands, about
from supervisor.edges.engine.control_group import usage
from supervisor.edges.engine.conventions import bare, image_id, signal_number
from supervisor.edges.engine.podman_client import PodmanClient
from supervisor.edges.engine.podman_damage import damage
from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.podman_service import PodmanService
from supervisor.edges.engine.podman_spec import create_body
from supervisor.edges.engine.processes import Process
from supervisor.edges.engine.space import SPACE_RESERVE, with_space
from supervisor.edges.engine.tmpfs import apply_modes
from supervisor.values.errors import EngineError, NameTakenError, NoSuchContainerError, NoSuchImageError
from supervisor.values.names import ImageId
from supervisor.values.state import Container, ContainerSpec, ContainerState, ExecResult, Usage

DEADLINE = 30.0
LOOK_DEADLINE = 8.0  # what only looks takes milliseconds: nobody waits longer to learn that the engine hangs
ANSWER_DEADLINE = 3.0
LOAD_DEADLINE = 300.0
CLEANUP_DEADLINE = 2.0
UNKNOWN_EXIT_CODE = 255

_NOT_FOUND, _CONFLICT = 404, 409


class PodmanEngine:
    """May be used by several threads at once. `deadline` bounds every call that has no time-out of its own."""

    name = "podman"

    def __init__(
        self,
        state_dir: Path,
        runtime_dir: Path,
        label: str = "io.vr-supervisor.owner=vr",
        *,
        deadline: float = DEADLINE,
        space_reserve: int = SPACE_RESERVE,
    ) -> None:
        self._files = PodmanFiles(state_dir.absolute(), runtime_dir.absolute())
        self._label, self._deadline, self._space_reserve = label, deadline, space_reserve
        self._client = PodmanClient(self._files.socket, deadline)
        self._commands = Commands(self._client, deadline)
        self.service = PodmanService(self._files, self._answer)

    # ------------------------------------------------------------ service

    def start_service(self) -> None:
        self.service.start()
        orphans.tidy(self._files)

    def stop_service(self) -> None:
        """End the engine's service process; containers keep running."""
        self.service.stop()

    def damage(self, *, is_thorough: bool) -> str:
        if not self._files.can_be_written(self._space_reserve):  # to read an image the engine writes it to its spool
            return ""
        found = damage(self._client, self._files, is_thorough=is_thorough)
        return found if self._files.can_be_written(self._space_reserve) else ""

    def renew_storage(self) -> None:
        self.service.renew_storage()
        orphans.tidy(self._files)

    def remove_everything(self) -> None:
        """Without the service: processes by their monitors, then folders. EngineError: a process is still there."""
        try:
            self.service.stop()
            for orphan in orphans.orphans(self._files, all_of_them=True):
                orphans.end(orphan)
            orphans.remove_folders(self._files.root, *self._files.runtime.glob("podman*"))
        except OSError as error:
            raise EngineError(f"cannot remove what is below {self._files.root}: {error}") from error

    def ping(self) -> str:
        return self._client.version("ask the engine's version")

    def close(self) -> None:
        """Close connections. The service stays, for the next supervisor to adopt."""
        self._client.close()

    def _answer(self) -> None:
        # Not a ping: that is answered even when whatever needs the engine's locks hangs. A refusal is an answer.
        with contextlib.suppress(RefusedError):
            self._client.get("reach the engine", "/containers/json", deadline=min(ANSWER_DEADLINE, self._deadline))

    # ------------------------------------------------------------ images

    def load(self, stream: Iterable[bytes]) -> ImageId:
        chunks = with_space(stream, self._files.spool, self._space_reserve)
        response = self._client.upload("load an image", "/images/load", chunks, LOAD_DEADLINE)
        answer = self._client.decoded("load an image", response)
        names = answer.get("Names") or []
        if len(names) != 1:
            raise EngineError(f"cannot load an image: the archive holds {len(names)} images instead of one")
        found = self._client.get(f"inspect image {names[0]}", f"/images/{names[0]}/json")
        return image_id(found["Id"])

    def save(self, image: ImageId) -> Iterator[bytes]:
        if not self._has_image(image):
            raise NoSuchImageError(image)
        path = f"/images/{bare(image)}/get"
        return self._client.download(f"save image {image}", path, LOAD_DEADLINE, format="docker-archive")

    def images(self) -> tuple[ImageId, ...]:
        return tuple(sorted({image_id(image["Id"]) for image in self._client.get("list images", "/images/json") or ()}))

    def remove_image(self, image: ImageId) -> None:
        try:
            self._client.delete(f"remove image {image}", f"/images/{bare(image)}")
        except RefusedError as error:
            if error.status != _NOT_FOUND and self._has_image(image):
                raise

    def _has_image(self, image: ImageId) -> bool:
        return self._client.exists(f"look for image {image}", f"/images/{bare(image)}/exists")

    # ------------------------------------------------------------ containers

    def create(self, spec: ContainerSpec) -> Container:
        key, _, value = self._label.partition("=")
        labels = {**dict(spec.labels), key: value}
        body = create_body(spec, labels)
        if orphans.find(self._files, spec.name):
            raise NameTakenError(spec.name)
        try:
            orphans.describe(self._files, spec, labels)
            self._client.post(f"create container {spec.name}", "/containers/create", body)
        except RefusedError as error:
            # The status is 500 for every cause: ask what is the case.
            if not self._has_image(spec.image):
                raise NoSuchImageError(spec.image) from error
            if self._client.exists(f"look for container {spec.name}", f"/containers/{spec.name}/exists"):
                raise NameTakenError(spec.name) from error
            raise
        except OSError as error:
            raise EngineError(f"cannot create container {spec.name}: {error}") from error
        return self.inspect(spec.name)

    def start(self, name: str) -> Container:
        if orphan := orphans.find(self._files, name):
            return orphans.container_of(self._files, orphan)
        found = self._thawed(name)
        if found["State"]["Status"] == "stopped":
            # Ended, and the engine's clean-up (a process of its own) is still to come: it must not meet the new run.
            self._await_cleanup(name)
        if not found["State"]["Running"]:
            self._start(name, found["HostConfig"].get("Tmpfs") or {})
        return self.inspect(name)

    def _start(self, name: str, tmpfs: Mapping[str, str]) -> None:
        action = f"start container {name}"
        with about(name):
            if tmpfs:
                self._client.post(action, f"/containers/{name}/init")
                process = facts.process(self._inspected(name))
                if process is None:
                    raise EngineError(f"cannot {action}: it ended before its program began")
                apply_modes(name, process, tmpfs)
            self._client.post(action, f"/containers/{name}/start")

    def stop(self, name: str, timeout: float) -> None:
        if orphan := orphans.find(self._files, name):
            orphans.stop(self._files, orphan, timeout)
            return
        # Not the API's stop: it holds the container's lock while it waits, and counts whole seconds only.
        with contextlib.suppress(NoSuchContainerError):
            found = self._thawed(name)
            if not found["State"]["Running"]:
                return
            process = facts.process(found)
            if process is not None:
                self._signal(name, int(found["Config"]["StopSignal"]))
            if process is not None and not process.wait(timeout):
                self._signal(name, signals.SIGKILL)
                if not process.wait(self._deadline):
                    raise EngineError(f"cannot stop container {name}: it outlives SIGKILL by {self._deadline:g} s")
            self._inspected(name)
            self._await_cleanup(name)

    def kill(self, name: str, signal: str) -> None:
        number = signal_number(signal)
        if orphan := orphans.find(self._files, name):
            orphan.process.signal(number)
            return
        with contextlib.suppress(NoSuchContainerError):
            found = self._thawed(name) if number == signals.SIGKILL else self._inspected(name)
            if found["State"]["Running"]:
                self._signal(name, number)

    def pause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            if self._inspected(name)["State"]["Running"]:
                self._commands.freeze(name)

    def unpause(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            if self._inspected(name)["State"]["Paused"]:
                self._commands.thaw(name)

    def remove(self, name: str) -> None:
        if orphan := orphans.find(self._files, name):
            orphans.end(orphan)
            orphans.tidy(self._files)
        orphans.forget(self._files, name)
        with contextlib.suppress(NoSuchContainerError):
            if self._thawed(name)["State"]["Running"]:
                self._signal(name, signals.SIGKILL)  # first, or a forced removal waits for the stop time-out
            with about(name):
                self._client.delete(
                    f"remove container {name}", f"/containers/{name}", force="true", timeout="0", v="true"
                )

    def inspect(self, name: str) -> Container:
        if orphan := orphans.find(self._files, name):
            return orphans.container_of(self._files, orphan)
        return facts.inspected(self._inspected(name))

    def containers(self) -> tuple[Container, ...]:
        filters = json.dumps({"label": [self._label]})
        deadline = min(LOOK_DEADLINE, self._deadline)
        listed = (
            self._client.get("list containers", "/containers/json", deadline=deadline, all="true", filters=filters)
            or ()
        )
        known = [self._known(container) for container in map(facts.listed, listed)]
        known += [orphans.container_of(self._files, one) for one in orphans.orphans(self._files)]
        return tuple(sorted(known, key=lambda one: one.name))

    def usage(self, name: str) -> Usage:
        if orphan := orphans.find(self._files, name):
            return usage(name, orphan.process)
        return usage(name, facts.process(self._inspected(name)))

    # ------------------------------------------------------------ commands and output

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        end = time.monotonic() + timeout
        self.remove(spec.name)  # a supervisor killed in the middle of the same check left it
        self.create(spec)
        try:
            self._start(spec.name, {tmpfs.target: f"mode={tmpfs.mode:o}" for tmpfs in spec.tmpfs})
            try:
                code = self._await_end(spec.name, end - time.monotonic())
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
        return self._commands.execute(name, facts.process(self._inspected(name)), command, timeout)

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        if orphan := orphans.find(self._files, name):
            return orphans.log_lines(orphan, tail)
        self._inspected(name)
        return self._commands.followed(name, tail) if follow else streams.lines(self._commands.log_chunks(name, tail))

    # ------------------------------------------------------------ inside

    def _known(self, listed: Container) -> Container:
        """A list is not always the latest: look closer where the process is gone."""
        if listed.state is not ContainerState.RUNNING or (listed.pid and Process.find(listed.pid)):
            return listed
        try:
            return self.inspect(listed.name)
        except NoSuchContainerError:
            return replace(listed, state=ContainerState.OTHER, pid=None)

    def _inspected(self, name: str) -> Any:
        found: Any = None

        def ask() -> Any:
            nonlocal found
            found = self._asked(name)
            return found

        def await_report(seconds: float) -> None:
            # The process is gone and the engine does not know yet: its monitor is about to say so, or is gone as well.
            # Then nobody would ever, and the container could be neither started nor removed: say it in its place.
            monitor = Process.find(int(found["State"]["ConmonPid"] or 0))
            if monitor is None:
                self._files.write_exit_code(found["Id"], UNKNOWN_EXIT_CODE)
            else:
                monitor.wait(seconds)

        return retry(MONITOR_REPORT, ask, until=facts.is_settled, sleep=await_report)

    def _asked(self, name: str) -> Any:
        deadline = min(LOOK_DEADLINE, self._deadline)
        try:
            with about(name):
                found = self._client.get(f"inspect container {name}", f"/containers/{name}/json", deadline=deadline)
        except RefusedError as error:
            # While it is being removed the status is another one: ask what is the case.
            if self._client.exists(f"look for container {name}", f"/containers/{name}/exists"):
                raise
            raise NoSuchContainerError(name) from error
        key, _, value = self._label.partition("=")
        # The API also takes the beginning of an id for a name, and a container that is not ours is none for us.
        if found["Name"] != name or (found["Config"].get("Labels") or {}).get(key) != value:
            raise NoSuchContainerError(name)
        return found

    def _thawed(self, name: str) -> Any:
        """A frozen process hears no signal."""
        found = self._inspected(name)
        if found["State"]["Paused"]:
            with contextlib.suppress(RefusedError):  # somebody else did
                self._commands.thaw(name)
            found = self._inspected(name)
        return found

    def _signal(self, name: str, number: int) -> None:
        try:
            with about(name):
                self._client.post(f"signal container {name}", f"/containers/{name}/kill", signal=str(int(number)))
        except RefusedError as error:
            # Between our look and the signal it may have ended.
            if error.status != _CONFLICT and self._inspected(name)["State"]["Running"]:
                raise

    def _await_end(self, name: str, timeout: float) -> int:
        """Its exit code, once the engine has written it down."""
        path = f"/containers/{name}/wait"
        with about(name):
            return int(
                self._client.post(
                    f"see the end of container {name}",
                    path,
                    deadline=max(timeout, 0.001),
                    condition="exited",
                    interval="10ms",
                )
            )

    def _await_cleanup(self, name: str) -> None:
        with contextlib.suppress(DeadlineError, RefusedError):  # without its monitor nobody cleans up, and that is fine
            self._await_end(name, CLEANUP_DEADLINE)
