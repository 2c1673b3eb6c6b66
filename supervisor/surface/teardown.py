"""Leaves the router as it was before the supervisor came, for `make stop` and an uninstallation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from supervisor.edges.engine.choice import choose, forget, leaving, recorded
from supervisor.edges.folders import DiskFolders
from supervisor.edges.network.admission import Admission
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.shares import NftShares
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.store import StateLock
from supervisor.ports.engine import Engine
from supervisor.surface.assembly import engine_named, require_root
from supervisor.values.errors import EngineError, TeardownError
from supervisor.values.settings import Settings


def tear_down(settings: Settings, *, images: bool = False) -> None:
    """Remove rules, containers, namespaces and the runtime folder, with `images` those too. The state folder stays.

    The network is first, and an engine that fails does not stop the rest. May be repeated.
    Raises NotRootError: when the process is not root; StateLockedError: while a supervisor runs; TeardownError: when
    something could not be removed.
    """
    require_root("tear down")
    lock = StateLock(settings.state_dir)
    try:
        traffic = NftTraffic()
        NftGuard(traffic, admission=Admission()).remove()
        traffic.remove()
        NftShares().remove()
        left = list(empty_engines(settings, images=images))
        links = IpLinks(settings.namespaces)
        for namespace in links.present():
            links.remove_namespace(namespace)
        if not left:  # an engine of our own still lives in the runtime folder otherwise
            folders = DiskFolders(settings.state_dir, settings.runtime_dir)
            folders.release_tmpfs()
            folders.release_inert_volumes()
            shutil.rmtree(settings.runtime_dir, ignore_errors=True)
    finally:
        lock.release()
    if left:
        raise TeardownError(left)


def empty_engines(settings: Settings, *, images: bool) -> Iterator[str]:
    """Empty every engine that was used; yield a message for each thing that could not be removed."""
    state, is_complete = settings.state_dir, True
    for kind in _engines(settings):
        for failure in _empty_engine(engine_named(settings, kind), images=images):
            is_complete = False
            yield failure
    if is_complete and (images or settings.engine != "auto"):  # which uses the one that has the images
        forget(state)


def _engines(settings: Settings) -> tuple[str, ...]:
    used, left = recorded(settings.state_dir), leaving(settings.state_dir)
    return (used or choose(settings.engine, settings.state_dir), *([left] if left else []))


def _empty_engine(engine: Engine, *, images: bool) -> Iterator[str]:
    try:
        failures = _removed(engine, images=images)
        if failures:
            try:
                engine.remove_everything()  # what an engine of our own cannot remove is ended and removed without it
            except EngineError:
                yield from failures
    finally:
        engine.close()


def _removed(engine: Engine, *, images: bool) -> list[str]:
    """Let the engine remove our containers, with `images` those too; return a message for each failure."""
    failures = []
    try:
        engine.start_service()
        for container in engine.containers():
            try:
                engine.remove(container.name)
            except EngineError as error:
                failures.append(str(error))
        if failures:
            return failures
        for image in engine.images() if images else ():
            engine.remove_image(image)
        if damage := engine.damage(is_thorough=False):
            return [damage]
        engine.stop_service()
    except EngineError as error:
        failures.append(str(error))
    return failures
