"""Errors of requests: an operator asks for a thing that cannot be done."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.values.errors.base import SupervisorError
from supervisor.values.listing import listed


class RequestError(SupervisorError, word="request"):
    """The request cannot be carried out; nothing was changed."""


class UnknownServiceError(RequestError, word="unknown-service"):
    """No service has that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"cannot find service {name!r}: known services are {listed(known, ', ') or 'none'}")
        self.name, self.known = name, tuple(known)


class UnknownVersionError(RequestError, word="unknown-version"):
    """No imported bundle has that version of the service."""

    def __init__(self, service: str, version: str, known: Sequence[str]) -> None:
        super().__init__(
            f"cannot find version {version!r} of {service}: imported versions are {listed(known, ', ') or 'none'}"
        )
        self.service, self.version, self.known = service, version, tuple(known)


class UnknownReleaseError(RequestError, word="unknown-release"):
    """The release is not imported, or none is."""

    def __init__(self, name: str | None, known: Sequence[str]) -> None:
        what = "a release" if name is None else f"release {name!r}"
        super().__init__(f"cannot find {what}: imported releases are {listed(known, ', ') or 'none'}")
        self.name, self.known = name, tuple(known)


class BusyError(RequestError, word="busy"):
    """Another operation on the service is under way."""

    def __init__(self, service: str, holder: str) -> None:
        super().__init__(f"cannot change {service}: {holder}")
        self.service, self.holder = service, holder
