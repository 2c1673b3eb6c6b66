"""Compares what a manifest asks for with the ceiling of this router, and names each excess with the setting for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from supervisor.values.ceiling import Allowance, Ceiling
from supervisor.values.errors import Fault
from supervisor.values.manifest import Seccomp, ServiceManifest

_Excess = tuple[str, str, str, str]
"""The manifest's key, what it asks for, what is allowed instead, and the key of the allowance."""

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def excesses(manifest: ServiceManifest, ceiling: Ceiling) -> tuple[Fault, ...]:
    """Return everything that a manifest asks for beyond the ceiling; empty: it keeps within it.

    The path of a fault is the manifest's key; its text has what is asked for, what is allowed, and the setting that
    would allow it.
    """
    network = manifest.network
    is_allowed = network in ceiling.networks
    modes = () if is_allowed else (_fault("network", str(network), _listed(ceiling.networks), "networks"),)
    return modes + tuple(
        _fault(path, asked, instead, f"{network}.{key}")
        for find in (_sets, _amounts, _rights)
        for path, asked, instead, key in find(manifest, ceiling.of(network))
    )


def _sets(manifest: ServiceManifest, allowed: Allowance) -> Iterator[_Excess]:
    gap_port = manifest.takeover.gap_port
    ports = (str(gap_port.port),) if gap_port else ()
    seccomp = manifest.seccomp or Seccomp()
    for path, key, asked, known in (
        ("capabilities", "capabilities", manifest.capabilities, allowed.capabilities),
        ("devices", "devices", manifest.devices, allowed.devices),
        ("seccomp.syscalls", "syscalls", seccomp.syscalls, allowed.syscalls),
        ("seccomp.families", "families", seccomp.families, allowed.families),
        ("takeover.encapsulation", "encapsulation", ports, tuple(map(str, allowed.encapsulation))),
    ):
        if beyond := set(asked) - set(known):
            yield path, _listed(beyond), _listed(known), key
    if allowed.ports is not None:  # one that only the configuration says is one that nobody knows yet
        known = tuple(map(str, allowed.ports))
        if beyond := {frontend.port for frontend in manifest.frontends} - set(known):
            yield "frontends", f"the ports {_listed(beyond)}", _listed(known), "ports"


def _amounts(manifest: ServiceManifest, allowed: Allowance) -> Iterator[_Excess]:
    limits = manifest.limits  # of processors rounded: 70% and 0.7 are two floats
    amounts: tuple[tuple[str, str, float, float, Callable[[Any], str]], ...] = (
        ("limits.memory", "memory", limits.memory_bytes, allowed.memory_bytes, _size),
        ("limits.pids", "pids", limits.pids, allowed.pids, str),
        ("limits.nofile", "nofile", limits.nofile, allowed.nofile, str),
        ("limits.cpu", "cpu", round(limits.cpu or 0.0, 9), round(allowed.cpu or math.inf, 9), _processors),
        ("limits.cpu_weight", "cpu_weight", limits.cpu_weight, allowed.cpu_weight, str),
        ("receive_buffer", "receive_buffer", manifest.receive_buffer_bytes or 0, allowed.receive_buffer_bytes, _size),
    )
    for path, key, asked, most, shown in amounts:
        if asked > most:
            yield path, shown(asked), f"at most {shown(most)}", key


def _rights(manifest: ServiceManifest, allowed: Allowance) -> Iterator[_Excess]:
    user, takeover = manifest.user, manifest.takeover
    if manifest.seccomp is None and not allowed.engine_profile:
        yield "seccomp", "the engine's own profile", "profiles of a manifest", "engine_profile"
    if 0 in (user.uid, user.gid) and not allowed.root:
        yield "user", f"root (uid {user.uid}, gid {user.gid})", "other users only", "root"
    if manifest.masquerades and not allowed.masquerades:
        yield "masquerades", "connections to others", "none", "masquerades"
    if takeover.clears_leftovers and not allowed.associations:
        yield "takeover.associations", "the kernel's associations to be deleted", "none of that", "associations"


def _fault(path: str, asked: str, allowed: str, key: str) -> Fault:
    return Fault(path, f"asks for {asked}; this router allows {allowed} (setting ceiling.{key})")


def _listed(items: Iterable[str]) -> str:
    """Return the items, numbers by their size and before words."""
    return ", ".join(sorted(items, key=lambda item: (int(item) if item.isdecimal() else math.inf, item))) or "none"


def _size(size: int) -> str:
    """Return a size in the largest unit that leaves it whole."""
    return next((f"{size // factor}{unit}" for factor, unit in _UNITS if size and size % factor == 0), str(size))


def _processors(number: float) -> str:
    return f"{number:g} processors"
