"""Invariants of a router at rest: read from the engine, the kernel and the supervisor, and compared."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from lab.router import Router
from lab.services import SERVICES
from lab.tools import NAMESPACES, run, run_inside
from supervisor.decisions.traffic import traffic_table
from supervisor.edges.engine import make_engine
from supervisor.edges.network import structure, table
from supervisor.edges.store import SqliteStore
from supervisor.values.release import InstanceState
from supervisor.values.state import Instance

ISOLATED = tuple(name for name, service in SERVICES.items() if service.is_isolated)


def await_rest(router: Router, limit: float = 60.0) -> None:
    """Wait until all services are ready, no hand-over is under way and nothing drains."""
    deadline = time.monotonic() + limit
    while True:
        services: list[dict[str, Any]] = router.await_ready(30.0, tuple(SERVICES))["services"]  # type: ignore[assignment]
        busy = [service["name"] for service in services if service["handover"] or service["draining"]]
        if not busy:
            return
        assert time.monotonic() < deadline, f"{busy} do not come to rest in {limit:g} s: {services}"
        time.sleep(0.1)


def versions(router: Router) -> dict[str, str]:
    status = router.status()
    assert status is not None
    services: list[dict[str, Any]] = status["services"]  # type: ignore[assignment]
    return {service["name"]: service["version"] for service in services}


def violations(router: Router) -> list[str]:
    """Return what differs from exactly what one generation of each service needs; nothing if the router is clean."""
    status = router.status()
    if status is None:
        return ["the supervisor does not answer"]
    services: list[dict[str, Any]] = status["services"]  # type: ignore[assignment]
    generation = {service["name"]: service["generation"] for service in services}
    wanted = {f"vrs-{name}-{number}" for name, number in generation.items()}
    isolated = {f"{name}-{generation[name]}" for name in ISOLATED}
    different = [f"{one['name']} is {one['state']}: {one['message']}" for one in services if one["state"] != "running"]
    different += _differ("containers", {container["name"] for container in containers(router)}, wanted)
    different += _differ("namespaces", _namespaces(router), isolated)
    interfaces = _interfaces(router)
    if len(interfaces) != len(ISOLATED):
        different.append(f"interfaces of the supervisor: {sorted(interfaces)}")
    folders = {f"{name}/{number}" for name, number in generation.items()}
    different += _differ("runtime folders", _folders(router), folders)
    different += _stale_addresses(router, interfaces)
    different += _wrong_elements(router)
    different += _stale_volumes(router, generation)
    different += _stale_images(router)
    unfinished = [record for record in _history(router) if record["outcome"] == "running" or not record["finished"]]
    return different + [f"history: {record}" for record in unfinished]


def containers(router: Router) -> list[dict[str, Any]]:
    """Return every container of ours, running or not: name, pid, state."""
    engine = make_engine(router.engine, router.state, router.runtime, router.dockerd.socket, router.namespaces)
    try:
        return [{"name": known.name, "pid": known.pid, "state": known.state.value} for known in engine.containers()]
    finally:
        engine.close()


def pids(router: Router) -> dict[str, int]:
    return {container["name"]: container["pid"] for container in containers(router)}


def _namespaces(router: Router) -> set[str]:
    begin = f"{router.lab.prefix}-sv-"
    return {path.name.removeprefix(begin) for path in NAMESPACES.iterdir() if path.name.startswith(begin)}


def _interfaces(router: Router) -> dict[str, str]:
    """Return the supervisor's interfaces in the router's namespace, each with its address."""
    listed = json.loads(run(["ip", "-n", router.lab.router, "-4", "-j", "addr", "show"]))
    return {
        link["ifname"]: link["addr_info"][0]["local"]
        for link in listed
        if link["ifname"].startswith("vrs") and link.get("addr_info")
    }


def _folders(router: Router) -> set[str]:
    folders = [router.runtime / name for name in SERVICES]
    return {f"{folder.name}/{path.name}" for folder in folders if folder.is_dir() for path in folder.iterdir()}


def _stale_addresses(router: Router, interfaces: dict[str, str]) -> list[str]:
    """Return map elements that lead to an inside address that no interface has."""
    text = run_inside(router.lab.router, ["nft", "list", "table", "inet", "vr_supervisor"])
    inside = set(re.findall(r"\b198\.1[89]\.\d+\.\d+\b", text))
    outer = {address.rpartition(".") for address in interfaces.values()}
    living = {f"{net}.{int(last) + 1}" for net, _, last in outer}
    return [f"map elements lead to {address}" for address in sorted(inside - living)]


def stored_instances(state: Path) -> tuple[tuple[Instance, InstanceState], ...]:
    """Read the instances from a copy of a store that is at rest: the supervisor has the file for itself."""
    with tempfile.TemporaryDirectory() as folder:
        for place in state.glob("state.db*"):
            shutil.copyfile(place, Path(folder) / place.name)
        with closing(SqliteStore(Path(folder))) as store:
            assert not store.losses, store.losses
            return store.instances()


def _wrong_elements(router: Router) -> list[str]:
    """Return map elements that frontends of the active instances need and the kernel lacks, and excess inside ports."""
    active = [instance for instance, state in stored_instances(router.state) if state is InstanceState.ACTIVE]
    listing = json.loads(
        run_inside(router.lab.router, ["nft", "-j", "list", "table", structure.FAMILY, structure.NAME])
    )
    present, wanted = table.read_elements(listing["nftables"]), table.elements(traffic_table(active, active))
    missing = [
        f"{name} lacks {key} leading to {leads}"
        for name, elements in wanted.items()
        for key, leads in elements.items()
        if present.get(name, {}).get(key) != leads
    ]
    ports = {name: set(present.get(name, {})) - set(wanted.get(name, {})) for name in ("udp_inside", "tcp_inside")}
    return missing + [f"{name} has {sorted(more)} too many" for name, more in ports.items() if more]


def _stale_volumes(router: Router, generation: dict[str, int]) -> list[str]:
    """Return folders of state whose generation is no more."""
    stale = []
    for path in sorted((router.state / "volumes").glob("*/*.*")):
        number = path.suffix.removeprefix(".")
        if number.isdigit() and int(number) != generation.get(path.parent.name):
            stale.append(f"state is left of a former generation: {path}")
    return stale


def _stale_images(router: Router) -> list[str]:
    """Return images that came with no release that is known."""
    releases: list[dict[str, Any]] = json.loads(router.vrctl("bundle", "list", "--json").stdout)
    known = {service["image"] for release in releases for service in release["services"].values()}
    engine = make_engine(router.engine, router.state, router.runtime, router.dockerd.socket, router.namespaces)
    try:
        return [f"an image of no release is left: {image}" for image in engine.images() if image not in known]
    finally:
        engine.close()


def _history(router: Router) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(router.vrctl("history", "--limit", "50", "--json").stdout)
    return records


def _differ(what: str, present: set[str], wanted: set[str]) -> list[str]:
    if present == wanted:
        return []
    return [f"{what}: {sorted(present - wanted)} too many, {sorted(wanted - present)} missing"]
