"""A control whose answers fill every field of every value, with the same content at each call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from supervisor.values.errors import SupervisorError
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
from tests.kit.fakes.control import CHANGES, CONTAINED, SBOMS

T0 = 4_000_000_000.125  # so late that every age is "0s" on any clock, and exact in binary
IMAGE = "sha256:" + "0123456789abcdef" * 4


def _undertaking(state: UndertakingState, since: float | None) -> UndertakingStatus:
    return UndertakingStatus(
        name=f"peer-{state}", what="tunnel", state=state, since=since, calls=3, associations=2, message=f"is {state}"
    )


FULL = ServiceStatus(
    name="alpha",
    state=ServiceState.RUNNING,
    is_ready=True,
    version="1.0",
    generation=3,
    image=IMAGE,
    since=T0 + 1,
    restarts=2,
    handover=HandoverStatus(
        id=7,
        kind="swap",
        phase="soak",
        direction="undo",
        from_version="1.0",
        to_version="2.0",
        generation=4,
        started=T0 + 5.25,
        message="candidate serves",
    ),
    draining=(
        DrainingStatus(generation=2, version="0.9", connections=5, deadline=T0 + 60),
        DrainingStatus(generation=1, version="0.8", connections=1, deadline=T0 + 61),
    ),
    desired_version="2.0",
    is_pinned=True,
    message="wörds for people",
    memory_bytes=4096,
    cpu_seconds=2.5,
    undertakings=(
        *(_undertaking(state, T0 + 2) for state in UndertakingState),
        _undertaking(UndertakingState.UNKNOWN, None),
    ),
)


def _bare(state: ServiceState) -> ServiceStatus:
    """Return a service in that state of which everything that may be absent is absent."""
    return ServiceStatus(
        name=f"in-{state}",
        state=state,
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
        message="",
        memory_bytes=None,
        cpu_seconds=None,
    )


CURRENT = ReleaseStatus(
    release="2026.1",
    created="2026-01-02T03:04:05Z",
    source="/media/a.iso",
    is_verified=True,
    is_current=True,
    services=(ReleasedServiceStatus(name="alpha", version="1.0", image=IMAGE),),
)
OTHER = ReleaseStatus(
    release="2026.2",
    created="2026-02-02T03:04:05Z",
    source="/media/b.iso",
    is_verified=False,
    is_current=False,
    services=(
        ReleasedServiceStatus(name="alpha", version="2.0", image=IMAGE),
        ReleasedServiceStatus(name="beta", version="2.0", image=IMAGE),
    ),
)
STATUS = SupervisorStatus(
    version="0.1.0",
    pid=42,
    started=T0,
    engine="podman",
    engine_version="4.3.1",
    is_ready=False,
    message="beta is absent",
    bundle=CURRENT,
    services=(FULL, *(_bare(state) for state in ServiceState if state is not ServiceState.OVERLOADED)),
)
BARE_STATUS = SupervisorStatus(
    version="0.1.0",
    pid=42,
    started=T0,
    engine="podman",
    engine_version="4.3.1",
    is_ready=True,
    message="",
    bundle=None,
    services=(),
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
        id=7,
        service="alpha",
        kind="swap",
        from_version="1.0",
        to_version="2.0",
        generation=4,
        started=T0,
        finished=T0 + 2.5,
        outcome="succeeded",
        reason="asked for",
        seconds_to_cutover=1.25,
        phases=(("stage", 0.5), ("soak", 1.0)),
        waived=("soak", "judgement"),
    ),
    HandoverRecord(
        id=6,
        service="beta",
        kind="start",
        from_version=None,
        to_version="2.0",
        generation=1,
        started=T0 - 9,
        finished=None,
        outcome="running",
        reason="",
        seconds_to_cutover=None,
        phases=(),
    ),
)
STEPS = (
    PlannedStep(service="alpha", action="swap", from_version="1.0", to_version="2.0", reason="release 2026.2 has it"),
    PlannedStep(service="beta", action="nothing", from_version=None, to_version=None, reason=""),
)
EVENTS = (
    EventRecord(time=T0, service="alpha", name="cutover", message="traffic moved"),
    EventRecord(time=T0 + 0.25, service="", name="imported", message="two\nlines"),
)
LINES = (
    Progress(service="alpha", phase="accepted", message="to 2.0"),
    Progress(
        service="alpha", phase="live", message="it serves", fraction=0.5, elapsed=0.25, error="no", part="a.json"
    ),
    Progress(service="", phase="succeeded", message="done", fraction=1.0, elapsed=0.75, is_final=True),
)  # fmt: skip


class FilledControl:
    """Satisfies Control. `error` is raised by every method; `lines` are what operations say."""

    def __init__(self, error: SupervisorError | None = None) -> None:
        self.error = error
        self.current = STATUS
        self.lines: tuple[Progress, ...] = LINES

    def _given(self) -> None:
        if self.error is not None:
            raise self.error

    def _operation(self) -> Iterator[Progress]:
        self._given()
        yield from self.lines

    def status(self) -> SupervisorStatus:
        self._given()
        return self.current

    def plan(self, release: str | None) -> tuple[PlannedStep, ...]:
        self._given()
        return STEPS

    def history(self, service: str | None, limit: int) -> tuple[HandoverRecord, ...]:
        self._given()
        return RECORDS

    def handover_totals(self) -> Iterable[tuple[str, str, str, int]]:
        return (("alpha", "swap", "succeeded", 4), ("alpha", "swap", "reverted", 1), ("gone", "swap", "failed", 1))

    def phase_seconds(self) -> Iterable[tuple[str, str, float, int]]:
        return (("alpha", "soak", 12.5, 5), ("gone", "soak", 1.0, 1))

    def counted(self) -> Iterable[tuple[str, str, str, int]]:
        return (("alpha", "web/FRONTEND", "stot", 41),)

    def refusals(self) -> Iterable[tuple[str, int, int]]:
        return ()

    def swap(
        self, service: str, version: str | None, wait: bool, waiver: Waiver = NO_WAIVER, asked_by: str = ""
    ) -> Iterator[Progress]:
        return self._operation()

    def upgrade(self, release: str | None, wait: bool) -> Iterator[Progress]:
        return self._operation()

    def rollback(self, service: str, wait: bool) -> Iterator[Progress]:
        return self._operation()

    def restart(self, service: str, wait: bool) -> Iterator[Progress]:
        return self._operation()

    def migrate_engine(self, to: str, wait: bool) -> Iterator[Progress]:
        return self._operation()

    def confirm(self, service: str) -> None:
        self._given()

    def pin(self, service: str) -> None:
        self._given()

    def unpin(self, service: str) -> None:
        self._given()

    def releases(self) -> tuple[ReleaseStatus, ...]:
        self._given()
        return (CURRENT, OTHER)

    def verify_bundle(self, path: str, allow_downgrade: bool = False, accept_clock: bool = False) -> Iterator[Progress]:
        return self._operation()

    def import_bundle(self, path: str, allow_downgrade: bool, accept_clock: bool = False) -> Iterator[Progress]:
        return self._operation()

    def sboms(self, release: str) -> Iterator[ServiceSbom]:
        self._given()
        yield from SBOMS

    def diff_releases(self, former: str, later: str) -> tuple[PackageChange, ...]:
        self._given()
        return CHANGES

    def find_package(self, package: str) -> tuple[ContainedPackage, ...]:
        self._given()
        return CONTAINED

    def prune_releases(self) -> tuple[str, ...]:
        self._given()
        return ("2025.1", "2025.2")

    def trust(self) -> TrustStatus:
        self._given()
        return TRUST

    def rotate_trust(self, path: str) -> TrustStatus:
        self._given()
        return TRUST

    def revoke_key(self, key: str, reason: str) -> TrustStatus:
        self._given()
        return TRUST

    def show_config(self) -> dict[str, object]:
        self._given()
        return {"name": "r1", "networks": [{"address": "10.1.1.1/24", "mtu": None}], "passwords": "***", "count": 3}

    def apply_config(
        self, files: tuple[tuple[str, bytes], ...], wait: bool = True, timeout: float = 60.0
    ) -> Iterator[Progress]:
        return self._operation()

    def diff_config(self, files: tuple[tuple[str, bytes], ...]) -> str:
        self._given()
        return "--- now\n+++ then\n+host\n"

    def rotate_secrets(self, wait: bool) -> Iterator[Progress]:
        return self._operation()

    def abandon_secrets(self) -> str:
        self._given()
        return "state.db.abandoned-1"

    def logs(self, service: str, tail: int, follow: bool) -> Iterator[bytes]:
        self._given()
        yield b"first\nsec"
        yield b""
        yield b"ond \xff\nthird"

    def events(self, follow: bool) -> Iterator[EventRecord]:
        self._given()
        yield EVENTS[0]
        yield EventRecord(time=T0, service="", name="", message="")
        yield EVENTS[1]
