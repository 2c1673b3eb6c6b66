"""Serves metrics and health over HTTP, from the same status that the API shows. Names of metrics are promises."""

from __future__ import annotations

import http.server
import logging
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from supervisor.surface.control import Control
from supervisor.values.errors import StateError
from supervisor.values.status import ServiceState, ServiceStatus, SupervisorStatus, TrustStatus, UndertakingStatus
from supervisor.values.undertaking import UndertakingState

log = logging.getLogger(__name__)

PREFIX = "vr_supervisor_"
_SERVING = {ServiceState.RUNNING, ServiceState.DEGRADED, ServiceState.OVERLOADED}
_NAMED = 200  # undertakings of each service that have series of their own; all of them are counted
_CONNECTIONS = 16  # at once; a scraper needs one
_PATIENCE = 5.0  # seconds a client may be silent


class StatusCollector(Collector):
    """Turns the control's status and counters into metric families at each scrape."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def describe(self) -> Iterable[Metric]:
        return ()  # nothing is known, and nothing asked of the control, before the first scrape

    def collect(self) -> Iterator[Metric]:
        status = self._control.status()
        yield from _supervisor_families(status)
        yield from _trust_families(self._control.trust())
        yield from _service_families(status.services)
        yield from _undertaking_families(status.services)
        yield from _handover_families(self._control, {service.name for service in status.services})


def _info(name: str, text: str, labels: dict[str, str]) -> InfoMetricFamily:
    return InfoMetricFamily(PREFIX + name, text, value=labels)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _supervisor_families(status: SupervisorStatus) -> Iterator[Metric]:
    yield _info(
        "build",
        "The supervisor and the engine it uses.",
        {"version": status.version, "engine": status.engine, "engine_version": status.engine_version},
    )
    yield _gauge("ready", "1 if every service of the catalog is ready.", status.is_ready)
    if status.bundle:
        labels = {"release": status.bundle.release, "created": status.bundle.created}
        yield _info("bundle", "The release that the services were last told to follow.", labels)


def _trust_families(trust: TrustStatus) -> Iterator[Metric]:
    if trust.expires is not None:
        yield _gauge("root_expiry_timestamp_seconds", "When the root document expires, since the epoch.", trust.expires)


def _service_families(services: tuple[ServiceStatus, ...]) -> Iterator[Metric]:
    def gauge(name: str, text: str, value: Callable[[ServiceStatus], float | None]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"{PREFIX}service_{name}", text, labels=("service",))
        for service in services:
            current = value(service)
            if current is not None:
                family.add_metric((service.name,), current)
        return family

    yield gauge("up", "1 if the service serves.", lambda s: s.state in _SERVING)
    yield gauge("ready", "1 if the service may be given traffic.", lambda s: s.is_ready)
    yield gauge("overloaded", "1 while its clients fill the service.", lambda s: s.state is ServiceState.OVERLOADED)
    yield gauge("pinned", "1 if upgrades leave the service alone.", lambda s: s.is_pinned)
    yield gauge("generation", "Number of the active generation.", lambda s: s.generation)
    yield gauge("start_time_seconds", "When the active generation started, since the epoch.", lambda s: s.since)
    yield gauge("memory_bytes", "Memory that the active generation uses.", lambda s: s.memory_bytes)
    yield gauge("handover_in_progress", "1 while a hand-over is under way.", lambda s: s.handover is not None)
    yield gauge(
        "draining_connections",
        "Connections that former generations still finish.",
        lambda s: sum(former.connections for former in s.draining),
    )
    states = GaugeMetricFamily(PREFIX + "service_state", "1 for the state it is in.", labels=("service", "state"))
    restarts = CounterMetricFamily(PREFIX + "service_restarts", "Restarts after a failure.", labels=("service",))
    cpu = CounterMetricFamily(PREFIX + "service_cpu_seconds", "CPU time of the active generation.", labels=("service",))
    versions = InfoMetricFamily(PREFIX + "service_version", "The version that is active.", labels=("service",))
    for service in services:
        for state in ServiceState:
            states.add_metric((service.name, state), service.state is state)
        restarts.add_metric((service.name,), service.restarts)
        if service.cpu_seconds is not None:
            cpu.add_metric((service.name,), service.cpu_seconds)
        if service.version is not None:
            versions.add_metric((service.name,), {"version": service.version})
    yield from (states, restarts, cpu, versions)


def _undertaking_families(services: tuple[ServiceStatus, ...]) -> Iterator[Metric]:
    """Yield families of undertakings. `_NAMED` of each service have series of their own: configuration names them."""
    kinds = ("service", "what")
    counts = GaugeMetricFamily(PREFIX + "undertakings", "Undertakings by state.", labels=(*kinds, "state"))
    ups = GaugeMetricFamily(PREFIX + "undertaking_up", "1 if it is up.", labels=(*kinds, "name"))
    associations = GaugeMetricFamily(
        PREFIX + "undertaking_associations", "Associations of those that have any.", labels=(*kinds, "name")
    )
    calls = CounterMetricFamily(PREFIX + "undertaking_calls", "Calls that the supervisor made.", labels=kinds)
    for service in services:
        for what in dict.fromkeys(undertaking.what for undertaking in service.undertakings):
            alike = [undertaking for undertaking in service.undertakings if undertaking.what == what]
            for state in UndertakingState:
                counts.add_metric((service.name, what, state), sum(undertaking.state is state for undertaking in alike))
            calls.add_metric((service.name, what), sum(undertaking.calls for undertaking in alike))
        for undertaking in _named(service.undertakings):
            ups.add_metric((service.name, undertaking.what, undertaking.name), undertaking.state is UndertakingState.UP)
            if undertaking.associations:
                associations.add_metric((service.name, undertaking.what, undertaking.name), undertaking.associations)
    yield from (counts, ups, associations, calls)


def _named(undertakings: tuple[UndertakingStatus, ...]) -> tuple[UndertakingStatus, ...]:
    return tuple(sorted(undertakings, key=lambda undertaking: (undertaking.what, undertaking.name)))[:_NAMED]


def _handover_families(control: Control, known: Collection[str]) -> Iterator[Metric]:
    """Yield counters of the journal, without those of services that are in no release any more."""
    totals = CounterMetricFamily(PREFIX + "handovers", "Finished hand-overs.", labels=("service", "kind", "outcome"))
    for service, kind, outcome, count in control.handover_totals():
        if service in known:
            totals.add_metric((service, kind, outcome), count)
    phases = SummaryMetricFamily(
        PREFIX + "handover_phase_seconds", "Time spent in each phase.", labels=("service", "phase")
    )
    for service, phase, seconds, count in control.phase_seconds():
        if service in known:
            phases.add_metric((service, phase), count_value=count, sum_value=seconds)
    counted = CounterMetricFamily(
        PREFIX + "service_counted",
        "What a service counts, over all its generations.",
        labels=("service", "name", "counter"),
    )
    for service, name, column, count in control.counted():
        counted.add_metric((service, name, column), count)
    yield from (totals, phases, counted)
    yield from _refusal_families(control)


def _refusal_families(control: Control) -> Iterator[Metric]:
    """Yield what sources over their share were refused; there are no such series before the first one was."""
    labels = ("service",)
    refused = CounterMetricFamily(
        PREFIX + "service_refused_connections", "Connections of sources that were over their share.", labels=labels
    )
    sources = GaugeMetricFamily(
        PREFIX + "service_sources_over_share", "Sources whose connections are refused.", labels=labels
    )
    for service, count, over in control.refusals():
        refused.add_metric((service,), count)
        sources.add_metric((service,), over)
    yield from (family for family in (refused, sources) if family.samples)


def unreadiness(status: SupervisorStatus) -> tuple[str, ...]:
    """Return the reasons why the router is not ready; empty if it is."""
    if status.is_ready:
        return ()
    reasons = [status.message] if status.message else []
    reasons += [
        f"{service.name}: {service.state}{', ' + service.message if service.message else ''}"
        for service in status.services
        if not service.is_ready
    ]
    return tuple(reasons) or ("the supervisor is not ready",)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    server_version = "vr-supervisor"
    sys_version = ""

    def do_GET(self) -> None:
        routes = {"/metrics": self._metrics, "/healthz": self._healthz, "/readyz": self._readyz}
        route = routes.get(self.path.partition("?")[0])
        if route is None:
            self._answer(404, "there is /metrics, /healthz and /readyz\n")
            return
        try:
            route()
        except OSError:
            raise  # the client left
        except Exception as error:
            log.exception("metrics request failed", extra={"path": self.path})
            self._answer(500, f"cannot answer {self.path}: {type(error).__name__}: {error}\n")

    do_HEAD = do_GET  # noqa: N815

    def _metrics(self) -> None:
        encode, kind = choose_encoder(self.headers.get("Accept", ""))
        self._answer(200, encode(self.server.registry), kind)

    def _healthz(self) -> None:
        self._answer(200, "ok\n")

    def _readyz(self) -> None:
        reasons = unreadiness(self.server.control.status())
        self._answer(503 if reasons else 200, "".join(f"{reason}\n" for reason in reasons or ("ready",)))

    def _answer(self, code: int, body: str | bytes, kind: str = "text/plain; charset=utf-8") -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("metrics request", extra={"line": format % args})


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], control: Control) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.control = control
        self.registry = CollectorRegistry()
        self.registry.register(StatusCollector(control))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._free = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # The library's own asks the resolver for this machine's name; ours may be the resolver, and not up yet.
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("metrics client left", exc_info=True)


class MetricsServer:
    """Serves /metrics, /healthz and /readyz until it is stopped. Port 0 takes any free one; `port` says which."""

    def __init__(self, control: Control, address: str = "127.0.0.1", port: int = 9531) -> None:
        self._control, self.address, self.port = control, address, port
        self._server: _Server | None = None

    def start(self) -> None:
        try:
            self._server = _Server((self.address, self.port), self._control)
        except OSError as error:
            cause = (error.strerror or str(error)).lower()
            raise StateError(f"cannot serve metrics on {self.address}:{self.port}: {cause}") from error
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="metrics", daemon=True).start()

    def stop(self) -> None:
        """Close the port. May be repeated."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
