"""Carries errors over the API: a code, the whole message, and a word for programs in the trailing metadata."""

from __future__ import annotations

import grpc

from supervisor.surface.last_net import unforeseen
from supervisor.values.errors import (
    BundleError,
    BusyError,
    ConfigurationError,
    EngineError,
    ManifestError,
    RequestError,
    SupervisorError,
    UnknownReleaseError,
    UnknownServiceError,
    UnknownVersionError,
)

REASON = "vr-reason"
INTERNAL = "internal"
MAX_METADATA_BYTES = 1 << 20  # that a client takes: an earlier supervisor sends messages of any length

_CODES: tuple[tuple[type[SupervisorError], grpc.StatusCode], ...] = (  # the first that matches counts
    (UnknownServiceError, grpc.StatusCode.NOT_FOUND),
    (UnknownVersionError, grpc.StatusCode.NOT_FOUND),
    (UnknownReleaseError, grpc.StatusCode.NOT_FOUND),
    (BusyError, grpc.StatusCode.ABORTED),
    (RequestError, grpc.StatusCode.FAILED_PRECONDITION),
    (ConfigurationError, grpc.StatusCode.INVALID_ARGUMENT),
    (BundleError, grpc.StatusCode.INVALID_ARGUMENT),
    (ManifestError, grpc.StatusCode.INVALID_ARGUMENT),
    (EngineError, grpc.StatusCode.UNAVAILABLE),
)


class ApiError(SupervisorError, word="api"):
    """A call was answered with an error; `reason` is None when it did not come from a supervisor."""

    def __init__(self, code: grpc.StatusCode, reason: str | None, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason


class UnreachableError(ApiError, word="unreachable"):
    """Nothing answers at the address."""


class TooManyStreamsError(RequestError, word="too-many-streams"):
    """As many streams of a kind (`followers`, `operations`) are open as the server carries."""

    def __init__(self, limit: int, kind: str = "streams") -> None:
        of_kind = "" if kind == "streams" else f"{kind} "
        super().__init__(f"cannot open another stream: {limit} {of_kind}are open already")
        self.kind, self.limit = kind, limit


def code_of(error: Exception) -> grpc.StatusCode:
    """Return the code that a call ends with; INTERNAL for an error that no row of the table speaks of."""
    if isinstance(error, TooManyStreamsError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def reason_of(error: Exception) -> str:
    """Return the word of an error that programs get; `internal` for one that was not foreseen."""
    return error.word if isinstance(error, SupervisorError) else INTERNAL


def message_of(error: Exception) -> str:
    """Return the message for people; of an error that was not foreseen it says nothing but where to read about it."""
    return str(error) if isinstance(error, SupervisorError) else unforeseen(error, "cannot answer")
