"""Errors of documents: manifests, settings, the configuration of the router, templates."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.values.errors.base import Fault, SupervisorError
from supervisor.values.listing import listed


class FaultsError(SupervisorError, word="faults"):
    """A document has one or more faults: `faults` has all of them, the message as many as fit."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        super().__init__(f"cannot accept {name}: {listed(faults)}")
        self.name, self.faults = name, tuple(faults)


class ManifestError(FaultsError, word="manifest"):
    """A service manifest has faults."""


class OverCeilingError(ManifestError, word="over-ceiling"):
    """Services ask for more than the settings of this router allow; every excess is listed."""


class SettingsError(FaultsError, word="settings"):
    """The daemon's settings file has faults."""


class ConfigurationError(SupervisorError, word="configuration"):
    """A part of the router's configuration was refused; nothing was changed by it."""


class RenderError(SupervisorError, word="render"):
    """A template could not be turned into a file."""
