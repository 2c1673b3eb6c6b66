"""Shows values as tables: coloured on a terminal, plain in a pipe. Rich is used here and in `progress` only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from supervisor.surface.api.codec import moment_text
from supervisor.values.status import (
    ContainedPackage,
    HandoverRecord,
    PackageChange,
    PlannedStep,
    ReleaseStatus,
    SecretsStatus,
    ServiceState,
    ServiceStatus,
    SupervisorStatus,
    TrustKeyStatus,
    TrustStatus,
    UndertakingStatus,
)
from supervisor.values.undertaking import UndertakingState

_STYLES = {
    ServiceState.RUNNING: "green",
    ServiceState.STARTING: "cyan",
    ServiceState.DEGRADED: "yellow",
    ServiceState.OVERLOADED: "bold yellow",
    ServiceState.FAILED: "bold red",
    ServiceState.STOPPED: "dim",
    ServiceState.ABSENT: "dim",
}
_UNDERTAKEN = {
    UndertakingState.UP: "green",
    UndertakingState.CONNECTING: "cyan",
    UndertakingState.UNKNOWN: "dim",
}
_OUTCOMES = {"succeeded": "green", "reverted": "yellow", "failed": "bold red"}
_PIPE_WIDTH = 1000  # in a pipe a line is as long as it is: nothing is cut or folded


def console() -> Console:
    """Return the console to print on; it never reads a text as markup."""
    made = Console(markup=False, highlight=False, emoji=False)
    return made if made.is_terminal else Console(markup=False, highlight=False, emoji=False, width=_PIPE_WIDTH)


def show(*parts: RenderableType) -> None:
    to = console()
    for part in parts:
        with to.capture() as captured:
            to.print(part)
        to.file.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def age(since: float | None, now: float) -> str:
    """Return how long ago that is, in the two largest units; `-` for None."""
    if since is None:
        return "-"
    left = max(0, int(now - since))
    words: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (name == "s" and not words):
            words.append(f"{count}{name}")
    return "".join(words[:2])


def _table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings[:-1]:
        table.add_column(heading, no_wrap=True)
    table.add_column(headings[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _yes(value: bool) -> Text:
    return Text("yes", "green") if value else Text("no", "yellow")


def _move(former: str | None, new: str | None) -> str:
    return f"{former or '-'} → {new or '-'}"


def short_image(image: str | None) -> str:
    return image.removeprefix("sha256:")[:12] if image else "-"


def status(value: SupervisorStatus, now: float | None = None) -> RenderableType:
    now = time.time() if now is None else now
    release = value.bundle.release if value.bundle else "none"
    head = (
        f"supervisor {value.version} ({value.engine} {value.engine_version}), up {age(value.started, now)}, "
        f"bundle {release}, {'ready' if value.is_ready else 'not ready'}"
    )
    if value.message:
        head += f": {value.message}"
    if value.secrets and (said := _secrets(value.secrets)):
        head += f"\n{said}"
    headings = ("SERVICE", "STATE", "READY", "VERSION", "GEN", "IMAGE", "SINCE", "RESTARTS", "HAND-OVER", "MESSAGE")
    services = _table(headings, (_service_row(service, now) for service in value.services))
    undertaken = [_undertaking_row(service, it, now) for service in value.services for it in service.undertakings]
    if not undertaken:
        return Group(Text(head), services)
    columns = ("SERVICE", "KIND", "NAME", "STATE", "SINCE", "ASSOCIATIONS", "CALLS", "MESSAGE")
    return Group(Text(head), services, Text(), _table(columns, undertaken))


def _secrets(secrets: SecretsStatus) -> str:
    """Return what an operator should know of stored secrets; empty: they are encrypted, and all is well."""
    if secrets.source == "none":
        return "secrets are stored in clear: the settings say so"
    return f"secrets: {secrets.pending}" if secrets.pending else ""


def _service_row(service: ServiceStatus, now: float) -> tuple[str | Text, ...]:
    version = service.version or "-"
    if service.desired_version and service.desired_version != service.version:
        version += f" (wants {service.desired_version})"
    return (
        service.name + (" (pinned)" if service.is_pinned else ""),
        Text(str(service.state), _STYLES[service.state]),
        _yes(service.is_ready),
        version,
        "-" if service.generation is None else str(service.generation),
        short_image(service.image),
        age(service.since, now),
        str(service.restarts),
        _under_way(service),
        service.message,
    )


def _undertaking_row(service: ServiceStatus, it: UndertakingStatus, now: float) -> tuple[str | Text, ...]:
    return (
        service.name,
        it.what,
        it.name,
        Text(str(it.state), _UNDERTAKEN.get(it.state, "bold red")),
        age(it.since, now),
        str(it.associations) if it.associations else "-",
        str(it.calls) if it.calls else "-",
        it.message,
    )


def _under_way(service: ServiceStatus) -> str:
    parts = []
    if service.handover:
        back = " (undo)" if service.handover.direction == "undo" else ""
        moved = _move(service.handover.from_version, service.handover.to_version)
        parts.append(f"{service.handover.kind} {moved}: {service.handover.phase}{back}")
    parts += [f"{former.version} drains {former.connections}" for former in service.draining]
    return ", ".join(parts) or "-"


def plan(steps: Iterable[PlannedStep]) -> Table:
    headings = ("SERVICE", "ACTION", "VERSION", "REASON")
    return _table(headings, ((s.service, s.action, _move(s.from_version, s.to_version), s.reason) for s in steps))


def history(records: Iterable[HandoverRecord]) -> Table:
    headings = ("ID", "STARTED", "SERVICE", "KIND", "VERSION", "GEN", "OUTCOME", "CUTOVER", "TOTAL", "REASON")
    return _table(headings, (_record_row(record) for record in records))


def _record_row(record: HandoverRecord) -> tuple[str | Text, ...]:
    cutover, finished = record.seconds_to_cutover, record.finished
    return (
        str(record.id),
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.started)),
        record.service,
        record.kind,
        _move(record.from_version, record.to_version),
        str(record.generation),
        Text(record.outcome, _OUTCOMES.get(record.outcome, "")),
        "-" if cutover is None else f"{cutover:.2f}s",
        "-" if finished is None else f"{finished - record.started:.2f}s",
        "; ".join(filter(None, (f"without {' and '.join(record.waived)}" if record.waived else "", record.reason))),
    )


def releases(values: Iterable[ReleaseStatus]) -> Table:
    """Return a table of releases; who signed them, and why they are in doubt, where any says so."""
    values = tuple(values)
    columns: dict[str, Callable[[ReleaseStatus], str | Text]] = {
        "RELEASE": lambda release: release.release,
        "CREATED": lambda release: release.created,
        "VERIFIED": lambda release: _yes(release.is_verified),
        "CURRENT": lambda release: "yes" if release.is_current else "",
        "SOURCE": lambda release: release.source,
        "SERVICES": lambda release: ", ".join(f"{service.name} {service.version}" for service in release.services),
    }
    if any(release.signed_by for release in values):
        columns["SIGNED BY"] = lambda release: ", ".join(release.signed_by)
    if any(release.doubt for release in values):
        columns["IN DOUBT"] = lambda release: Text(release.doubt, style="yellow")
    return _table(tuple(columns), ([cell(release) for cell in columns.values()] for release in values))


def keys(values: Iterable[TrustKeyStatus]) -> Table:
    """Return a table of trusted and revoked keys."""
    headings = ("KEYID", "NAME", "ROLES", "REVOKED", "REASON")
    return _table(
        headings,
        ((key.id, key.name, ", ".join(key.roles), "yes" if key.is_revoked else "", key.reason) for key in values),
    )


def sboms(documents: Mapping[str, Any]) -> Table:
    """Return the packages of bills of materials (CycloneDX) by service, None where a service has none."""
    rows: dict[tuple[str, str], list[str]] = {}
    for service, document in documents.items():
        components = document.get("components", ()) if document else ({"name": "no bill of materials"},)
        for component in components:
            rows.setdefault((component["name"], component.get("version", "-")), []).append(service)
    return _table(("PACKAGE", "VERSION", "SERVICES"), ((*key, ", ".join(sorted(rows[key]))) for key in sorted(rows)))


def changes(values: Iterable[PackageChange]) -> Table:
    headings = ("PACKAGE", "VERSION", "SERVICES", "CVE IDS")
    return _table(headings, ((c.package, _move(c.former, c.later), ", ".join(c.services), _ids(c)) for c in values))


def _ids(change: PackageChange) -> str:
    reopened = f"no longer fixed: {' '.join(change.reopened)}" if change.reopened else ""
    return "; ".join(filter(None, (" ".join(change.fixed), reopened))) or "-"


def contained(values: Iterable[ContainedPackage]) -> Table:
    headings = ("SERVICE", "VERSION", "GEN", "STATE", "PACKAGE", "PACKAGE VERSION")
    return _table(
        headings,
        (
            (c.service, c.version, str(c.generation), c.state, c.package or "?", c.package_version or "not known")
            for c in values
        ),
    )


def trust_lines(status: TrustStatus) -> tuple[str, ...]:
    """Return what is trusted, line by line."""
    which = f"root {status.root}" if status.root else "root 0: every key of the folder, each alone"
    expires = f", expires {moment_text(status.expires)}" if status.expires is not None else ""
    lines = [f"{which}{expires}"]
    for role, threshold in (("root", status.root_threshold), ("release", status.release_threshold)):
        keys = [key for key in status.keys if role in key.roles]
        names = ", ".join(f"{key.name} (revoked)" if key.is_revoked else key.name for key in keys)
        lines.append(f"{role}: {threshold} of {len(keys)} must sign: {names or 'there is no key'}")
    others = [key.name for key in status.keys if key.is_revoked and not key.roles]
    if others:
        lines.append(f"revoked besides: {', '.join(others)}")
    if status.minimum_release:
        lines.append(f"no release before {status.minimum_release}")
    return (*lines, *filter(None, [status.message]))
