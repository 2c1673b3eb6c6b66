"""Decides the next action that brings a service from what it is to what it should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from supervisor.values.handover import Kind
from supervisor.values.manifest import OnChange, ServiceManifest
from supervisor.values.release import Version
from supervisor.values.state import RenderedFile, ResolvedFrontend


@dataclass(frozen=True, slots=True)
class Nothing:
    """Desired and observed agree."""

    word = "nothing"
    reason = "it is as desired"


@dataclass(frozen=True, slots=True)
class Write:
    """Files are written; the daemon notices by itself."""

    changed: tuple[str, ...]
    word = "configure"

    @property
    def reason(self) -> str:
        return f"{len(self.changed)} files changed"


@dataclass(frozen=True, slots=True)
class ReloadInPlace:
    """Files are written and the daemon is made to read them."""

    changed: tuple[str, ...]
    word = "reload"

    @property
    def reason(self) -> str:
        return f"{len(self.changed)} files changed"


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """A candidate of a new generation takes the place of the active one, if there is one."""

    kind: Kind
    reason: str

    @property
    def word(self) -> str:
        return str(self.kind)


Next = Nothing | Write | ReloadInPlace | NewGeneration


@dataclass(frozen=True, slots=True)
class Change:
    """A configuration file that differs, and what its manifest entry asks for."""

    path: str
    asks: OnChange


_COST = (OnChange.LIVE, OnChange.RELOAD, OnChange.INSTANCE)


def changes(
    manifest: ServiceManifest,
    desired: Iterable[RenderedFile],
    written: Mapping[str, str],
    digests: Mapping[str, str],
    sources: Mapping[str, int],
) -> tuple[Change, ...]:
    """Compare the rendered files with the digests of the written ones. `digests` are those of `desired`, by path.

    `sources` has the entry of the manifest that each written file came from, as it was recorded when that was written:
    the entry says what its removal asks for. A file that no entry accounts for asks for a new generation.
    """
    changed: list[Change] = []
    by_path = {file.path: file for file in desired}
    for path, file in sorted(by_path.items()):
        entry = manifest.config[file.source]
        if path not in written:
            changed.append(Change(path, entry.on_add))
        elif written[path] != digests[path]:
            changed.append(Change(path, entry.on_change))
    changed += [Change(path, _removal(manifest, sources.get(path))) for path in sorted(set(written) - set(by_path))]
    return tuple(changed)


def _removal(manifest: ServiceManifest, source: int | None) -> OnChange:
    if source is not None and source < len(manifest.config):
        return manifest.config[source].on_remove
    return OnChange.INSTANCE


def version_action(desired: Version | None, running: Version | None) -> Next | None:
    """Return the action that the versions alone ask for; None: they agree, and the configuration decides.

    A definition that changed without its image is a new generation too: its container was made from the old one.
    """
    if desired is None:
        return Nothing()
    if running is None:
        return NewGeneration(Kind.START, "nothing runs")
    if not desired.is_same_as(running):
        return NewGeneration(Kind.SWAP, f"version {desired.version} is wanted")
    return None


def configuration_action(
    changed: tuple[Change, ...],
    desired_frontends: tuple[ResolvedFrontend, ...],
    running_frontends: tuple[ResolvedFrontend, ...],
) -> Next:
    """Return the action that brings an instance of the desired version to its configuration."""
    if desired_frontends != running_frontends:
        return NewGeneration(Kind.CONFIGURE, "frontends changed")
    if not changed:
        return Nothing()
    dearest = max((change.asks for change in changed), key=_COST.index)
    paths = tuple(change.path for change in changed)
    if dearest is OnChange.INSTANCE:
        named = [change.path for change in changed if change.asks is OnChange.INSTANCE]
        return NewGeneration(Kind.CONFIGURE, f"{len(named)} files changed, {named[0]} among them")
    return ReloadInPlace(paths) if dearest is OnChange.RELOAD else Write(paths)
