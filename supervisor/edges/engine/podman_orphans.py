"""Containers that run although the engine's storage does not have them: it was damaged and another one is in its place.

Their monitors run on, so they are found by their command lines; a description with their labels lies beside the
storage. They are inspected, entered and ended without the engine, until the hand-over to a container of the new storage
has ended.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from supervisor.edges.engine.podman_files import PATH, PodmanFiles
from supervisor.edges.engine.processes import Process
from supervisor.edges.engine.streams import OUTPUT_LIMIT
from supervisor.values.errors import EngineError
from supervisor.values.names import Digest
from supervisor.values.state import Container, ContainerSpec, ContainerState, ExecResult

END_SECONDS = 10.0
_LOG_LINE = re.compile(rb"^\S+ std(?:out|err) [FP] ")


@dataclass(frozen=True, slots=True)
class Orphan:
    """A container that was found by its monitor."""

    name: str
    identity: str
    storage: Path  # the storage that it was made with
    monitor: Process
    process: Process
    log: Path | None


def orphans(files: PodmanFiles, *, all_of_them: bool = False) -> tuple[Orphan, ...]:
    """Return the containers of storages that were laid aside; `all_of_them`: those of the present storage too."""
    if not all_of_them and not files.laid_aside():
        return ()
    candidates = (_orphan(files, int(entry)) for entry in os.listdir("/proc") if entry.isdigit())
    return tuple(orphan for orphan in candidates if orphan and (all_of_them or orphan.storage != files.storage))


def find(files: PodmanFiles, name: str) -> Orphan | None:
    """Return the orphan of this name; None: there is none."""
    return next((orphan for orphan in orphans(files) if orphan.name == name), None)


def container_of(files: PodmanFiles, orphan: Orphan) -> Container:
    """Return an orphan as the port lists containers."""
    said = _described(files, orphan.name)
    return Container(
        id=orphan.identity,
        name=orphan.name,
        image=Digest(str(said.get("image", ""))),
        state=ContainerState.RUNNING,
        pid=orphan.process.pid,
        exit_code=None,
        labels=_labels(said.get("labels")),
    )


def describe(files: PodmanFiles, spec: ContainerSpec, labels: Mapping[str, str]) -> None:
    """Write the description of a container beside its storage. Raises OSError."""
    place = files.descriptions / f"{spec.name}.json"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    said = {"image": spec.image, "labels": dict(labels), "stop_signal": spec.stop_signal}
    fresh.write_text(json.dumps(said), encoding="utf-8")
    fresh.replace(place)


def forget(files: PodmanFiles, name: str) -> None:
    """Remove the description of a container; nothing happens when there is none."""
    with contextlib.suppress(OSError):
        (files.descriptions / f"{name}.json").unlink(missing_ok=True)


def stop(files: PodmanFiles, orphan: Orphan, timeout: float) -> None:
    """Send a container its stop signal, and SIGKILL after `timeout` seconds.

    Raises EngineError: when it outlives that.
    """
    word = str(_described(files, orphan.name).get("stop_signal", "SIGTERM"))
    orphan.process.signal(getattr(signal, word, signal.SIGTERM))
    if not orphan.process.wait(timeout):
        end(orphan)


def end(orphan: Orphan) -> None:
    """End a container with SIGKILL, and remove what its runtime stored of it.

    Raises EngineError: when it is still there.
    """
    orphan.process.signal(signal.SIGKILL)
    if not orphan.process.wait(END_SECONDS):
        raise EngineError(f"cannot end container {orphan.name}: it outlives SIGKILL by {END_SECONDS:g} s")
    orphan.monitor.wait(1.0)
    orphan.monitor.signal(signal.SIGKILL)
    _runtime("delete", "--force", orphan.identity)


def execute(orphan: Orphan, command: Sequence[str], timeout: float) -> ExecResult:
    """Run a command inside a container.

    Raises EngineError: when it cannot be run, or does not end within `timeout` seconds.
    """
    runtime = shutil.which("runc", path=PATH) or "runc"
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                [runtime, "exec", orphan.identity, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"cannot run {command[0]} in container {orphan.name}: {error}") from error
        said = [os.pread(file.fileno(), OUTPUT_LIMIT, 0) for file in (output, errors)]
    return ExecResult(done.returncode, said[0], said[1])


def log_lines(orphan: Orphan, tail: int) -> Iterator[bytes]:
    """Yield the newest `tail` lines of an orphan's log; none when it cannot be read."""
    with contextlib.suppress(OSError):
        if orphan.log and tail:
            for line in orphan.log.read_bytes().splitlines(keepends=True)[-tail:]:
                yield _LOG_LINE.sub(b"", line)


def unknown(files: PodmanFiles, known: Collection[str]) -> str:
    """Return the name of a container that runs from the present storage without being in it; empty: there is none."""
    of_present = (orphan for orphan in orphans(files, all_of_them=True) if orphan.storage == files.storage)
    return next((orphan.name for orphan in of_present if orphan.identity not in known), "")


def tidy(files: PodmanFiles) -> None:
    """Remove storages that were laid aside and that nothing runs from any more."""
    used = {orphan.storage for orphan in orphans(files)}
    for storage in files.laid_aside():
        if storage not in used:
            remove_folders(storage, files.volatile_of(storage))


def remove_folders(*folders: Path) -> None:
    """Unmount what is mounted below, and remove all of it; what cannot be is left."""
    for mounted in _mounts(folders):
        subprocess.run(["umount", "--lazy", mounted], capture_output=True, check=False, timeout=END_SECONDS)
    for folder in folders:
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], capture_output=True, check=False, timeout=120)


def _mounts(folders: Sequence[Path]) -> list[str]:
    """Return the mounts at or below the folders, the deepest first."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    points = [re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), line.split()[1]) for line in lines]
    below = (point for point in points if any(Path(point).is_relative_to(folder) for folder in folders))
    return sorted(below, key=len, reverse=True)


def _described(files: PodmanFiles, name: str) -> Mapping[str, object]:
    with contextlib.suppress(OSError, ValueError):
        said = json.loads((files.descriptions / f"{name}.json").read_text(encoding="utf-8"))
        return said if isinstance(said, dict) else {}
    return {}


def _labels(said: object) -> tuple[tuple[str, str], ...]:
    items = said.items() if isinstance(said, dict) else ()
    return tuple(sorted((str(key), str(value)) for key, value in items))


def _orphan(files: PodmanFiles, pid: int) -> Orphan | None:
    words = _words(pid)
    if not words or Path(words[0]).name != "conmon":
        return None
    said = dict(itertools.pairwise(words))
    name, identity, bundle = said.get("-n"), said.get("-c"), said.get("-b")
    monitor = Process.find(pid)
    if identity != said.get("-u"):  # of a command inside it
        return None
    if not (name and identity and bundle and monitor) or not Path(bundle).is_relative_to(files.root):
        return None
    first = next((child for child in _children(pid) if child), None)
    if first is None:
        return None
    log = said.get("-l", "").removeprefix("k8s-file:")
    storage = files.root / Path(bundle).relative_to(files.root).parts[0]
    return Orphan(name, identity, storage, monitor, first, Path(log) if log else None)


def _words(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).rstrip("\0").split("\0")
    return []


def _children(pid: int) -> Iterator[Process | None]:
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield Process.find(int(child))


def _runtime(*arguments: str) -> None:
    runtime = shutil.which("runc", path=PATH)
    if runtime:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run([runtime, *arguments], capture_output=True, check=False, timeout=END_SECONDS)
