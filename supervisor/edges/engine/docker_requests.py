"""Requests to Docker about one container of ours, and the list of all of them.

The daemon notices an exit up to a tenth of a second after the kernel: where the process is gone, it is waited for.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from supervisor.edges.engine import docker_facts as facts
from supervisor.edges.engine.client import DeadlineError, RefusedError
from supervisor.edges.engine.commands import Commands, about
from supervisor.edges.engine.docker_client import DockerClient
from supervisor.edges.engine.docker_ownership import Ownership, held
from supervisor.values.errors import NameTakenError, NoSuchContainerError

END_DEADLINE = 2.0  # after the end of a process, until the daemon knows of it

_NOT_FOUND, _CONFLICT = 404, 409


class DockerRequests:
    """Inspections and signals of containers that are ours; another container does not exist here."""

    def __init__(self, client: DockerClient, commands: Commands, ownership: Ownership) -> None:
        self._client, self._commands, self._ownership = client, commands, ownership

    def path(self, name: str) -> str:
        """Return the API's path of a container, by its name in the daemon."""
        return f"/containers/{self._ownership.called(name)}"

    def inspected(self, name: str) -> Any:
        """Return the daemon's facts about a container once they agree with the kernel.

        Raises NoSuchContainerError: when there is none, or it is not ours.
        """
        report = self.asked(name)
        if facts.is_alive(report) and facts.process(report) is None:
            with contextlib.suppress(DeadlineError):
                self.await_end(name, END_DEADLINE)
            report = self.asked(name)
        return report

    def asked(self, name: str) -> Any:
        """Return the daemon's facts about a container as they are. Raises NoSuchContainerError: it is none of ours."""
        with about(name):
            report = self._client.get(f"inspect container {name}", f"{self.path(name)}/json")
        # The API also takes the beginning of an id for a name, and a container that is not ours does not exist here.
        labels = facts.labels(report)
        is_ours = self._ownership.name_of(facts.called(report), labels) == name and held(name, labels) is None
        if not is_ours:
            raise NoSuchContainerError(name)
        return report

    def unfrozen(self, name: str) -> Any:
        """Unpause a container if it is paused, for a frozen process gets no signal; return the facts about it."""
        report = self.inspected(name)
        if facts.is_paused(report):
            with contextlib.suppress(RefusedError):  # it was unpaused meanwhile
                self._commands.thaw(name)
            report = self.inspected(name)
        return report

    def signal(self, name: str, number: int) -> None:
        """Send a signal; nothing happens when the container has ended meanwhile."""
        try:
            with about(name):
                self._client.post(f"signal container {name}", f"{self.path(name)}/kill", signal=str(int(number)))
        except RefusedError as error:
            # Between our look and the signal it may have ended.
            if error.status != _CONFLICT and facts.is_alive(self.inspected(name)):
                raise

    def await_end(self, name: str, timeout: float) -> int:
        """Return the exit code once the daemon has it.

        Raises DeadlineError: when it has none within `timeout` seconds.
        """
        action = f"see the end of container {name}"
        with about(name):
            answer = self._client.post(
                action, f"{self.path(name)}/wait", deadline=max(timeout, 0.001), condition="not-running"
            )
        return int(answer["StatusCode"])

    def refuse_taken(self, name: str) -> None:
        """Raise NameTakenError if there is a container of this very name: the API takes the beginning of an id too."""
        try:
            report = self._client.get(f"look for container {name}", f"{self.path(name)}/json")
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            return
        if facts.called(report) == self._ownership.called(name):
            raise NameTakenError(name)

    def listed(self) -> dict[str, Any]:
        """Return the list's entries of all that is ours, holders too, by name.

        A container that is being removed may have no name any more.
        """
        filters = json.dumps({"label": [self._ownership.filter]})
        entries = self._client.get("list containers", "/containers/json", all="true", filters=filters) or ()
        named = [
            (self._ownership.name_of(called.removeprefix("/"), entry["Labels"]), entry)
            for entry in entries
            for called in entry.get("Names") or ()
        ]
        return {name: entry for name, entry in named if name is not None}
