"""Errors of hand-overs: a step that cannot be completed, so that the hand-over is undone.

Programs get one word for all of them: they end a hand-over, whose record has the whole text as its reason.
"""

from __future__ import annotations

from supervisor.values.errors.base import SupervisorError


class HandoverError(SupervisorError, word="supervisor"):
    """A step of a hand-over cannot be completed."""


class CheckFailedError(HandoverError, word="supervisor"):
    """The candidate's image refuses the configuration that was rendered for it."""

    def __init__(self, service: str, version: str, cause: str) -> None:
        super().__init__(f"cannot use {version} of {service}: {cause}")
        self.service, self.version, self.cause = service, version, cause


class CandidateEndedError(HandoverError, word="supervisor"):
    """The candidate's container ended before it was ready. `output` is the end of what it wrote, or empty."""

    def __init__(self, container: str, exit_code: int | None, output: str) -> None:
        super().__init__(f"cannot give traffic to {container}: it ended with exit code {exit_code}{output}")
        self.container, self.exit_code, self.output = container, exit_code, output


class CandidateNotReadyError(HandoverError, word="supervisor"):
    """The candidate's readiness probes did not hold in time. `output` is the end of what it wrote, or empty."""

    def __init__(self, container: str, seconds: float, cause: str, output: str) -> None:
        super().__init__(f"cannot give traffic to {container}: not ready after {seconds:g} s: {cause}{output}")
        self.container, self.seconds, self.cause, self.output = container, seconds, cause, output


class ReloadFailedError(HandoverError, word="supervisor"):
    """The command that reloads a daemon's configuration ended with an error."""

    def __init__(self, container: str, command: str, output: str) -> None:
        super().__init__(f"cannot reload {container}: {command} ended with {output}")
        self.container, self.command, self.output = container, command, output
