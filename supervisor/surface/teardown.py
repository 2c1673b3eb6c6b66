"""Leaves the router as it was before the supervisor came: what `make stop` and an uninstallation need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from supervisor.edges.engine.choice import choose, forget, leaving, recorded
from supervisor.edges.folders import DiskFolders
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.store import StateLock
from supervisor.ports.engine import Engine
from supervisor.surface.assembly import one_engine, require_root
from supervisor.values.errors import EngineError, TeardownError
from supervisor.values.settings import Settings


def tear_down(settings: Settings, *, images: bool = False) -> None:
    """Remove rules, containers, namespaces and the runtime folder, and images if told. What is stored stays.

    The network is first, and an engine that fails does not keep the rest: what could not be done is said at the end.
    """
    require_root("tear down")
    lock = StateLock(settings.state_dir)
    try:
        traffic = NftTraffic()
        NftGuard(traffic, admit=True).remove()
        traffic.remove()
        left = list(empty_engines(settings, images=images))
        links = IpLinks(settings.namespaces)
        for namespace in links.present():
            links.remove_namespace(namespace)
        if not left:  # an engine of our own still lives in the runtime folder otherwise
            DiskFolders(settings.state_dir, settings.runtime_dir).release_tmpfs()
            shutil.rmtree(settings.runtime_dir, ignore_errors=True)
    finally:
        lock.release()
    if left:
        raise TeardownError(left)


def empty_engines(settings: Settings, *, images: bool) -> Iterator[str]:
    """Yields what could not be removed. One engine that does not answer does not keep the other from it."""
    state, is_complete = settings.state_dir, True
    for kind in _engines(settings):
        for failure in _empty_engine(one_engine(settings, kind), images=images):
            is_complete = False
            yield failure
    if is_complete and (images or settings.engine != "auto"):  # which uses the one that has the images
        forget(state)


def _engines(settings: Settings) -> tuple[str, ...]:
    used, left = recorded(settings.state_dir), leaving(settings.state_dir)
    return (used or choose(settings.engine, settings.state_dir), *([left] if left else []))


def _empty_engine(engine: Engine, *, images: bool) -> Iterator[str]:
    try:
        failures = _asked(engine, images=images)
        if failures:
            try:
                engine.remove_everything()  # what an engine of our own cannot remove is ended and removed without it
            except EngineError:
                yield from failures
    finally:
        engine.close()


def _asked(engine: Engine, *, images: bool) -> list[str]:
    """Have the engine remove what it has; return what it could not."""
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
