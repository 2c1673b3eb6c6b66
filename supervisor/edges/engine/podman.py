"""Podman as the container engine: the `Engine` port over the libpod API of a service that is the supervisor's own.

Nothing is shared with other containers of the router: storage, configuration, locks and socket are private.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from supervisor.edges.engine import podman_facts as facts
from supervisor.edges.engine import streams
from supervisor.edges.engine.podman_client import DeadlineError, PodmanClient, RefusedError
from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.podman_logs import follow as follow_lines
from supervisor.edges.engine.podman_service import PodmanService
from supervisor.edges.engine.podman_spec import create_body, signal_number
from supervisor.edges.engine.podman_tmpfs import apply_modes
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError, NameTakenError, NoSuchContainerError, NoSuchImageError
from supervisor.values.names import ImageId
from supervisor.values.state import Container, ContainerSpec, ContainerState, ExecResult

DEADLINE = 30.0
PING_DEADLINE = 3.0
LOAD_DEADLINE = 300.0
CLEANUP_DEADLINE = 2.0
MONITOR_TURN, MONITOR_TURNS = 0.02, 50
UNKNOWN_EXIT_CODE = 255
SPACE_RESERVE = 128 * 1024 * 1024  # kept free on the disk while an image is loaded
SPACE_STEP = 8 * 1024 * 1024

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
        self.service = PodmanService(self._files, self._answer)

    # ------------------------------------------------------------ service

    def start_service(self) -> None:
        self.service.start()

    def stop_service(self) -> None:
        """End the engine's service process; containers keep running."""
        self.service.stop()

    def ping(self) -> str:
        return self._client.version("ask the engine's version")

    def close(self) -> None:
        """Close connections. The service stays, for the next supervisor to adopt."""
        self._client.close()

    def _answer(self) -> None:
        self._client.version("reach the engine", deadline=min(PING_DEADLINE, self._deadline))

    # ------------------------------------------------------------ images

    def load(self, stream: Iterable[bytes]) -> ImageId:
        answer = self._client.upload("load an image", "/images/load", self._with_space(stream), LOAD_DEADLINE)
        names = answer.get("Names") or []
        if len(names) != 1:
            raise EngineError(f"cannot load an image: the archive holds {len(names)} images instead of one")
        found = self._client.get(f"inspect image {names[0]}", f"/images/{names[0]}/json")
        return facts.image_id(found["Id"])

    def images(self) -> tuple[ImageId, ...]:
        return tuple(
            sorted({facts.image_id(image["Id"]) for image in self._client.get("list images", "/images/json") or ()})
        )

    def remove_image(self, image: ImageId) -> None:
        try:
            self._client.delete(f"remove image {image}", f"/images/{facts.bare(image)}")
        except RefusedError as error:
            if error.status != _NOT_FOUND and self._has_image(image):
                raise

    def _has_image(self, image: ImageId) -> bool:
        return self._client.exists(f"look for image {image}", f"/images/{facts.bare(image)}/exists")

    def _with_space(self, stream: Iterable[bytes]) -> Iterator[bytes]:
        """Pass the archive on while there is room for it: the service spools archive and layers on the same disk."""
        unchecked = SPACE_STEP
        for chunk in stream:
            unchecked += len(chunk)
            if unchecked >= SPACE_STEP:
                unchecked = 0
                free = shutil.disk_usage(self._files.spool).free
                if free < self._space_reserve:
                    raise EngineError(
                        f"cannot load an image: {free >> 20} MiB free below {self._files.root}, "
                        f"{self._space_reserve >> 20} MiB must stay free"
                    )
            yield chunk

    # ------------------------------------------------------------ containers

    def create(self, spec: ContainerSpec) -> Container:
        key, _, value = self._label.partition("=")
        body = create_body(spec, {**dict(spec.labels), key: value})
        try:
            self._client.post(f"create container {spec.name}", "/containers/create", body)
        except RefusedError as error:
            # The status is 500 for every cause: ask what is the case.
            if not self._has_image(spec.image):
                raise NoSuchImageError(spec.image) from error
            if self._client.exists(f"look for container {spec.name}", f"/containers/{spec.name}/exists"):
                raise NameTakenError(spec.name) from error
            raise
        return self.inspect(spec.name)

    def start(self, name: str) -> Container:
        found = self._inspected(name)
        if found["State"]["Status"] == "stopped":
            # Ended, and the engine's clean-up (a process of its own) is still to come: it must not meet the new run.
            self._await_cleanup(name)
        if not found["State"]["Running"]:
            self._start(name, found["HostConfig"].get("Tmpfs") or {})
        return self.inspect(name)

    def _start(self, name: str, tmpfs: Mapping[str, str]) -> None:
        action = f"start container {name}"
        with _about(name):
            if tmpfs:
                self._client.post(action, f"/containers/{name}/init")
                apply_modes(name, int(self._inspected(name)["State"]["Pid"]), tmpfs)
            self._client.post(action, f"/containers/{name}/start")

    def stop(self, name: str, timeout: float) -> None:
        # Not the API's stop: it holds the container's lock while it waits, and counts whole seconds only.
        with contextlib.suppress(NoSuchContainerError):
            found = self._inspected(name)
            if not found["State"]["Running"]:
                return
            process = facts.process(found)
            if process is not None:
                self._signal(name, int(found["Config"]["StopSignal"]))
            if process is not None and not process.wait(timeout):
                self._signal(name, signal.SIGKILL)
                if not process.wait(self._deadline):
                    raise EngineError(f"cannot stop container {name}: it outlives SIGKILL by {self._deadline:g} s")
            self._inspected(name)
            self._await_cleanup(name)

    def kill(self, name: str, signal: str) -> None:
        number = signal_number(signal)
        with contextlib.suppress(NoSuchContainerError):
            if self._inspected(name)["State"]["Running"]:
                self._signal(name, number)

    def remove(self, name: str) -> None:
        with contextlib.suppress(NoSuchContainerError):
            if self._inspected(name)["State"]["Running"]:
                self._signal(name, signal.SIGKILL)  # first, or a forced removal waits for the stop time-out
            with _about(name):
                self._client.delete(
                    f"remove container {name}", f"/containers/{name}", force="true", timeout="0", v="true"
                )

    def inspect(self, name: str) -> Container:
        return facts.inspected(self._inspected(name))

    def containers(self) -> tuple[Container, ...]:
        filters = json.dumps({"label": [self._label]})
        listed = self._client.get("list containers", "/containers/json", all="true", filters=filters) or ()
        return tuple(
            self._known(container) for container in sorted(map(facts.listed, listed), key=lambda one: one.name)
        )

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
            stdout, stderr = streams.collect(self._log_chunks(spec.name))
            return ExecResult(code, stdout, stderr)
        finally:
            self.remove(spec.name)

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        action = f"run {command[0]} in container {name}"
        init = facts.process(self._inspected(name))
        if init is None:
            raise EngineError(f"cannot {action}: it does not run")
        request = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        with _about(name):
            session = self._client.post(action, f"/containers/{name}/exec", request)["Id"]
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            with contextlib.suppress(EngineError):
                self._end_session(action, session, init)

        timer = threading.Timer(timeout, expire)
        timer.start()
        try:
            start = {"Detach": False, "Tty": False}
            idle = timeout + self._deadline
            with self._client.stream(action, "post", f"/exec/{session}/start", body=start, idle=idle) as response:
                stdout, stderr = streams.collect(self._client.chunks(action, response))
        finally:
            timer.cancel()
        if expired.is_set():
            raise EngineError(f"cannot {action}: it did not finish within {timeout:g} s")
        code = int(self._client.get(action, f"/exec/{session}/json")["ExitCode"])
        return ExecResult(code, stdout, stderr)

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        self._inspected(name)
        return self._followed(name, tail) if follow else streams.lines(self._log_chunks(name, tail))

    # ------------------------------------------------------------ inside

    def _known(self, listed: Container) -> Container:
        """A list is not always the latest: look closer where the process is gone."""
        if listed.state is not ContainerState.RUNNING or (listed.pid and Process.find(listed.pid)):
            return listed
        try:
            return self.inspect(listed.name)
        except NoSuchContainerError:
            return replace(listed, state=ContainerState.OTHER, pid=None)

    def _followed(self, name: str, tail: int) -> Iterator[bytes]:
        action = f"follow the log of container {name}"
        with _about(name):
            response = self._client.stream(
                action, "get", f"/containers/{name}/logs", idle=None, params=_both_streams(tail) | {"follow": "true"}
            )
        return follow_lines(response, streams.lines(self._client.chunks(action, response)))

    def _log_chunks(self, name: str, tail: int | None = None) -> Iterator[bytes]:
        action = f"read the log of container {name}"
        path = f"/containers/{name}/logs"
        with (
            _about(name),
            self._client.stream(action, "get", path, idle=self._deadline, params=_both_streams(tail)) as response,
        ):
            yield from self._client.chunks(action, response)

    def _inspected(self, name: str) -> Any:
        found = self._asked(name)
        for _ in range(MONITOR_TURNS):
            if facts.process(found) is not None or found["State"]["Status"] not in ("running", "stopping"):
                break
            # The process is gone and the engine does not know yet: its monitor is about to say so, or is gone as well.
            # Then nobody would ever, and the container could be neither started nor removed: say it in its place.
            monitor = Process.find(int(found["State"]["ConmonPid"] or 0))
            if monitor is None:
                self._files.write_exit_code(found["Id"], UNKNOWN_EXIT_CODE)
            else:
                monitor.wait(MONITOR_TURN)
            found = self._asked(name)
        return found

    def _asked(self, name: str) -> Any:
        with _about(name):
            found = self._client.get(f"inspect container {name}", f"/containers/{name}/json")
        key, _, value = self._label.partition("=")
        # The API also takes the beginning of an id for a name, and a container that is not ours is none for us.
        if found["Name"] != name or (found["Config"].get("Labels") or {}).get(key) != value:
            raise NoSuchContainerError(name)
        return found

    def _signal(self, name: str, number: int) -> None:
        try:
            with _about(name):
                self._client.post(f"signal container {name}", f"/containers/{name}/kill", signal=str(int(number)))
        except RefusedError as error:
            # Between our look and the signal it may have ended.
            if error.status != _CONFLICT and self._inspected(name)["State"]["Running"]:
                raise

    def _await_end(self, name: str, timeout: float) -> int:
        """Its exit code, once the engine has written it down."""
        path = f"/containers/{name}/wait"
        with _about(name):
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

    def _end_session(self, action: str, session: str, init: Process) -> None:
        found = self._client.get(action, f"/exec/{session}/json")
        process = Process.find(int(found["Pid"])) if found["Running"] else None
        if process is not None and process.namespace("pid") == init.namespace("pid"):
            process.signal(signal.SIGKILL)


@contextlib.contextmanager
def _about(name: str) -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        if error.status == _NOT_FOUND:
            raise NoSuchContainerError(name) from error
        raise


def _both_streams(tail: int | None) -> dict[str, str]:
    return {"stdout": "true", "stderr": "true"} | ({} if tail is None else {"tail": str(tail)})
