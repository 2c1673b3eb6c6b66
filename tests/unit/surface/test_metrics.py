"""What a scraper gets: names, labels and values, and the answers to a health check."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from supervisor.surface.metrics import MetricsServer, unreadiness
from supervisor.values.errors import StateError
from supervisor.values.status import ServiceState, ServiceStatus
from tests.kit.fakes.control import ALPHA, BETA, FakeControl

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def metrics(control: FakeControl) -> Iterator[MetricsServer]:
    server = MetricsServer(control, "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


def fetch(server: MetricsServer, path: str, method: str = "GET", accept: str = "") -> tuple[int, str, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def samples(server: MetricsServer) -> Samples:
    code, _, text = fetch(server, "/metrics")
    assert code == 200
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


@pytest.fixture(scope="module")
def scraped() -> Samples:
    server = MetricsServer(FakeControl(), "127.0.0.1", 0)
    server.start()
    try:
        return samples(server)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("build_info", {"version": "0.1.0", "engine": "podman", "engine_version": "4.3.1"}, 1),
        ("bundle_info", {"release": "2026.1", "created": "2026-01-02T03:04:05Z"}, 1),
        ("ready", {}, 0),
        ("service_up", {"service": "alpha"}, 1),
        ("service_up", {"service": "beta"}, 0),
        ("service_ready", {"service": "alpha"}, 1),
        ("service_ready", {"service": "beta"}, 0),
        ("service_pinned", {"service": "alpha"}, 1),
        ("service_restarts_total", {"service": "alpha"}, 2),
        ("service_version_info", {"service": "alpha", "version": "1.0"}, 1),
        ("service_generation", {"service": "alpha"}, 3),
        ("service_memory_bytes", {"service": "alpha"}, 4096),
        ("service_cpu_seconds_total", {"service": "alpha"}, 2.5),
        ("service_draining_connections", {"service": "alpha"}, 6),
        ("undertakings", {"service": "alpha", "what": "tunnel", "state": "up"}, 1),
        ("undertakings", {"service": "alpha", "what": "tunnel", "state": "down"}, 1),
        ("undertakings", {"service": "alpha", "what": "tunnel", "state": "paused"}, 0),
        ("undertakings", {"service": "alpha", "what": "name server", "state": "unknown"}, 1),
        ("undertaking_up", {"service": "alpha", "what": "tunnel", "name": "office"}, 1),
        ("undertaking_up", {"service": "alpha", "what": "tunnel", "name": "depot"}, 0),
        ("undertaking_associations", {"service": "alpha", "what": "tunnel", "name": "office"}, 2),
        ("undertaking_calls_total", {"service": "alpha", "what": "tunnel"}, 5),
        ("service_handover_in_progress", {"service": "alpha"}, 1),
        ("service_state", {"service": "beta", "state": "absent"}, 1),
        ("service_state", {"service": "beta", "state": "running"}, 0),
        ("handovers_total", {"service": "alpha", "kind": "swap", "outcome": "succeeded"}, 4),
        ("service_counted_total", {"service": "alpha", "name": "web/FRONTEND", "counter": "stot"}, 41),
        ("handovers_total", {"service": "alpha", "kind": "swap", "outcome": "reverted"}, 1),
        ("handover_phase_seconds_sum", {"service": "alpha", "phase": "soak"}, 12.5),
        ("handover_phase_seconds_count", {"service": "alpha", "phase": "soak"}, 5),
    ],
)
def test_metric(name: str, labels: dict[str, str], value: float, scraped: Samples) -> None:
    assert scraped[f"vr_supervisor_{name}", frozenset(labels.items())] == value


def test_what_is_absent_has_no_sample(scraped: Samples) -> None:
    beta = frozenset({("service", "beta")})
    for name in ("generation", "memory_bytes", "cpu_seconds_total"):
        assert (f"vr_supervisor_service_{name}", beta) not in scraped
    assert not [key for key in scraped if key[0] == "vr_supervisor_service_version_info" and beta <= key[1]]


def test_the_process_is_measured_too(scraped: Samples) -> None:
    assert scraped["process_resident_memory_bytes", frozenset()] > 0


def test_openmetrics_is_spoken_to_who_asks(metrics: MetricsServer) -> None:
    code, kind, text = fetch(metrics, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert code == 200
    assert kind.startswith("application/openmetrics-text")
    assert "vr_supervisor_handovers" in {family.name for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("state", ServiceState)
def test_serving_is_up(state: ServiceState, control: FakeControl, metrics: MetricsServer) -> None:
    control.current = replace(control.current, services=(replace(ALPHA, state=state),))
    found = samples(metrics)["vr_supervisor_service_up", frozenset({("service", "alpha")})]
    assert found == (state in {ServiceState.RUNNING, ServiceState.DEGRADED, ServiceState.OVERLOADED})


def test_one_that_is_full_says_so(control: FakeControl, metrics: MetricsServer) -> None:
    of_alpha = "vr_supervisor_service_overloaded", frozenset({("service", "alpha")})
    assert samples(metrics)[of_alpha] == 0.0
    control.current = replace(control.current, services=(replace(ALPHA, state=ServiceState.OVERLOADED),))
    assert samples(metrics)[of_alpha] == 1.0


def test_health_and_readiness(control: FakeControl, metrics: MetricsServer) -> None:
    assert fetch(metrics, "/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    assert fetch(metrics, "/readyz")[::2] == (503, "beta is absent\nbeta: absent, no bundle [has] it\n")
    control.current = replace(control.current, is_ready=True)
    assert fetch(metrics, "/readyz")[::2] == (200, "ready\n")
    assert fetch(metrics, "/readyz", method="HEAD")[::2] == (200, "")


@pytest.mark.parametrize(
    ("is_ready", "message", "services", "reasons"),
    [
        (True, "warming", (BETA,), ()),
        (False, "", (ALPHA,), ("the supervisor is not ready",)),
        (False, "", (ALPHA, replace(BETA, message="")), ("beta: absent",)),
        (False, "importing", (), ("importing",)),
    ],
)
def test_reasons(
    is_ready: bool, message: str, services: tuple[ServiceStatus, ...], reasons: tuple[str, ...], control: FakeControl
) -> None:
    status = replace(control.current, is_ready=is_ready, message=message, services=services)
    assert unreadiness(status) == reasons


def test_a_supervisor_that_cannot_tell_is_an_error_but_alive(control: FakeControl, metrics: MetricsServer) -> None:
    control.error = StateError("cannot read: gone")
    assert fetch(metrics, "/metrics")[::2] == (500, "cannot answer /metrics: StateError: cannot read: gone\n")
    assert fetch(metrics, "/readyz")[0] == 500
    assert fetch(metrics, "/healthz")[0] == 200


def test_other_paths_and_methods(metrics: MetricsServer) -> None:
    assert fetch(metrics, "/")[0] == 404
    assert fetch(metrics, "/metrics?x=1")[0] == 200
    assert fetch(metrics, "/metrics", method="POST")[0] == 501


def test_silent_clients_are_bounded(metrics: MetricsServer) -> None:
    silent = [socket.create_connection(("127.0.0.1", metrics.port), timeout=5) for _ in range(16)]
    try:
        with socket.create_connection(("127.0.0.1", metrics.port), timeout=5) as refused:
            assert refused.recv(1) == b""
    finally:
        for client in silent:
            client.close()


def test_a_taken_port_is_named(metrics: MetricsServer, control: FakeControl) -> None:
    second = MetricsServer(control, "127.0.0.1", metrics.port)
    with pytest.raises(StateError, match=rf"cannot serve metrics on 127.0.0.1:{metrics.port}: address already in use"):
        second.start()
    second.stop()


def test_the_port_is_free_after_stop(control: FakeControl) -> None:
    first = MetricsServer(control, "127.0.0.1", 0)
    first.start()
    assert fetch(first, "/healthz")[0] == 200
    first.stop()
    first.stop()
    again = MetricsServer(control, "127.0.0.1", first.port)
    again.start()
    again.stop()
