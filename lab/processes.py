"""Background processes of the lab, each with a record of pid and start time so that only these are ever ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.tools import LabError, inside


@dataclass(frozen=True, slots=True)
class Record:
    """One process: its start time tells it from a later one that was given the same pid."""

    name: str
    pid: int
    started: int  # clock ticks since boot, as the kernel counts them

    @property
    def is_alive(self) -> bool:
        return started_at(self.pid) == self.started


def started_at(pid: int) -> int | None:
    """Return the start time of a living process; None when there is none (a zombie counts as none)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name in parentheses may hold anything
    return None if fields[0] in "ZX" else int(fields[19])


def freeze(pid: int, seconds: float = 5.0) -> None:
    """Stop a process with SIGSTOP; return once each of its threads has stopped: one that still runs may answer.

    Raises LabError: when one still runs after `seconds`. The process goes on with SIGCONT.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + seconds
    while any(state not in "TZX" for state in _thread_states(pid)):
        if time.monotonic() > deadline:
            raise LabError(f"cannot freeze process {pid}: a thread of it still runs after {seconds:g} s")
        time.sleep(0.005)


def _thread_states(pid: int) -> list[str]:
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            states.append(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0])
    return states


class Processes:
    """The processes of one lab, recorded in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(
        self, name: str, argv: Sequence[str], *, namespace: str | None = None, env: Mapping[str, str] | None = None
    ) -> Record:
        """Start a process in a session of its own, unless the recorded one still lives."""
        known = self.find(name)
        if known is not None and known.is_alive:
            return known
        self.folder.mkdir(parents=True, exist_ok=True)
        log = str(self.log(name))
        command = inside(namespace, argv)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            pid = os.posix_spawnp(
                command[0],
                command,
                dict(os.environ) | dict(env or {}),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
            )
        except OSError as error:
            raise LabError(f"cannot start {name}: {error}") from error
        started = started_at(pid)
        if started is None:
            _reap(pid)
            raise LabError(f"cannot start {name}: it ended at once; see {log}")
        record = Record(name, pid, started)
        self._path(name).write_text(json.dumps(asdict(record)), encoding="utf-8")
        return record

    def stop(self, name: str, patience: float = 3.0) -> bool:
        """End the recorded process, with SIGTERM first; return whether there was one."""
        record = self.find(name)
        if record is None:
            return False
        alive = record.is_alive
        if alive:
            end(record, patience)
        self._path(name).unlink(missing_ok=True)
        return alive

    def stop_all(self) -> tuple[str, ...]:
        return tuple(record.name for record in self.all() if self.stop(record.name))

    def find(self, name: str) -> Record | None:
        return _read(self._path(name))

    def all(self) -> tuple[Record, ...]:
        records = (_read(path) for path in sorted(self.folder.glob("*.pid")))
        return tuple(record for record in records if record is not None)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pid"


def end(record: Record, patience: float) -> None:
    """End a process (SIGTERM, wait, SIGKILL) through a pid descriptor, so that a recycled pid is never hit."""
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return
    try:
        if not record.is_alive:
            return
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if poller.poll(wait * 1000):
                return
        raise LabError(f"cannot end {record.name}: process {record.pid} survives SIGKILL")
    finally:
        os.close(handle)
        _reap(record.pid)


def wait_for_line(path: Path, text: str, record: Record, deadline: float) -> None:
    """Wait until a log contains `text`.

    Raises LabError: when the process ends first, or `text` does not come in time.
    """
    limit = time.monotonic() + deadline
    while time.monotonic() < limit:
        content = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if text in content:
            return
        if not record.is_alive:
            _reap(record.pid)
            raise LabError(f"cannot start {record.name}: it ended, saying: {content.strip()[-400:] or 'nothing'}")
        time.sleep(0.02)
    raise LabError(f"cannot start {record.name}: not ready after {deadline:g} s; see {path}")


def _reap(pid: int) -> None:
    # When we are the parent the kernel keeps the dead process until somebody asks for it.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _read(path: Path) -> Record | None:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Record(str(fields["name"]), int(fields["pid"]), int(fields["started"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
