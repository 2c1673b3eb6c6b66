"""The engine's own service process: started by the supervisor, outliving it, adopted by the next one.

It is in a session of its own and nobody else looks after it: pid and start time are recorded beside the socket.
Containers do not depend on it (each has a monitor whose parent is init), so it may be killed and started at any time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable

from supervisor.decisions.retries import ENGINE_ANSWER, ENGINE_CLEAN_UP, poll
from supervisor.edges.engine.podman_files import PATH, PodmanFiles
from supervisor.edges.engine.processes import Process, is_cleaning_up
from supervisor.edges.engine.space import SPACE_RESERVE
from supervisor.values.errors import EngineError, EngineUnavailableError

STOP_DEADLINE = 5.0
LOG_LIMIT = 1024 * 1024
CONMON_PLACES = "/usr/libexec/podman:/usr/local/libexec/podman:/usr/lib/podman:/usr/libexec/crio"
ENV = "/usr/bin/env"
PACKAGES = {"podman": "podman", "runc": "runc", "conmon": "conmon"}


log = logging.getLogger(__name__)


class EngineEndedError(EngineUnavailableError, word="engine-ended"):
    """The service ended before it answered."""


class PodmanService:
    """Runs one `podman system service` on a private socket. `ping` raises EngineError while it does not answer."""

    def __init__(self, files: PodmanFiles, ping: Callable[[], object]) -> None:
        self._files, self._ping = files, ping
        self._lock = threading.Lock()

    def start(self) -> None:
        """Adopt the recorded service when it answers and is as we would start it; else replace it.

        Raises EngineUnavailableError: when it cannot be started; no process is left then.
        """
        with self._lock:
            program = require_programs()
            try:
                self._adopt_or_replace(program)
            except OSError as error:  # a disk that is full or read-only, say
                raise EngineUnavailableError(f"cannot start the engine: {error}") from error
            except EngineEndedError:
                if not self._files.can_be_written(SPACE_RESERVE):
                    raise
                self._start_without_storage(program)

    def renew_storage(self) -> None:
        """Lay the storage aside and start with an empty one; containers go on.

        Raises EngineUnavailableError: when it cannot be started.
        """
        with self._lock:
            program = require_programs()
            self._end_service()
            try:
                self._files.lay_storage_aside()
                self._adopt_or_replace(program)
            except OSError as error:
                raise EngineUnavailableError(f"cannot start the engine: {error}") from error

    def _start_without_storage(self, program: str) -> None:
        """Start with an empty storage a service that ended at once with the one it had.

        When it starts so, the former storage is damaged and stays laid aside; else the empty one is removed.
        """
        fresh = self._files.lay_storage_aside()
        try:
            self._adopt_or_replace(program)
        except EngineUnavailableError:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        log.error("engine storage laid aside", extra={"reason": "the engine does not start with it"})

    def _adopt_or_replace(self, program: str) -> None:
        digest = self._files.prepare()
        recorded = self._recorded()
        if recorded and recorded[1] == digest and self._is_good(recorded[0]):
            self._bound_log()
            return
        if recorded:
            _end(recorded[0], signal.SIGKILL)
        self._files.empty_spool()
        self._files.socket.unlink(missing_ok=True)
        process = self._spawn(program)
        record = {"pid": process.pid, "started": process.started, "configuration": digest}
        try:
            self._files.record.write_text(json.dumps(record))
            self._await_answer(process)
        except BaseException:  # a service that is not recorded, or does not answer, would never be ended
            _end(process, signal.SIGKILL)
            raise

    def stop(self) -> None:
        """End the service; containers keep running. Nothing happens when none is recorded."""
        with self._lock:
            self._end_service()
            # So does whoever cleans up after a container that has just ended: it would mount again what we unmount.
            self._await_clean_up()
            # The service mounts its overlay folder on itself. The kernel refuses while a container's root is below it.
            overlay = str(self._files.storage / "overlay")
            subprocess.run(["umount", overlay], capture_output=True, check=False, timeout=STOP_DEADLINE)

    def _end_service(self) -> None:
        if recorded := self._recorded():
            _end(recorded[0], signal.SIGTERM)
        self._files.record.unlink(missing_ok=True)
        self._files.socket.unlink(missing_ok=True)

    def _await_clean_up(self) -> None:
        """Wait for monitors of ended containers, and the commands they leave behind, for some seconds at most."""
        poll(ENGINE_CLEAN_UP, lambda: not is_cleaning_up(str(self._files.storage)), sleep=time.sleep)

    def process(self) -> Process | None:
        """Return the service that runs now; None: none does."""
        recorded = self._recorded()
        return recorded[0] if recorded else None

    def _recorded(self) -> tuple[Process, str] | None:
        try:
            record = json.loads(self._files.record.read_text())
            process, digest = Process(int(record["pid"]), int(record["started"])), str(record["configuration"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        _reap(process.pid)
        return (process, digest) if process.is_alive() else None

    def _is_good(self, process: Process) -> bool:
        """Return True if the service answers, and is in our network: router-mode containers are
        started in its network.
        """
        if process.namespace("net") != Process(os.getpid(), 0).namespace("net"):
            return False
        try:
            self._ping()
        except EngineError:
            return False
        return True

    def _spawn(self, program: str) -> Process:
        log = os.open(self._files.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            pid = os.posix_spawn(
                # A container's monitor keeps the folder it was started in, and may leave a file named `oom` there: that
                # shall be no folder of the operator's, and none that is unmounted.
                ENV,
                [
                    ENV,
                    "-C",
                    str(self._files.runtime.parent),
                    program,
                    "system",
                    "service",
                    "--time=0",
                    f"unix://{self._files.socket}",
                ],
                self._files.environment(),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,  # a signal to the supervisor's group or terminal is none of its business
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD],
            )
        except OSError as error:
            raise EngineUnavailableError(f"cannot start {program}: {error.strerror}") from error
        finally:
            os.close(log)
        process = Process.find(pid)
        if process is None:
            _reap(pid)
            raise EngineUnavailableError(f"cannot start the engine: {program} ended at once: {self._last_words()}")
        return process

    def _await_answer(self, process: Process) -> None:
        if poll(ENGINE_ANSWER, self._is_answering, sleep=process.wait):
            return
        if process.wait(0):
            raise EngineEndedError(f"cannot start the engine: it ended: {self._last_words()}")
        raise EngineUnavailableError(
            f"cannot start the engine: no answer on {self._files.socket} in {ENGINE_ANSWER.longest:g} s:"
            f" {self._last_words()}"
        )

    def _is_answering(self) -> bool:
        if self._files.socket.exists():
            with contextlib.suppress(EngineError):
                self._ping()
                return True
        return False

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            words = self._files.log.read_text(errors="replace").strip().splitlines()[-3:]
            return " / ".join(words) or "it said nothing"
        return "it said nothing"

    def _bound_log(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._files.log.stat().st_size > LOG_LIMIT:
                os.truncate(self._files.log, 0)


def require_programs(path: str = PATH, conmon_places: str = CONMON_PLACES) -> str:
    """Return the path of podman. Raises EngineUnavailableError: with everything that is missing, and its package."""
    if os.geteuid() != 0:
        raise EngineUnavailableError("cannot start the engine: it needs root; start the supervisor as root")
    places = {
        "podman": shutil.which("podman", path=path),
        "runc": shutil.which("runc", path=path),
        "conmon": shutil.which("conmon", path=f"{path}:{conmon_places}"),
    }
    missing = [program for program, path in places.items() if path is None]
    if missing:
        packages = " ".join(PACKAGES[program] for program in missing)
        raise EngineUnavailableError(
            f"cannot start the engine: {', '.join(missing)} not found; install with: apt-get install {packages}"
        )
    return str(places["podman"])


def _end(process: Process, first: int) -> None:
    process.signal(first)
    if not process.wait(STOP_DEADLINE):
        process.signal(signal.SIGKILL)
        process.wait(STOP_DEADLINE)
    _reap(process.pid)


def _reap(pid: int) -> None:
    """Collect a process if it is our child and has ended; an adopted one is init's to collect."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
