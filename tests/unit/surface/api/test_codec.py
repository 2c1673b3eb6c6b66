"""Values, messages and JSON say the same: every field of each has its counterpart, and all of it survives the way."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from supervisor.surface.api import supervisor_pb2 as pb
from supervisor.surface.api.calls import CALLS, Call
from supervisor.surface.api.codec import fields_of, moment_text, timestamp, to_json, to_message, to_value
from supervisor.surface.control import Calls
from supervisor.values import status
from supervisor.values.handover import Waiver
from supervisor.values.status import Progress, ServiceState, ServiceStatus, UndertakingStatus
from supervisor.values.undertaking import UndertakingState
from tests.kit.fakes.control import CHANGES, CONTAINED, SBOMS
from tests.unit.surface.filled import BARE_STATUS, CURRENT, EVENTS, FULL, LINES, OTHER, RECORDS, STATUS, STEPS, TRUST

MESSAGES: dict[type, Any] = {
    status.ReleasedServiceStatus: pb.BundledService,
    status.ReleaseStatus: pb.Bundle,
    status.ContainedPackage: pb.ContainedPackage,
    status.DrainingStatus: pb.DrainingStatus,
    status.EventRecord: pb.Event,
    status.HandoverRecord: pb.HandoverRecord,
    status.HandoverStatus: pb.HandoverStatus,
    status.PackageChange: pb.PackageChange,
    status.PlannedStep: pb.PlannedStep,
    status.Progress: pb.Progress,
    status.SecretsStatus: pb.SecretsStatus,
    status.ServiceSbom: pb.ServiceSbom,
    status.ServiceStatus: pb.ServiceStatus,
    status.SupervisorStatus: pb.SupervisorStatus,
    status.TrustKeyStatus: pb.TrustKey,
    status.TrustStatus: pb.TrustStatus,
    status.UndertakingStatus: pb.UndertakingStatus,
}
SECRETS = status.SecretsStatus("file", "/etc/a.key", True, "01ab", ("23cd",), "key 23cd is still needed", "gone")
VALUES = (
    *(STATUS, BARE_STATUS, replace(STATUS, secrets=SECRETS), SECRETS, CURRENT, OTHER),
    *(*RECORDS, *STEPS, *EVENTS, *LINES, TRUST),
    *(*SBOMS, *CHANGES, *CONTAINED),
)


def test_every_value_that_is_shown_has_a_message() -> None:
    own = {kind for kind in vars(status).values() if is_dataclass(kind)}
    assert own == set(MESSAGES)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_value_and_its_message_have_the_same_fields(kind: type) -> None:
    assert {field.api_name for field in fields_of(kind)} == set(MESSAGES[kind].DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_what_may_be_none_may_be_absent(kind: type) -> None:
    described = MESSAGES[kind].DESCRIPTOR.fields_by_name
    assert [
        field.name for field in fields_of(kind) if field.is_optional and not described[field.api_name].has_presence
    ] == []


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.method.call)
def test_a_request_has_the_arguments_of_its_method(call: Call) -> None:
    parameters = fields_of(getattr(Calls, call.method.name))
    waived = {field.api_name for field in fields_of(Waiver)}
    names = {field.api_name for field in parameters if field.hint is not Waiver}
    names |= waived if any(field.hint is Waiver for field in parameters) else set()
    assert names == set(call.request.DESCRIPTOR.fields_by_name)


def test_every_call_of_the_api_has_a_method_and_every_method_a_call() -> None:
    assert {call.method.call for call in CALLS} == set(pb.DESCRIPTOR.services_by_name["Supervisor"].methods_by_name)
    offered = {name for kind in Calls.__mro__ for name in vars(kind) if not name.startswith("_")}
    assert {call.method.name for call in CALLS} == offered


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_survive_the_way_there_and_back(value: object) -> None:
    carried = MESSAGES[type(value)].FromString(to_message(value, MESSAGES[type(value)]).SerializeToString())
    assert to_value(carried, type(value)) == value


@pytest.mark.parametrize("kind", [kind for kind in MESSAGES if kind is not status.SupervisorStatus], ids=str)
def test_json_has_every_field(kind: type) -> None:
    values = (*VALUES, FULL, FULL.handover, *FULL.draining, *FULL.undertakings, *CURRENT.services, *TRUST.keys)
    value = next(value for value in values if type(value) is kind)
    assert set(to_json(value)) == {field.name.removeprefix("is_") for field in fields(kind)}


@pytest.mark.parametrize("state", ServiceState)
def test_every_state_of_a_service_has_a_number(state: ServiceState) -> None:
    numbered = pb.ServiceStatus(state=f"SERVICE_STATE_{state.name}")
    assert to_value(numbered, ServiceStatus).state is state


def test_words_of_a_newer_supervisor_are_read_as_the_unknown_one() -> None:
    assert to_value(pb.ServiceStatus(), ServiceStatus).state is ServiceState.ABSENT
    newer = pb.ServiceStatus.FromString(b"\x10\x63")  # state = 99
    assert to_value(newer, ServiceStatus).state is ServiceState.ABSENT
    assert to_value(pb.UndertakingStatus(state="asleep"), UndertakingStatus).state is UndertakingState.UNKNOWN


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1_700_000_000.123457, 1_700_000_000.9999999, 1e10])
def test_times_keep_their_microseconds(seconds: float) -> None:
    moment = Timestamp(**timestamp(seconds))
    assert moment.seconds + moment.nanos / 1e9 == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "1970-01-01T00:00:00.000Z"), (1_700_000_000.25, "2023-11-14T22:13:20.250Z")]
)
def test_times_in_json(seconds: float, text: str) -> None:
    assert moment_text(seconds) == text


def test_a_part_that_is_none_is_null() -> None:
    assert to_json(Progress("", "live", ""))["part"] is None
