"""Files and folders of a service, as its manifest declares them: configuration, state, sockets, scratch space."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.manifest.container import User
from supervisor.values.manifest.probes import Probe


class OnChange(StrEnum):
    """The action that a changed configuration file asks for, cheapest first."""

    LIVE = "live"  # the daemon notices the file by itself
    RELOAD = "reload"  # `reload` of the manifest is carried out
    INSTANCE = "instance"  # a new generation takes its place


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A template (or, with `each`, one file for every item) below the container's `/config`."""

    template: str  # file below templates/
    target: str  # template: path below /config
    each: str | None = None  # expression giving a sequence
    when: str | None = None  # expression; false: the file is left out
    is_secret: bool = False  # mode 0600, owned by the daemon's user; 0644 otherwise
    on_add: OnChange = OnChange.INSTANCE
    on_change: OnChange = OnChange.INSTANCE
    on_remove: OnChange = OnChange.INSTANCE


class StateSharing(StrEnum):
    """The way in which two generations that are alive use one state volume."""

    SHARED = "shared"  # one folder, safe for two generations at once
    COPIED = "copied"  # each generation writes its own; the candidate starts from a copy


@dataclass(frozen=True, slots=True)
class Ownership:
    """The rule by which lines of a file of copied state end with their owner.

    All of such a line matches the regular expression `item`, and its groups, joined by spaces, name the owner.
    """

    file: str  # in the volume
    item: str
    owners: str  # file below /config: a line for each owner that there is


@dataclass(frozen=True, slots=True)
class StateVolume:
    """A folder whose content outlives a generation; no other service has it."""

    name: str
    mount: str  # path in the container
    sharing: StateSharing
    user: User  # who owns the folder
    replay: Probe | None = None  # copied only: gives the candidate what came between the last copy and the cut
    owned: Ownership | None = None  # copied only: which lines are neither copied nor replayed once their owner is gone
    has_spent: bool = False  # shared only: the daemon lists in a folder `spent` which items of configuration it used up


@dataclass(frozen=True, slots=True)
class RuntimeFolder:
    """A folder for control sockets and pid files, seen by the supervisor; empty for each generation."""

    name: str
    mount: str  # path in the container
    user: User


@dataclass(frozen=True, slots=True)
class TmpfsMount:
    """A folder in memory, empty for each generation."""

    mount: str  # path in the container
    size_bytes: int
    mode: int  # permission bits
