"""The handlers of probes, found by listing the modules of this package."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from supervisor.edges.probes.handler import Handler


def _listed() -> Iterator[Handler]:
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name not in _USERS:
            handler = getattr(import_module(f"{__package__}.{module.name}"), "HANDLER", None)
            if isinstance(handler, Handler):
                yield handler


_USERS = {"prober", "registry"}  # modules that need the list
HANDLERS: Mapping[str, Handler] = {handler.kind: handler for handler in _listed()}
"""Handlers by kind."""
