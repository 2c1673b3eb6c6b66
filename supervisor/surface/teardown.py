"""Leaves the router as it was before the supervisor came: what `make stop` and an uninstallation need."""

from __future__ import annotations

import shutil

from supervisor.edges.engine import make_engine
from supervisor.edges.folders import DiskFolders
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.store import StateLock
from supervisor.surface.assembly import engine_kind, require_root
from supervisor.values.settings import Settings


def tear_down(settings: Settings) -> None:
    """Remove containers, namespaces, the nftables table and the runtime folder. What is stored stays."""
    require_root("tear down")
    lock = StateLock(settings.state_dir)
    try:
        engine = make_engine(engine_kind(settings), settings.state_dir, settings.runtime_dir)
        engine.start_service()
        for container in engine.containers():
            engine.remove(container.name)
        engine.stop_service()
        engine.close()
        links = IpLinks(settings.namespaces)
        for namespace in links.present():
            links.remove_namespace(namespace)
        traffic = NftTraffic()
        NftGuard(traffic, admit=True).remove()
        traffic.remove()
        folders = DiskFolders(settings.state_dir, settings.runtime_dir)
        folders.release_tmpfs()
        shutil.rmtree(settings.runtime_dir, ignore_errors=True)
    finally:
        lock.release()
