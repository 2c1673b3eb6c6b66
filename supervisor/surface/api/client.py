"""Speaks the API. `RemoteControl` is the control of a supervisor in another process: same methods, same values."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc

from supervisor.surface.api import convert
from supervisor.surface.api import supervisor_pb2 as pb
from supervisor.surface.api.faults import MAX_METADATA_BYTES, REASON, ApiError, UnreachableError
from supervisor.surface.api.supervisor_pb2_grpc import SupervisorStub
from supervisor.values.handover import NO_WAIVER, Waiver
from supervisor.values.status import (
    BundleStatus,
    EventRecord,
    HandoverRecord,
    PlannedStep,
    Progress,
    SupervisorStatus,
)

Message = TypeVar("Message")
Value = TypeVar("Value")

_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.enable_http_proxy", 0),
)
_NO_ANSWER = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,  # by a server that stops
}


class RemoteControl:
    """Calls one supervisor. ApiError (UnreachableError when nothing answers) is all it raises."""

    def __init__(
        self,
        target: str,
        credentials: grpc.ChannelCredentials | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._target, self._timeout = target, timeout
        self._channel = (
            grpc.secure_channel(target, credentials, options=_OPTIONS)
            if credentials
            else grpc.insecure_channel(target, options=_OPTIONS)
        )
        self._stub: Any = SupervisorStub(self._channel)  # type: ignore[no-untyped-call]

    @classmethod
    def on_socket(cls, path: str, timeout: float = 30.0) -> RemoteControl:
        return cls(f"unix:{path}", timeout=timeout)

    def close(self) -> None:
        self._channel.close()

    # ------------------------------------------------------------ reading

    def status(self) -> SupervisorStatus:
        return convert.status_value(self._ask(self._stub.GetStatus, pb.GetStatusRequest()))

    def plan(self, release: str | None) -> tuple[PlannedStep, ...]:
        answer: pb.PlanResponse = self._ask(self._stub.Plan, pb.PlanRequest(release=release))
        return tuple(convert.step_value(step) for step in answer.steps)

    def history(self, service: str | None, limit: int) -> tuple[HandoverRecord, ...]:
        request = pb.ListHistoryRequest(service=service, limit=limit)
        answer: pb.ListHistoryResponse = self._ask(self._stub.ListHistory, request)
        return tuple(convert.record_value(record) for record in answer.handovers)

    def bundles(self) -> tuple[BundleStatus, ...]:
        answer: pb.ListBundlesResponse = self._ask(self._stub.ListBundles, pb.ListBundlesRequest())
        return tuple(convert.bundle_value(bundle) for bundle in answer.bundles)

    def show_config(self) -> dict[str, object]:
        answer: pb.GetConfigResponse = self._ask(self._stub.GetConfig, pb.GetConfigRequest())
        shown: dict[str, object] = json.loads(answer.json)
        return shown

    def diff_config(self, files: tuple[tuple[str, bytes], ...]) -> str:
        answer: pb.DiffConfigResponse = self._ask(self._stub.DiffConfig, pb.DiffConfigRequest(files=_files(files)))
        return answer.diff

    # ------------------------------------------------------------ changing

    def swap(
        self, service: str, version: str | None, wait: bool, waiver: Waiver = NO_WAIVER, asked_by: str = ""
    ) -> Iterator[Progress]:
        request = pb.SwapRequest(
            service=service,
            version=version,
            wait=wait,
            no_soak=waiver.soak,
            force=waiver.judgement,
            asked_by=asked_by,
        )
        return self._watch(self._stub.Swap, request)

    def upgrade(self, release: str | None, wait: bool) -> Iterator[Progress]:
        return self._watch(self._stub.Upgrade, pb.UpgradeRequest(release=release, wait=wait))

    def rollback(self, service: str, wait: bool) -> Iterator[Progress]:
        return self._watch(self._stub.Rollback, pb.RollbackRequest(service=service, wait=wait))

    def restart(self, service: str, wait: bool) -> Iterator[Progress]:
        return self._watch(self._stub.Restart, pb.RestartRequest(service=service, wait=wait))

    def migrate_engine(self, to: str, wait: bool) -> Iterator[Progress]:
        return self._watch(self._stub.MigrateEngine, pb.MigrateEngineRequest(to=to, wait=wait))

    def confirm(self, service: str) -> None:
        self._ask(self._stub.Confirm, pb.ConfirmRequest(service=service))

    def pin(self, service: str) -> None:
        self._ask(self._stub.Pin, pb.PinRequest(service=service))

    def unpin(self, service: str) -> None:
        self._ask(self._stub.Unpin, pb.UnpinRequest(service=service))

    def verify_bundle(self, path: str) -> Iterator[Progress]:
        return self._watch(self._stub.VerifyBundle, pb.VerifyBundleRequest(path=path))

    def import_bundle(self, path: str, allow_downgrade: bool) -> Iterator[Progress]:
        request = pb.ImportBundleRequest(path=path, allow_downgrade=allow_downgrade)
        return self._watch(self._stub.ImportBundle, request)

    def prune_bundles(self) -> tuple[str, ...]:
        answer: pb.PruneBundlesResponse = self._ask(self._stub.PruneBundles, pb.PruneBundlesRequest())
        return tuple(answer.releases)

    def apply_config(
        self, files: tuple[tuple[str, bytes], ...], wait: bool = True, timeout: float = 60.0
    ) -> Iterator[Progress]:
        request = pb.ApplyConfigRequest(files=_files(files), wait=wait, timeout_seconds=timeout)
        return self._watch(self._stub.ApplyConfig, request)

    # ------------------------------------------------------------ following

    def logs(self, service: str, tail: int, follow: bool) -> Iterator[bytes]:
        request = pb.ReadLogsRequest(service=service, tail=tail, follow=follow)
        return self._receive(self._stub.ReadLogs, request, _chunk_data)

    def events(self, follow: bool) -> Iterator[EventRecord]:
        return self._receive(self._stub.ReadEvents, pb.ReadEventsRequest(follow=follow), convert.event_value)

    # ------------------------------------------------------------ calls

    def _ask(self, call: Any, request: object) -> Any:
        try:
            return call(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._translate(error) from error

    def _watch(self, call: Any, request: object) -> Iterator[Progress]:
        return self._receive(call, request, convert.progress_value)

    def _receive(self, call: Any, request: object, to_value: Callable[[Message], Value]) -> Iterator[Value]:
        answers = call(request)
        try:
            for message in answers:
                yield to_value(message)
        except grpc.RpcError as error:
            raise self._translate(error) from error
        finally:
            answers.cancel()

    def _translate(self, error: Any) -> ApiError:
        code: grpc.StatusCode = error.code()
        metadata: Iterable[tuple[str, str]] = error.trailing_metadata() or ()
        reason = dict(metadata).get(REASON)
        message: str = error.details() or code.name.lower().replace("_", " ")
        if reason is None and code in _NO_ANSWER:
            cause = self._cause(message)
            return UnreachableError(code, None, f"cannot reach the supervisor at {self._target}: {cause}")
        return ApiError(code, reason, message)

    def _cause(self, message: str) -> str:
        """Ask the kernel why: gRPC's own text repeats the address three times."""
        kind, _, path = self._target.partition(":")
        if kind != "unix":
            return message
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(path)
            except FileNotFoundError:
                return "there is no such socket; is it running?"
            except ConnectionRefusedError:
                return "nobody listens there any more; is it running?"
            except OSError as error:
                return (error.strerror or str(error)).lower()
        return message


def _files(files: tuple[tuple[str, bytes], ...]) -> list[pb.ConfigFile]:
    return [pb.ConfigFile(name=name, content=content) for name, content in files]


def _chunk_data(chunk: pb.LogChunk) -> bytes:
    return chunk.data
