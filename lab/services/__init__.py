"""The services of the router, found by listing: each folder of `services/` is one, and a module here of the same name
(dashes are underscores) says what the lab, the benchmarks and the fault campaign know of it: its `SERVICE`.

A service without a module is one without clients. Nothing outside these modules lists services.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from lab.router import ROOT
from lab.service import ServiceUnderTest


def modules() -> dict[str, str]:
    """Return the modules of this package by the name of the service that each is about."""
    return {module.name.replace("_", "-"): f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)}


def _find() -> dict[str, ServiceUnderTest]:
    names = sorted(path.parent.name for path in (ROOT / "services").glob("*/manifest.yaml"))
    known = modules()
    services: dict[str, ServiceUnderTest] = {
        name: importlib.import_module(known[name]).SERVICE if name in known else ServiceUnderTest(name=name)
        for name in names
    }
    return services


SERVICES: Mapping[str, ServiceUnderTest] = MappingProxyType(_find())
"""Every service by its name, in alphabetical order."""


def busiest(*, isolated: bool) -> str:
    """Return the service with the most kinds of clients among those with (or without) namespaces of their own."""
    overlapping = [known for known in SERVICES.values() if known.is_isolated == isolated and not known.is_takeover]
    return max(overlapping, key=lambda known: len(known.loads(1.0))).name


def takeovers() -> tuple[str, ...]:
    """Return the services of which two generations cannot run at once."""
    return tuple(name for name, known in SERVICES.items() if known.is_takeover)
