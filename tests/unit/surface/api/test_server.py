"""The API over a real unix socket: what goes in comes out, errors keep their meaning, streams end."""

from __future__ import annotations

import math
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from supervisor.surface.api.calls import SERVICE
from supervisor.surface.api.client import RemoteControl
from supervisor.surface.api.faults import ApiError, UnreachableError
from supervisor.surface.api.server import ApiServer
from supervisor.surface.control import METHODS, Control
from supervisor.values.errors import (
    BundleError,
    BusyError,
    ConfigurationError,
    EngineError,
    EngineUnavailableError,
    Fault,
    ManifestError,
    NoSuchImageError,
    RequestError,
    StateError,
    UnknownServiceError,
    UnknownVersionError,
)
from supervisor.values.listing import transported
from supervisor.values.status import Progress
from tests.kit.fakes.control import EVENTS, NEW, OLD, RECORDS, FakeControl

Eventually = Callable[[Callable[[], bool]], None]


def test_both_ends_satisfy_the_same_contract(control: FakeControl) -> None:
    here: Control = control
    methods = {method.name for method in METHODS}
    assert methods <= set(dir(here))
    assert methods <= set(dir(RemoteControl))


# ---------------------------------------------------------------- values


def test_status_arrives_whole(control: FakeControl, remote: RemoteControl) -> None:
    assert remote.status() == control.current


def test_answers_of_short_calls_arrive_whole(control: FakeControl, remote: RemoteControl) -> None:
    assert remote.releases() == (OLD, NEW)
    assert remote.plan("2026.2") == control.plan("2026.2")
    assert remote.history(None, 10) == RECORDS
    assert remote.history("beta", 10) == RECORDS[1:]
    assert remote.show_config() == control.show_config()
    assert remote.diff_config((("a.json", b"{}"),)) == "--- now\n+++ then\n+host\n"
    assert remote.prune_releases() == ("2026.2",)


def test_absent_arguments_stay_absent(control: FakeControl, remote: RemoteControl) -> None:
    remote.plan(None)
    list(remote.swap("alpha", None, True))
    list(remote.upgrade(None, False))
    assert control.calls == [("plan", None), ("swap", "alpha", None, True), ("upgrade", None, False)]


def test_operations_stream_their_progress(control: FakeControl, remote: RemoteControl) -> None:
    assert list(remote.swap("alpha", "2.0", True)) == [
        Progress("alpha", "accepted", "to 2.0"),
        Progress("alpha", "ready", "candidate is ready", 0.5, 0.2),
        Progress("alpha", "retire", "done", 1.0, 0.75, is_final=True),
    ]
    assert [p.is_final for p in remote.rollback("alpha", True)] == [False, False, True]
    assert [p.is_final for p in remote.restart("alpha", False)] == [False]
    assert [p.fraction for p in remote.verify_bundle("/x.iso")] == [0.5, 1.0]
    assert [p.service for p in remote.apply_config((("1.json", b"{}"), ("2.json", b"{}")))] == [
        "1.json",
        "2.json",
        "configuration",
    ]
    list(remote.import_bundle("/old.iso", True))
    assert control.calls[-1] == ("import_bundle", "/old.iso", True)


def test_logs_and_events_arrive_in_order(remote: RemoteControl) -> None:
    assert b"".join(remote.logs("alpha", 10, False)) == b"first\nsecond \xff\nthird"
    assert tuple(remote.events(False)) == EVENTS


def test_large_configurations_fit(control: FakeControl, remote: RemoteControl) -> None:
    files = (("big.json", b"{" + b" " * (20 << 20)),)
    list(remote.apply_config(files))
    assert control.calls == [("apply_config", files, True, 60.0)]


@pytest.mark.parametrize(("asked", "given"), [(0.0, 60.0), (5.0, 5.0), (math.inf, 3600.0), (1e9, 3600.0)])
@pytest.mark.parametrize("sign", [1, -1])
def test_nobody_is_waited_for_without_end(
    asked: float, given: float, sign: int, control: FakeControl, remote: RemoteControl
) -> None:
    list(remote.apply_config((), timeout=sign * asked))
    assert control.calls == [("apply_config", (), True, given if sign > 0 else 60.0)]


def test_a_time_that_is_no_number_is_a_minute(control: FakeControl, remote: RemoteControl) -> None:
    list(remote.apply_config((), timeout=math.nan))
    assert control.calls == [("apply_config", (), True, 60.0)]


def test_who_asks_is_one_line_in_the_audit_log(control: FakeControl, remote: RemoteControl) -> None:
    list(remote.swap("alpha", None, True, asked_by="eve\x1b[2J\nroot" + "x" * 100))
    assert control.asked_by == ("eve[2Jroot" + "x" * 100)[:64]


# ---------------------------------------------------------------- errors

ERRORS = [
    (UnknownServiceError("x", ["alpha"]), ("NOT_FOUND", "unknown-service")),
    (UnknownVersionError("x", "9", []), ("NOT_FOUND", "unknown-version")),
    (BusyError("x", "a hand-over is under way"), ("ABORTED", "busy")),
    (RequestError("cannot do it: no"), ("FAILED_PRECONDITION", "request")),
    (ConfigurationError("cannot accept a.json: no"), ("INVALID_ARGUMENT", "configuration")),
    (BundleError("cannot read ü.iso: no"), ("INVALID_ARGUMENT", "bundle")),
    (ManifestError("m", [Fault(f"key{n}", "is unknown") for n in range(2000)]), ("INVALID_ARGUMENT", "manifest")),
    (EngineError("cannot start: no"), ("UNAVAILABLE", "engine")),
    (EngineUnavailableError("cannot start: missing"), ("UNAVAILABLE", "engine-unavailable")),
    (NoSuchImageError("sha256:1"), ("UNAVAILABLE", "no-such-image")),
    (StateError("cannot write: full"), ("INTERNAL", "state")),
]


@pytest.mark.parametrize(("error", "answer"), ERRORS, ids=[reason for _, (_, reason) in ERRORS])
@pytest.mark.parametrize("is_late", [False, True], ids=["at the call", "at the first next"])
def test_errors_keep_code_reason_and_message(
    error: Exception, answer: tuple[str, str], is_late: bool, control: FakeControl, remote: RemoteControl
) -> None:
    control.error, control.is_late = error, is_late
    for ask in (remote.status, lambda: list(remote.swap("alpha", None, True))):
        with pytest.raises(ApiError) as raised:
            ask()
        assert (raised.value.code.name, raised.value.reason) == answer
        assert str(raised.value) == str(error)
        assert not isinstance(raised.value, UnreachableError)


def test_unforeseen_errors_are_internal_and_logged(
    control: FakeControl, remote: RemoteControl, caplog: pytest.LogCaptureFixture
) -> None:
    control.error = KeyError("oops")
    with pytest.raises(ApiError, match="internal error, KeyError; the log of the supervisor has it as") as raised:
        remote.status()
    assert raised.value.code is grpc.StatusCode.INTERNAL
    (record,) = [one for one in caplog.records if one.message == "call failed"]
    assert "oops" in repr(record.exc_info)
    assert str(raised.value).endswith(record.reference)  # type: ignore[attr-defined]


def test_unreachable_says_why(tmp_path: Path) -> None:
    absent = RemoteControl.on_socket(str(tmp_path / "none.sock"))
    with pytest.raises(UnreachableError, match="there is no such socket"):
        absent.status()
    absent.close()
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    left = RemoteControl.on_socket(str(stale))
    with pytest.raises(UnreachableError, match="nobody listens there any more"):
        left.status()
    left.close()


# ---------------------------------------------------------------- the socket


def test_only_the_owner_may_connect(server: ApiServer, socket_path: Path) -> None:
    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
    assert list(socket_path.parent.iterdir()) == [socket_path]


def test_the_socket_is_never_wider_even_without_umask(control: FakeControl, socket_path: Path) -> None:
    """Look all the time while servers come and go."""
    socket_path.parent.mkdir()
    modes: set[int] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            try:
                modes.add(stat.S_IMODE(os.lstat(socket_path).st_mode))
            except FileNotFoundError:
                continue

    former = os.umask(0)
    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(10):
            server = ApiServer(control, socket_path)
            server.start()
            server.stop(0)
    finally:
        is_over.set()
        looker.join()
        os.umask(former)
    assert modes <= {0o600}


def test_a_stopped_server_leaves_nothing(control: FakeControl, socket_path: Path) -> None:
    server = ApiServer(control, socket_path)
    server.start()
    server.stop(0)
    server.stop(0)
    assert list(socket_path.parent.iterdir()) == []


def test_a_stale_socket_is_replaced(control: FakeControl, socket_path: Path) -> None:
    socket_path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path))
    server = ApiServer(control, socket_path)
    server.start()
    client = RemoteControl.on_socket(str(socket_path))
    assert client.status() == control.current
    client.close()
    server.stop(0)


def test_a_live_server_is_not_pushed_aside(control: FakeControl, remote: RemoteControl, socket_path: Path) -> None:
    second = ApiServer(FakeControl(), socket_path)
    with pytest.raises(StateError, match="another supervisor answers there"):
        second.start()
    assert remote.status() == control.current
    assert socket_path.exists()


def test_a_file_in_the_way_is_kept(control: FakeControl, socket_path: Path) -> None:
    socket_path.parent.mkdir()
    socket_path.write_text("precious")
    with pytest.raises(StateError, match="not a socket"):
        ApiServer(control, socket_path).start()
    assert socket_path.read_text() == "precious"


def test_a_place_that_cannot_be_is_named(control: FakeControl, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"cannot listen on .*/file/api.sock"):
        ApiServer(control, tmp_path / "file" / "api.sock").start()
    with pytest.raises(StateError, match="cannot listen on"):
        ApiServer(control, tmp_path / ("x" * 120) / "api.sock").start()


# ---------------------------------------------------------------- standard services


def test_health_and_reflection_answer(server: ApiServer, socket_path: Path) -> None:
    with grpc.insecure_channel(f"unix:{socket_path}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            assert health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status == 1
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "supervisor.v1.Supervisor" in database.get_services()
        described = DescriptorPool(database).FindServiceByName("supervisor.v1.Supervisor")
        assert {"GetStatus", "Swap", "ReadLogs"} <= {method.name for method in described.methods}


# ---------------------------------------------------------------- streams


def test_a_client_that_leaves_ends_the_iterator(
    control: FakeControl, remote: RemoteControl, eventually: Eventually
) -> None:
    streams: tuple[Any, ...] = (remote.logs("alpha", 1, True), remote.events(True))
    for stream in streams:
        next(stream)
        eventually(lambda: control.open_streams == 1)
        stream.close()
        eventually(lambda: control.open_streams == 0)


def test_followers_get_what_is_new(control: FakeControl, remote: RemoteControl) -> None:
    stream = remote.logs("alpha", 1, True)
    assert [next(stream), next(stream)] == [b"first\nsec", b"ond \xff\nthird"]
    control.lines.put(b"fresh\n")
    assert next(stream) == b"fresh\n"
    stream.close()  # type: ignore[attr-defined]


def test_followers_do_not_starve_others(control: FakeControl, remote: RemoteControl, eventually: Eventually) -> None:
    streams = [remote.logs("alpha", 1, True) for _ in range(3)]
    for stream in streams:
        next(stream)
    with pytest.raises(ApiError, match="3 followers are open already") as raised:
        next(remote.events(True))
    assert raised.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert remote.status() == control.current
    list(remote.swap("alpha", None, True))
    streams[0].close()  # type: ignore[attr-defined]
    eventually(lambda: control.open_streams == 2)
    next(remote.events(True))
    for stream in streams[1:]:
        stream.close()  # type: ignore[attr-defined]


def test_streams_of_the_services_of_grpc_starve_nobody(
    control: FakeControl, remote: RemoteControl, socket_path: Path, eventually: Eventually
) -> None:
    """Reflection holds a thread for each stream, health a place among the calls under way."""
    with grpc.insecure_channel(f"unix:{socket_path}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(8)]
        for watch in watches:
            assert next(watch).status == 1
        for _ in range(60):
            with pytest.raises(grpc.RpcError) as raised:
                next(health.Watch(health_pb2.HealthCheckRequest()))
            assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "8 standard streams are open already" in str(raised.value)
        assert remote.status() == control.current
        list(remote.swap("alpha", None, True))
        for watch in watches:
            watch.cancel()

        def is_free() -> bool:
            again = health.Watch(health_pb2.HealthCheckRequest())
            try:
                return bool(next(again).status == 1)
            except grpc.RpcError:
                return False
            finally:
                again.cancel()

        eventually(is_free)


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (7, 7), (10_000, 10_000), (10_001, 10_000), (1 << 30, 10_000)])
def test_the_past_of_a_log_has_a_bound(asked: int, given: int, control: FakeControl, remote: RemoteControl) -> None:
    list(remote.logs("alpha", asked, False))
    assert control.calls == [("logs", "alpha", given, False)]


def test_every_error_fits_into_the_trailer_of_any_client(control: FakeControl, remote: RemoteControl) -> None:
    """Other clients than ours take 8 KiB of metadata, and end a call with more in another way."""
    faults = [Fault(f"schlüssel{number}", "ist unbekannt") for number in range(5000)]
    for error in (ManifestError("m", faults), BundleError("x" * 100_000), BundleError("ü\n" * 100_000)):
        control.error = error
        with pytest.raises(ApiError) as raised:
            remote.status()
        message = str(raised.value)
        assert transported(message) < 7000
        assert re.search(r"… (and \d+ more|\(\d+ characters more\))$", message)
    assert "schlüssel0: ist unbekannt; schlüssel1" in str(ManifestError("m", faults))


def test_slots_come_back_after_errors(control: FakeControl, remote: RemoteControl) -> None:
    for _ in range(8):
        with pytest.raises(ApiError):
            list(remote.swap("nobody", None, True))
    control.busy.add("alpha")
    control.is_late = True
    for _ in range(8):
        with pytest.raises(ApiError):
            list(remote.swap("alpha", None, True))


class Closable:
    """An iterator that is no generator: it waits until it is closed, from whichever thread."""

    def __init__(self) -> None:
        self.has_begun, self.is_closed = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.has_begun.set()
        self.is_closed.wait(30)
        raise StopIteration

    def close(self) -> None:
        self.is_closed.set()


def test_an_iterator_with_close_ends_at_once(control: FakeControl, remote: RemoteControl, socket_path: Path) -> None:
    closable = Closable()
    control.logged = closable
    other = RemoteControl.on_socket(str(socket_path))

    def read() -> None:
        with pytest.raises(ApiError):
            list(other.logs("alpha", 1, True))

    reader = threading.Thread(target=read)
    reader.start()
    assert closable.has_begun.wait(5)
    other.close()
    assert closable.is_closed.wait(5)
    reader.join(5)
    assert not reader.is_alive()


def test_a_stopping_server_ends_followers(control: FakeControl, socket_path: Path) -> None:
    server = ApiServer(control, socket_path)
    server.start()
    client = RemoteControl.on_socket(str(socket_path))
    stream = client.events(True)
    next(stream)
    begun = time.monotonic()
    server.stop(0.2)
    assert time.monotonic() - begun < 3
    with pytest.raises(ApiError):
        list(stream)
    client.close()
