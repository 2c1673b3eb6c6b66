"""Answers each call of the API from the control: one method per call, no decisions of its own."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

import grpc

from supervisor.surface.api import convert
from supervisor.surface.api import supervisor_pb2 as pb
from supervisor.surface.api.faults import INTERNAL, REASON, code_of, message_of, reason_of
from supervisor.surface.api.streams import Slots, carry
from supervisor.surface.api.supervisor_pb2_grpc import SupervisorServicer
from supervisor.surface.control import Control
from supervisor.values.handover import Waiver
from supervisor.values.status import Progress

log = logging.getLogger(__name__)

APPLY_SECONDS = 60.0
MOST_APPLY_SECONDS = 3600.0

Context = grpc.ServicerContext
MOST_OF_A_NAME = 64
Request = TypeVar("Request")
Reply = TypeVar("Reply")


def _refuse(context: Context, error: Exception) -> NoReturn:
    """Answer with an error. This is the boundary of a call, so nothing else catches broadly."""
    if reason_of(error) == INTERNAL:
        log.error("call failed", exc_info=error)
    context.set_trailing_metadata(((REASON, reason_of(error)),))
    context.abort(code_of(error), message_of(error))
    raise AssertionError("abort returned")


def unary(
    method: Callable[[Servicer, Request], Reply],
) -> Callable[[Servicer, Request, Context], Reply]:
    """A call with one answer: errors become codes."""

    @functools.wraps(method)
    def call(self: Servicer, request: Request, context: Context) -> Reply:
        try:
            return method(self, request)
        except Exception as error:
            _refuse(context, error)

    return call


def stream(
    method: Callable[[Servicer, Request, Context], Iterator[Reply]],
) -> Callable[[Servicer, Request, Context], Iterator[Reply]]:
    """A call with many answers: it takes a slot when it starts, and gives it back however it ends."""

    @functools.wraps(method)
    def call(self: Servicer, request: Request, context: Context) -> Iterator[Reply]:
        try:
            with self.slots.one():
                yield from method(self, request, context)
        except Exception as error:
            _refuse(context, error)

    return call


def _given(request: Any, field: str) -> Any:
    return getattr(request, field) if request.HasField(field) else None


def _name(said: str) -> str:
    """Return what a caller says of itself as one line of an audit log can have it."""
    return "".join(letter for letter in said if letter.isprintable())[:MOST_OF_A_NAME]


def _files(request: pb.ApplyConfigRequest | pb.DiffConfigRequest) -> tuple[tuple[str, bytes], ...]:
    return tuple((file.name, file.content) for file in request.files)


def _progress(items: Iterator[Progress], context: Context) -> Iterator[pb.Progress]:
    return carry(items, convert.progress_message, context)


class Servicer(SupervisorServicer):
    """The gRPC service over one control."""

    def __init__(self, control: Control, slots: Slots) -> None:
        self.control, self.slots = control, slots

    # ------------------------------------------------------------ reading

    @unary
    def GetStatus(self, request: pb.GetStatusRequest) -> pb.SupervisorStatus:  # noqa: N802 - the names of the API
        return convert.status_message(self.control.status())

    @unary
    def Plan(self, request: pb.PlanRequest) -> pb.PlanResponse:  # noqa: N802
        steps = self.control.plan(_given(request, "release"))
        return pb.PlanResponse(steps=[convert.step_message(step) for step in steps])

    @unary
    def ListHistory(self, request: pb.ListHistoryRequest) -> pb.ListHistoryResponse:  # noqa: N802
        records = self.control.history(_given(request, "service"), request.limit or 100)
        return pb.ListHistoryResponse(handovers=[convert.record_message(record) for record in records])

    # ------------------------------------------------------------ services

    @stream
    def Swap(self, request: pb.SwapRequest, context: Context) -> Iterator[pb.Progress]:  # noqa: N802
        waiver = Waiver(request.no_soak, request.force)
        asked = self.control.swap(
            request.service, _given(request, "version"), request.wait, waiver, _name(request.asked_by)
        )
        return _progress(asked, context)

    @stream
    def Upgrade(self, request: pb.UpgradeRequest, context: Context) -> Iterator[pb.Progress]:  # noqa: N802
        return _progress(self.control.upgrade(_given(request, "release"), request.wait), context)

    @stream
    def Rollback(self, request: pb.RollbackRequest, context: Context) -> Iterator[pb.Progress]:  # noqa: N802
        return _progress(self.control.rollback(request.service, request.wait), context)

    @stream
    def Restart(self, request: pb.RestartRequest, context: Context) -> Iterator[pb.Progress]:  # noqa: N802
        return _progress(self.control.restart(request.service, request.wait), context)

    @stream
    def MigrateEngine(self, request: pb.MigrateEngineRequest, context: Context) -> Iterator[pb.Progress]:  # noqa: N802
        return _progress(self.control.migrate_engine(request.to, request.wait), context)

    @unary
    def Confirm(self, request: pb.ConfirmRequest) -> pb.ConfirmResponse:  # noqa: N802
        self.control.confirm(request.service)
        return pb.ConfirmResponse()

    @unary
    def Pin(self, request: pb.PinRequest) -> pb.PinResponse:  # noqa: N802
        self.control.pin(request.service)
        return pb.PinResponse()

    @unary
    def Unpin(self, request: pb.UnpinRequest) -> pb.UnpinResponse:  # noqa: N802
        self.control.unpin(request.service)
        return pb.UnpinResponse()

    # ------------------------------------------------------------ bundles

    @unary
    def ListBundles(self, request: pb.ListBundlesRequest) -> pb.ListBundlesResponse:  # noqa: N802
        return pb.ListBundlesResponse(bundles=[convert.bundle_message(b) for b in self.control.bundles()])

    @stream
    def VerifyBundle(self, request: pb.VerifyBundleRequest, context: Context) -> Iterator[pb.Progress]:  # noqa: N802
        return _progress(self.control.verify_bundle(request.path), context)

    @stream
    def ImportBundle(self, request: pb.ImportBundleRequest, context: Context) -> Iterator[pb.Progress]:  # noqa: N802
        return _progress(self.control.import_bundle(request.path, request.allow_downgrade), context)

    @unary
    def PruneBundles(self, request: pb.PruneBundlesRequest) -> pb.PruneBundlesResponse:  # noqa: N802
        return pb.PruneBundlesResponse(releases=self.control.prune_bundles())

    # ------------------------------------------------------------ configuration

    @unary
    def GetConfig(self, request: pb.GetConfigRequest) -> pb.GetConfigResponse:  # noqa: N802
        return pb.GetConfigResponse(json=json.dumps(self.control.show_config()))

    @stream
    def ApplyConfig(self, request: pb.ApplyConfigRequest, context: Context) -> Iterator[pb.Progress]:  # noqa: N802
        asked = request.timeout_seconds  # a call that nobody listens to any more is followed all the same
        seconds = min(asked, MOST_APPLY_SECONDS) if asked > 0 else APPLY_SECONDS
        return _progress(self.control.apply_config(_files(request), request.wait, seconds), context)

    @unary
    def DiffConfig(self, request: pb.DiffConfigRequest) -> pb.DiffConfigResponse:  # noqa: N802
        return pb.DiffConfigResponse(diff=self.control.diff_config(_files(request)))

    # ------------------------------------------------------------ streams

    @stream
    def ReadLogs(self, request: pb.ReadLogsRequest, context: Context) -> Iterator[pb.LogChunk]:  # noqa: N802
        chunks = self.control.logs(request.service, request.tail, request.follow)
        return carry(chunks, lambda data: pb.LogChunk(data=data), context, is_heartbeat=lambda data: not data)

    @stream
    def ReadEvents(self, request: pb.ReadEventsRequest, context: Context) -> Iterator[pb.Event]:  # noqa: N802
        events = self.control.events(request.follow)
        return carry(events, convert.event_message, context, is_heartbeat=lambda event: not event.name)
