"""Requests to Podman about one container of ours, and what has to be put right before its answers can be used.

The engine learns of the end of a process from the container's monitor, later than the kernel; `inspected` waits for it.
"""

from __future__ import annotations

import contextlib
from typing import Any

from supervisor.decisions.retries import MONITOR_REPORT, retry
from supervisor.edges.engine import podman_facts as facts
from supervisor.edges.engine.client import DeadlineError, RefusedError
from supervisor.edges.engine.commands import Commands, about
from supervisor.edges.engine.podman_client import PodmanClient
from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import NoSuchContainerError

LOOK_DEADLINE = 8.0  # an inspection takes milliseconds: nobody waits longer to learn that the engine hangs
CLEANUP_DEADLINE = 2.0
UNKNOWN_EXIT_CODE = 255

_CONFLICT = 409


class PodmanRequests:
    """Inspections and signals of containers that carry `label`; a container without it does not exist here."""

    def __init__(
        self, client: PodmanClient, files: PodmanFiles, commands: Commands, label: str, deadline: float
    ) -> None:
        self._client, self._files, self._commands, self._label = client, files, commands, label
        self.look_deadline = min(LOOK_DEADLINE, deadline)

    def inspected(self, name: str) -> Any:
        """Return the engine's facts about a container once they agree with the kernel.

        Raises NoSuchContainerError: when there is none, or it is not ours.
        """
        report: Any = None

        def ask() -> Any:
            nonlocal report
            report = self._asked(name)
            return report

        def await_report(seconds: float) -> None:
            # The process is gone and the engine does not know yet: its monitor is about to report it, or is gone too.
            # Then nobody would, and the container could be neither started nor removed: report it in its place.
            monitor = Process.find(int(report["State"]["ConmonPid"] or 0))
            if monitor is None:
                self._files.write_exit_code(report["Id"], UNKNOWN_EXIT_CODE)
            else:
                monitor.wait(seconds)

        return retry(MONITOR_REPORT, ask, until=facts.is_settled, sleep=await_report)

    def unfrozen(self, name: str) -> Any:
        """Unpause a container if it is paused, for a frozen process gets no signal; return the facts about it."""
        report = self.inspected(name)
        if report["State"]["Paused"]:
            with contextlib.suppress(RefusedError):  # it was unpaused meanwhile
                self._commands.thaw(name)
            report = self.inspected(name)
        return report

    def signal(self, name: str, number: int) -> None:
        """Send a signal; nothing happens when the container has ended meanwhile."""
        try:
            with about(name):
                self._client.post(f"signal container {name}", f"/containers/{name}/kill", signal=str(int(number)))
        except RefusedError as error:
            # Between our look and the signal it may have ended.
            if error.status != _CONFLICT and self.inspected(name)["State"]["Running"]:
                raise

    def exists(self, name: str) -> bool:
        """Return True if there is a container of this name, ours or not."""
        return self._client.exists(f"look for container {name}", f"/containers/{name}/exists")

    def await_end(self, name: str, timeout: float) -> int:
        """Return the exit code once the engine has recorded it. Raises DeadlineError: not within `timeout` seconds."""
        with about(name):
            return int(
                self._client.post(
                    f"see the end of container {name}",
                    f"/containers/{name}/wait",
                    deadline=max(timeout, 0.001),
                    condition="exited",
                    interval="10ms",
                )
            )

    def await_cleanup(self, name: str) -> None:
        """Wait for the engine's clean-up after a container has ended, for some seconds at most."""
        with contextlib.suppress(DeadlineError, RefusedError):  # without its monitor nobody cleans up, and that is fine
            self.await_end(name, CLEANUP_DEADLINE)

    def _asked(self, name: str) -> Any:
        try:
            with about(name):
                report = self._client.get(
                    f"inspect container {name}", f"/containers/{name}/json", deadline=self.look_deadline
                )
        except RefusedError as error:
            # While it is being removed the status is another one: ask what is the case.
            if self.exists(name):
                raise
            raise NoSuchContainerError(name) from error
        key, _, value = self._label.partition("=")
        # The API also takes the beginning of an id for a name, and a container that is not ours does not exist here.
        if report["Name"] != name or (report["Config"].get("Labels") or {}).get(key) != value:
            raise NoSuchContainerError(name)
        return report
