"""A container engine in memory. It refuses what a real one refuses; `programs` are what containers do."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from supervisor.values.errors import (
    EngineError,
    EngineUnavailableError,
    NameTakenError,
    NoSuchContainerError,
    NoSuchImageError,
)
from supervisor.values.names import Digest, ImageId
from supervisor.values.state import Container, ContainerSpec, ContainerState, ExecResult, Usage

OUTPUT_LIMIT = 64 * 1024
KILLED = 128 + 9
TERMINATED = 128 + 15


@dataclass(frozen=True, slots=True)
class Program:
    """The behaviour of a command: it prints something, then ends with `exit_code` or (None) goes on for ever."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int | None = None
    ignores_signals: bool = False
    exits_on: Mapping[str, int] = field(default_factory=dict)  # exit code by signal
    can_start: bool = True


@dataclass(slots=True)
class _Entry:
    container: Container
    spec: ContainerSpec
    program: Program
    log: list[bytes] = field(default_factory=list)


class FakeEngine:
    """Satisfies `ports.engine.Engine`. `programs` by command; others run for ever as a container and succeed inside
    one.

    For tests: `calls` are the calls made, in order; `end` lets a container die, `hang` makes every call fail as a hung
    service does, `lose_service` as a dead one, `fail` makes the next call of one method fail, `spoil` takes away what a
    container needs to start.
    """

    name = "fake"

    def __init__(
        self,
        programs: Mapping[tuple[str, ...], Program] | None = None,
        images: Iterable[ImageId] = (),
        label: str = "io.vr-supervisor.owner=vr",
    ) -> None:
        self.programs = dict(programs or {})
        self.calls: list[tuple[str, str]] = []
        self.is_hung = False
        self.is_running = False
        self.damaged = ""  # what is wrong with its storage
        self.room = 1 << 40  # bytes of its disk that images may take
        self._images: set[ImageId] = set(images)
        self._entries: dict[str, _Entry] = {}
        self._failures: dict[str, Exception] = {}
        self.while_it_ends: Callable[[], object] = lambda: None  # what others do while the service is ended
        self._spoilt: set[str] = set()
        self._known_archives: dict[bytes, str] = {}
        self._archives: dict[ImageId, bytes] = {}
        self._label = label
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    # ------------------------------------------------------------ for tests

    def end(self, name: str, exit_code: int) -> None:
        """Let the container's process end by itself."""
        with self._lock:
            self._finish(self._entry(name), exit_code)

    def hang(self, is_hung: bool = True) -> None:
        self.is_hung = is_hung

    def lose_service(self) -> None:
        """Kill the service; containers go on."""
        self.is_running = False

    def fail(self, method: str, error: Exception) -> None:
        """Make the next call of `method` raise `error` and do nothing."""
        self._failures[method] = error

    def spoil(self, name: str) -> None:
        """Make the container unable to start: its next start removes it and raises NoSuchContainerError."""
        self._spoilt.add(name)

    def add_image(self, image: ImageId) -> None:
        self._images.add(image)

    def know_archive(self, content: bytes, image: str) -> None:
        """Loading `content` gives `image` (else: its own digest)."""
        self._known_archives[content] = image

    def spec(self, name: str) -> ContainerSpec:
        return self._entry(name).spec

    # ------------------------------------------------------------ the port

    def start_service(self) -> None:
        if error := self._failures.pop("start_service", None):
            raise error
        self.is_running, self.is_hung = True, False

    def ping(self) -> str:
        self._enter("ping")
        return "0.fake"

    def damage(self, *, is_thorough: bool) -> str:
        self._enter("damage")
        return self.damaged

    def renew_storage(self) -> None:
        """Remove images and containers that do not run."""
        self._enter("renew_storage")
        with self._lock:
            self._entries = {name: entry for name, entry in self._entries.items() if _is_alive(entry)}
            self._images.clear()
            self.damaged = ""

    def remove_everything(self) -> None:
        self._entries.clear()
        self._images.clear()

    def require_room(self, size: int) -> None:
        self._enter("require_room", str(size))
        if size > self.room:
            raise EngineError(f"cannot load images: they take {size} bytes, {self.room} are free")

    def load(self, stream: Iterable[bytes]) -> ImageId:
        self._enter("load")
        content = b"".join(stream)
        if not content:
            raise EngineError("cannot load an image: the archive is empty")
        image = Digest(self._known_archives.get(content) or f"sha256:{hashlib.sha256(content).hexdigest()}")
        self._images.add(image)
        self._archives[image] = content
        return image

    def save(self, image: ImageId) -> Iterator[bytes]:
        self._enter("save", image)
        if image not in self._images:
            raise NoSuchImageError(image)
        return iter([self._archives.get(image, image.encode())])

    def images(self) -> tuple[ImageId, ...]:
        self._enter("images")
        return tuple(sorted(self._images))

    def remove_image(self, image: ImageId) -> None:
        self._enter("remove_image", image)
        with self._lock:
            if image in self._images and any(entry.spec.image == image for entry in self._entries.values()):
                raise EngineError(f"cannot remove image {image}: a container uses it")
            self._images.discard(image)

    def create(self, spec: ContainerSpec) -> Container:
        self._enter("create", spec.name)
        with self._lock:
            if not spec.command:
                raise EngineError(f"cannot create container {spec.name}: it has no command")
            if spec.image not in self._images:
                raise NoSuchImageError(spec.image)
            if spec.name in self._entries:
                raise NameTakenError(spec.name)
            key, _, value = self._label.partition("=")
            labels = tuple(sorted({**dict(spec.labels), key: value}.items()))
            identity = hashlib.sha256(f"{spec.name}{next(self._numbers)}".encode()).hexdigest()
            container = Container(identity, spec.name, spec.image, ContainerState.CREATED, None, None, labels)
            self._entries[spec.name] = _Entry(container, spec, self.programs.get(spec.command, Program()))
            return container

    def start(self, name: str) -> Container:
        self._enter("start", name)
        with self._lock:
            entry = self._entry(name)
            if name in self._spoilt and entry.container.state is not ContainerState.RUNNING:
                self._spoilt.discard(name)
                self.remove(name)
                raise NoSuchContainerError(name)
            self._thaw(entry)
            if entry.container.state is not ContainerState.RUNNING:
                if not entry.program.can_start:
                    raise EngineError(f"cannot start container {name}: {entry.spec.command[0]} cannot be executed")
                pid = 1_000_000 + next(self._numbers)
                entry.container = replace(entry.container, state=ContainerState.RUNNING, pid=pid, exit_code=None)
                entry.log += _lines(entry.program.stdout) + _lines(entry.program.stderr)
                if entry.program.exit_code is not None:
                    self._finish(entry, entry.program.exit_code)
            return entry.container

    def stop(self, name: str, timeout: float) -> None:
        self._enter("stop", name)
        self._signal(name, self._entries[name].spec.stop_signal if name in self._entries else "SIGTERM", is_final=True)

    def kill(self, name: str, signal: str) -> None:
        self._enter("kill", f"{name} {signal}")
        if not signal.startswith("SIG"):
            raise EngineError(f"cannot use signal {signal!r}: there is no signal of that name")
        self._signal(name, signal, is_final=False)

    def pause(self, name: str) -> None:
        self._enter("pause", name)
        with self._lock:
            entry = self._entries.get(name)
            if entry and entry.container.state is ContainerState.RUNNING:
                entry.container = replace(entry.container, state=ContainerState.PAUSED)

    def unpause(self, name: str) -> None:
        self._enter("unpause", name)
        with self._lock:
            if entry := self._entries.get(name):
                self._thaw(entry)

    def remove(self, name: str) -> None:
        self._enter("remove", name)
        with self._lock:
            self._entries.pop(name, None)

    def inspect(self, name: str) -> Container:
        self._enter("inspect", name)
        return self._entry(name).container

    def containers(self) -> tuple[Container, ...]:
        self._enter("containers")
        with self._lock:
            return tuple(self._entries[name].container for name in sorted(self._entries))

    def usage(self, name: str) -> Usage:
        self._enter("usage", name)
        entry = self._entry(name)
        if not _is_alive(entry):
            raise EngineError(f"cannot see what container {name} uses: it does not run")
        return Usage(1 << 20, entry.spec.memory_bytes, 0.01, 1)

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        self._enter("run", spec.name)
        with self._lock:
            self._entries.pop(spec.name, None)
            self.create(spec)
            try:
                self.start(spec.name)
                return _result(self._entry(spec.name).program, spec.command[0], spec.name, timeout)
            finally:
                self._entries.pop(spec.name, None)

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        self._enter("execute", f"{name} {' '.join(command)}")
        if self._entry(name).container.state is not ContainerState.RUNNING:
            raise EngineError(f"cannot run {command[0]} in container {name}: it does not run")
        return _result(self.programs.get(tuple(command), Program(exit_code=0)), command[0], name, timeout)

    def logs(self, name: str, tail: int, follow: bool) -> Iterator[bytes]:
        self._enter("logs", name)
        entry = self._entry(name)
        lines = entry.log[-tail:] if tail else []
        return itertools.chain(lines, _silence(entry)) if follow else iter(lines)

    def stop_service(self) -> None:
        """Containers stay."""
        if error := self._failures.pop("stop_service", None):
            raise error
        self.is_running = False
        self.while_it_ends()

    def close(self) -> None:
        """Containers and service stay."""

    # ------------------------------------------------------------ inside

    def _enter(self, method: str, about: str = "") -> None:
        self.calls.append((method, about))
        if self.is_hung:
            raise EngineUnavailableError(f"cannot {method} {about}: the engine did not answer within 30 s")
        if not self.is_running:
            raise EngineUnavailableError(f"cannot {method} {about}: the engine's service does not run")
        if error := self._failures.pop(method, None):
            raise error

    def _entry(self, name: str) -> _Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise NoSuchContainerError(name) from None

    def _signal(self, name: str, signal: str, is_final: bool) -> None:
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or not _is_alive(entry):
                return
            if is_final or signal == "SIGKILL":
                self._thaw(entry)
            if entry.container.state is ContainerState.PAUSED:
                return
            if signal in entry.program.exits_on:
                self._finish(entry, entry.program.exits_on[signal])
            elif signal == "SIGKILL" or (is_final and entry.program.ignores_signals):
                self._finish(entry, KILLED)
            elif is_final or (signal == "SIGTERM" and not entry.program.ignores_signals):
                self._finish(entry, TERMINATED)

    def _thaw(self, entry: _Entry) -> None:
        if entry.container.state is ContainerState.PAUSED:
            entry.container = replace(entry.container, state=ContainerState.RUNNING)

    def _finish(self, entry: _Entry, exit_code: int) -> None:
        entry.container = replace(entry.container, state=ContainerState.EXITED, pid=None, exit_code=exit_code)


def _is_alive(entry: _Entry) -> bool:
    return entry.container.state in (ContainerState.RUNNING, ContainerState.PAUSED)


def _silence(entry: _Entry) -> Iterator[bytes]:
    """Yield an empty value for each second without a line, until the container ends."""
    while _is_alive(entry):
        yield b""


def _result(program: Program, command: str, name: str, timeout: float) -> ExecResult:
    if program.exit_code is None:
        raise EngineError(f"cannot run {command} in container {name}: it did not finish within {timeout:g} s")
    return ExecResult(program.exit_code, program.stdout[:OUTPUT_LIMIT], program.stderr[:OUTPUT_LIMIT])


def _lines(output: bytes) -> list[bytes]:
    return output.splitlines(keepends=True)
