"""Leaves the router as it was before the supervisor came: what `make stop` and an uninstallation need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from supervisor.edges.engine.choice import forget, recorded
from supervisor.edges.folders import DiskFolders
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.store import StateLock
from supervisor.surface.assembly import engine_of, require_root
from supervisor.values.errors import EngineError, SupervisorError
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
        left = list(_empty_engine(settings, images=images))
        links = IpLinks(settings.namespaces)
        for namespace in links.present():
            links.remove_namespace(namespace)
        if not left:  # an engine of our own still lives in the runtime folder otherwise
            DiskFolders(settings.state_dir, settings.runtime_dir).release_tmpfs()
            shutil.rmtree(settings.runtime_dir, ignore_errors=True)
    finally:
        lock.release()
    if left:
        raise SupervisorError(f"cannot tear down everything: {'; '.join(left)}")


def _empty_engine(settings: Settings, *, images: bool) -> Iterator[str]:
    """Yields what could not be removed."""
    engine = engine_of(settings, recorded(settings.state_dir))
    try:
        engine.start_service()
        are_gone = True
        for container in engine.containers():
            try:
                engine.remove(container.name)
            except EngineError as error:
                are_gone = False
                yield str(error)
        if not are_gone:
            return
        for image in engine.images() if images else ():
            engine.remove_image(image)
        engine.stop_service()
        if images or settings.engine != "auto":  # which uses the one that has the images
            forget(settings.state_dir)
    except EngineError as error:
        yield str(error)
    finally:
        engine.close()
