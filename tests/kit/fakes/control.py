"""A control in memory: two services with two versions. It refuses what a supervisor would refuse."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

from supervisor.values.errors import (
    BundleError,
    BusyError,
    ConfigurationError,
    RequestError,
    UnknownServiceError,
    UnknownVersionError,
)
from supervisor.values.handover import NO_WAIVER, Waiver
from supervisor.values.status import (
    ContainedPackage,
    DrainingStatus,
    EventRecord,
    HandoverRecord,
    HandoverStatus,
    PackageChange,
    PlannedStep,
    Progress,
    ReleasedServiceStatus,
    ReleaseStatus,
    ServiceSbom,
    ServiceState,
    ServiceStatus,
    SupervisorStatus,
    TrustKeyStatus,
    TrustStatus,
    UndertakingStatus,
)
from supervisor.values.undertaking import UndertakingState

IMAGE = "sha256:" + "ab" * 32
T0 = 1_700_000_000.25

ALPHA = ServiceStatus(
    name="alpha",
    state=ServiceState.RUNNING,
    is_ready=True,
    version="1.0",
    generation=3,
    image=IMAGE,
    since=T0 + 1,
    restarts=2,
    handover=HandoverStatus(7, "swap", "soak", "forward", "1.0", "2.0", 4, T0 + 5, "candidate serves"),
    draining=(DrainingStatus(2, "0.9", 5, T0 + 60), DrainingStatus(1, "0.8", 1, T0 + 61)),
    desired_version="2.0",
    is_pinned=True,
    message="",
    memory_bytes=4096,
    cpu_seconds=2.5,
    undertakings=(
        UndertakingStatus("office", "tunnel", UndertakingState.UP, T0 + 2, 1, 2),
        UndertakingStatus("depot", "tunnel", UndertakingState.DOWN, T0 + 3, 4, 0, "no IKE_SA"),
        UndertakingStatus("192.0.2.53", "name server", UndertakingState.UNKNOWN, None, 0, 0),
    ),
)
BETA = ServiceStatus(
    name="beta",
    state=ServiceState.ABSENT,
    is_ready=False,
    version=None,
    generation=None,
    image=None,
    since=None,
    restarts=0,
    handover=None,
    draining=(),
    desired_version=None,
    is_pinned=False,
    message="no bundle [has] it",
    memory_bytes=None,
    cpu_seconds=None,
)
OLD = ReleaseStatus(
    "2026.1", "2026-01-02T03:04:05Z", "/media/a.iso", True, (ReleasedServiceStatus("alpha", "1.0", IMAGE),), True
)
NEW = ReleaseStatus(
    "2026.2",
    "2026-02-02T03:04:05Z",
    "/media/b.iso",
    True,
    (ReleasedServiceStatus("alpha", "2.0", IMAGE), ReleasedServiceStatus("beta", "2.0", IMAGE)),
    False,
)
TRUST = TrustStatus(
    root=3,
    root_threshold=2,
    release_threshold=2,
    expires=T0 + 86400,
    minimum_release="2025.4",
    keys=(
        TrustKeyStatus(id="ab" * 32, name="alice", roles=("root", "release"), is_revoked=False, reason=""),
        TrustKeyStatus(id="cd" * 32, name="bob", roles=("release",), is_revoked=True, reason="stolen"),
    ),
    message="root 3 expires in 12 days",
)
RECORDS = (
    HandoverRecord(
        7,
        "alpha",
        "swap",
        "1.0",
        "2.0",
        4,
        T0,
        T0 + 2.5,
        "succeeded",
        "asked for",
        1.25,
        (("stage", 0.5), ("soak", 1.0)),
    ),
    HandoverRecord(6, "beta", "start", None, "2.0", 1, T0 - 9, None, "running", "first boot", None, ()),
)
SBOMS = (
    ServiceSbom("alpha", "1.0", IMAGE, '{"components": [{"name": "libssl3", "version": "3.0.1"}]}'),
    ServiceSbom("beta", "2.0", IMAGE, ""),
)
CHANGES = (
    PackageChange("libssl3", "3.0.1", "3.0.2", ("alpha", "beta"), ("CVE-2025-0001", "CVE-2025-0002"), ()),
    PackageChange("zlib1g", None, "1.2", ("beta",), (), ()),
    PackageChange("libc6", "2.36", "2.35", ("beta",), (), ("CVE-2024-0001",)),
)
CONTAINED = (
    ContainedPackage("alpha", "1.0", 3, "active", "libssl3", "3.0.1"),
    ContainedPackage("beta", "2.0", 1, "active", None, None),
)
EVENTS = (EventRecord(T0, "alpha", "cutover", "traffic moved"), EventRecord(T0 + 1, "beta", "failed", "two\nlines"))


class FakeControl:
    """Satisfies Control. `busy`, `broken` and `error` make operations fail; `calls` are those made, in order."""

    def __init__(self) -> None:
        self.current = SupervisorStatus("0.1.0", 42, T0, "podman", "4.3.1", False, "beta is absent", OLD, (ALPHA, BETA))
        self.imported: list[ReleaseStatus] = [OLD, NEW]
        self.busy: set[str] = set()
        self.broken: set[tuple[str, str]] = set()  # (service, version) whose candidate fails
        self.error: Exception | None = None  # raised by every operation: at the call, or at the first `next`
        self.ends_apply: Progress | None = None  # the last word on a configuration, instead of a good one
        self.planned: tuple[PlannedStep, ...] = (
            PlannedStep("alpha", "swap", "1.0", "2.0", "release 2026.2 has it"),
            PlannedStep("beta", "start", None, "2.0", "it does not run"),
        )
        self.past: tuple[HandoverRecord, ...] = RECORDS
        self.logged: Iterator[bytes] | None = None  # what `logs` returns, if not the lines that are put into `lines`
        self.is_late = False
        self.is_silent = False  # operations end without a last word
        self.calls: list[tuple[object, ...]] = []
        self.open_streams = 0
        self.lines: queue.Queue[bytes] = queue.Queue()
        self._lock = threading.Lock()

    # ------------------------------------------------------------ reading

    def status(self) -> SupervisorStatus:
        self._called("status")
        return self.current

    def plan(self, release: str | None) -> tuple[PlannedStep, ...]:
        self._called("plan", release)
        if release not in {None, *(bundle.release for bundle in self.imported)}:
            raise UnknownVersionError("bundle", str(release), [bundle.release for bundle in self.imported])
        return self.planned

    def history(self, service: str | None, limit: int) -> tuple[HandoverRecord, ...]:
        self._called("history", service, limit)
        if service is not None:
            self._service(service)
        return tuple(record for record in self.past if service in {None, record.service})[:limit]

    def handover_totals(self) -> Iterable[tuple[str, str, str, int]]:
        return (("alpha", "swap", "succeeded", 4), ("alpha", "swap", "reverted", 1))

    def phase_seconds(self) -> Iterable[tuple[str, str, float, int]]:
        return (("alpha", "soak", 12.5, 5),)

    def counted(self) -> Iterable[tuple[str, str, str, int]]:
        return (("alpha", "web/FRONTEND", "stot", 41),)

    def refusals(self) -> Iterable[tuple[str, int, int]]:
        return ()

    # ------------------------------------------------------------ services

    def swap(
        self, service: str, version: str | None, wait: bool, waiver: Waiver = NO_WAIVER, asked_by: str = ""
    ) -> Iterator[Progress]:
        self.waived, self.asked_by = waiver, asked_by
        return self._operation(("swap", service, version, wait), service, version or "2.0", wait)

    def upgrade(self, release: str | None, wait: bool) -> Iterator[Progress]:
        return self._operation(("upgrade", release, wait), "alpha", "2.0", wait)

    def rollback(self, service: str, wait: bool) -> Iterator[Progress]:
        return self._operation(("rollback", service, wait), service, "1.0", wait)

    def restart(self, service: str, wait: bool) -> Iterator[Progress]:
        return self._operation(("restart", service, wait), service, self._service(service).version or "1.0", wait)

    def migrate_engine(self, to: str, wait: bool) -> Iterator[Progress]:
        self._called("migrate_engine", to, wait)
        if to == self.current.engine:
            yield Progress("", "nothing", f"the router runs on {to} already", is_final=True)
            return
        yield Progress("alpha", "ready", "", 0.5, 0.2)
        self.current = replace(self.current, engine=to)
        yield Progress("", "succeeded", f"the router runs on {to}", 1.0, 0.75, is_final=True)

    def confirm(self, service: str) -> None:
        self._called("confirm", service)
        if self._service(service).handover is None:
            raise RequestError(f"cannot confirm {service}: no hand-over is under way")

    def pin(self, service: str) -> None:
        self._called("pin", service)
        self._put(replace(self._service(service), is_pinned=True))

    def unpin(self, service: str) -> None:
        self._called("unpin", service)
        self._put(replace(self._service(service), is_pinned=False))

    # ------------------------------------------------------------ releases

    def releases(self) -> tuple[ReleaseStatus, ...]:
        self._called("releases")
        return tuple(self.imported)

    def verify_bundle(self, path: str, allow_downgrade: bool = False, accept_clock: bool = False) -> Iterator[Progress]:
        self._called("verify_bundle", path, allow_downgrade, *(["accept_clock"] if accept_clock else []))
        if not path.endswith(".iso"):
            raise BundleError(f"cannot read {path}: it is not an ISO")
        yield Progress("bundle", "verify", "2 of 4 files", 0.5, 0.1)
        yield Progress("bundle", "verify", "4 of 4 files", 1.0, 0.2, is_final=True)

    def import_bundle(self, path: str, allow_downgrade: bool, accept_clock: bool = False) -> Iterator[Progress]:
        self._called("import_bundle", path, allow_downgrade, *(["accept_clock"] if accept_clock else []))
        if not allow_downgrade and "old" in path:
            raise RequestError(f"cannot import {path}: it is older than what runs")
        yield Progress("bundle", "load", "done", is_final=True)

    def sboms(self, release: str) -> Iterator[ServiceSbom]:
        self._called("sboms", release)
        yield from SBOMS

    def diff_releases(self, former: str, later: str) -> tuple[PackageChange, ...]:
        self._called("diff_releases", former, later)
        return () if former == later else CHANGES

    def find_package(self, package: str) -> tuple[ContainedPackage, ...]:
        self._called("find_package", package)
        return () if package == "nothing" else CONTAINED

    def prune_releases(self) -> tuple[str, ...]:
        self._called("prune_releases")
        gone = tuple(bundle.release for bundle in self.imported if not bundle.is_current)
        self.imported = [bundle for bundle in self.imported if bundle.is_current]
        return gone

    # ------------------------------------------------------------ trust

    def trust(self) -> TrustStatus:
        self._called("trust")
        return TRUST

    def rotate_trust(self, path: str) -> TrustStatus:
        self._called("rotate_trust", path)
        return TRUST

    def revoke_key(self, key: str, reason: str) -> TrustStatus:
        self._called("revoke_key", key, reason)
        return TRUST

    # ------------------------------------------------------------ configuration

    def show_config(self) -> dict[str, object]:
        self._called("show_config")
        return {"name": "r1", "networks": [{"address": "10.1.1.1/24", "mtu": None}], "passwords": "***", "count": 3}

    def apply_config(
        self, files: tuple[tuple[str, bytes], ...], wait: bool = True, timeout: float = 60.0
    ) -> Iterator[Progress]:
        self._called("apply_config", files, wait, timeout)
        for name, content in files:
            if not content.startswith(b"{"):
                raise ConfigurationError(f"cannot accept {name}: it is not JSON")
            yield Progress(name, "accept", "accepted")
        if self.ends_apply:
            yield self.ends_apply
            return
        yield Progress("configuration", "apply", "applied", is_final=True)

    def diff_config(self, files: tuple[tuple[str, bytes], ...]) -> str:
        self._called("diff_config", files)
        return "--- now\n+++ then\n+host\n" if files else ""

    def rotate_secrets(self, wait: bool) -> Iterator[Progress]:
        self._called("rotate_secrets", wait)
        yield Progress("", "waiting", "key 01 is still needed for state.db.copy-1")
        yield Progress("", "succeeded", "key 02 is in use", is_final=True)

    def abandon_secrets(self) -> str:
        self._called("abandon_secrets")
        return "state.db.abandoned-1"

    # ------------------------------------------------------------ streams

    def logs(self, service: str, tail: int, follow: bool) -> Iterator[bytes]:
        return self.logged or self._lines(service, tail, follow)

    def _lines(self, service: str, tail: int, follow: bool) -> Iterator[bytes]:
        self._called("logs", service, tail, follow)
        self._service(service)
        yield b"first\nsec"
        yield b"ond \xff\nthird"
        if follow:
            yield from self._follow()

    def events(self, follow: bool) -> Iterator[EventRecord]:
        self._called("events", follow)
        yield from EVENTS
        if follow:
            for line in self._follow():
                yield EventRecord(T0, "alpha", line.decode(), "")

    def _follow(self) -> Iterator[bytes]:
        with self._lock:
            self.open_streams += 1
        try:
            while True:
                try:
                    yield self.lines.get(timeout=0.05)
                except queue.Empty:
                    yield b""
        finally:
            with self._lock:
                self.open_streams -= 1

    # ------------------------------------------------------------ inside

    def _called(self, *call: object) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    def _service(self, name: str) -> ServiceStatus:
        for service in self.current.services:
            if service.name == name:
                return service
        raise UnknownServiceError(name, [service.name for service in self.current.services])

    def _put(self, service: ServiceStatus) -> None:
        services = tuple(service if former.name == service.name else former for former in self.current.services)
        self.current = replace(self.current, services=services)

    def _operation(self, call: tuple[object, ...], service: str, version: str, wait: bool) -> Iterator[Progress]:
        if self.is_late:
            return self._steps(call, service, version, wait)
        self._check(call, service, version)
        return self._steps(None, service, version, wait)

    def _check(self, call: tuple[object, ...], service: str, version: str) -> None:
        self._called(*call)
        self._service(service)
        if service in self.busy:
            raise BusyError(service, "a hand-over is under way")
        if version not in {"1.0", "2.0"}:
            raise UnknownVersionError(service, version, ["1.0", "2.0"])

    def _steps(self, call: tuple[object, ...] | None, service: str, version: str, wait: bool) -> Iterator[Progress]:
        if call is not None:
            self._check(call, service, version)
        yield Progress(service, "accepted", f"to {version}")
        if not wait or self.is_silent:
            return
        yield Progress(service, "ready", "candidate is ready", 0.5, 0.2)
        if (service, version) in self.broken:
            reason = f"cannot hand {service} over to {version}: its probe failed"
            yield Progress(service, "undo", "traffic is back", None, 1.5, is_final=True, error=reason)
            return
        self._put(replace(self._service(service), version=version, state=ServiceState.RUNNING, is_ready=True))
        yield Progress(service, "retire", "done", 1.0, 0.75, is_final=True)
