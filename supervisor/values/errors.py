"""Every error the supervisor raises on purpose.

    SupervisorError
    ├── BundleError           the medium, its index, its signature or its files
    │   ├── NotABundleError
    │   ├── TruncatedBundleError
    │   ├── UnsignedBundleError
    │   ├── UntrustedBundleError
    │   ├── InvalidIndexError
    │   ├── UnsupportedFormatError
    │   ├── OtherArchitectureError
    │   ├── SupervisorTooOldError
    │   ├── DigestMismatchError
    │   ├── MissingFileError
    │   ├── UnlistedFileError
    │   ├── MissingBaseError
    │   └── BundleBuildError      what should go into a bundle does not fit together
    ├── ManifestError         a service's declaration, with all faults and their paths
    ├── SettingsError         the daemon's own configuration file
    ├── ConfigurationError    the router's configuration, from whichever source
    ├── RenderError           a template that cannot be turned into a file
    ├── EngineError           the container engine
    │   ├── EngineUnavailableError
    │   │   └── EngineDownError   it is installed, not ours to start, and does not answer yet
    │   ├── NoSuchContainerError
    │   ├── NoSuchImageError
    │   └── NameTakenError
    ├── NetworkError          namespaces, nftables, conntrack
    ├── ProbeError            a probe that cannot be carried out at all (not one that fails)
    ├── StateError            the memory on disk
    │   ├── StateLockedError
    │   └── NoSpaceError      a disk is full: what was asked for is done when it is not
    └── RequestError          what an operator asked for cannot be done
        ├── UnknownServiceError
        ├── UnknownVersionError
        ├── UnknownReleaseError
        └── BusyError

A message starts with "cannot", names the object and ends with the cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SupervisorError(Exception):
    """Base of every error that is meant for an operator."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a document: where (`readiness.interval`) and what."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class FaultsError(SupervisorError):
    """A document has one or more faults; all of them are listed."""

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        lines = "; ".join(str(fault) for fault in faults)
        super().__init__(f"cannot accept {what}: {lines}")
        self.what, self.faults = what, tuple(faults)


class BundleError(SupervisorError):
    """A bundle cannot be used."""


class NotABundleError(BundleError):
    """The file or medium is something else: no ISO 9660, another volume, no index."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"cannot use {path} as a bundle: {cause}")
        self.path, self.cause = path, cause


class NoMediumError(BundleError):
    """The drive is empty."""

    def __init__(self, path: str) -> None:
        super().__init__(f"cannot use {path}: there is no medium in it")
        self.path = path


class TruncatedBundleError(BundleError):
    """The medium ends before its content does."""

    def __init__(self, path: str, expected: int, found: int) -> None:
        super().__init__(f"cannot read {path} to its end: {expected} bytes were promised, {found} are there")
        self.path, self.expected, self.found = path, expected, found


class UnsignedBundleError(BundleError):
    """The bundle carries no usable signature."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"cannot trust {path}: {cause}")
        self.path, self.cause = path, cause


class UntrustedBundleError(BundleError):
    """No trusted key made the signature."""

    def __init__(self, path: str, keys: Sequence[str]) -> None:
        tried = (
            f"no trusted key made its signature (tried {', '.join(keys)})" if keys else "no trusted key is installed"
        )
        super().__init__(f"cannot trust {path}: {tried}")
        self.path, self.keys = path, tuple(keys)


class InvalidIndexError(BundleError):
    """The index was signed but says something that cannot be meant; all faults are listed."""

    def __init__(self, path: str, faults: Sequence[Fault]) -> None:
        super().__init__(f"cannot accept the index of {path}: {'; '.join(str(fault) for fault in faults)}")
        self.path, self.faults = path, tuple(faults)


class UnsupportedFormatError(BundleError):
    """The bundle has a format version that this supervisor does not know."""

    def __init__(self, path: str, found: int, supported: int) -> None:
        super().__init__(f"cannot read {path}: it has bundle format {found}, this supervisor reads format {supported}")
        self.path, self.found, self.supported = path, found, supported


class OtherArchitectureError(BundleError):
    """The bundle, or one image in it, is for another machine."""

    def __init__(self, name: str, found: str, expected: str) -> None:
        super().__init__(f"cannot run {name}: it is built for {found}, this machine is {expected}")
        self.name, self.found, self.expected = name, found, expected


class SupervisorTooOldError(BundleError):
    """The bundle asks for a newer supervisor."""

    def __init__(self, path: str, minimum: str, found: str) -> None:
        super().__init__(f"cannot use {path}: it needs supervisor {minimum} or newer, this is {found}")
        self.path, self.minimum, self.found = path, minimum, found


class DigestMismatchError(BundleError):
    """A file in the bundle is not the file its index promises."""

    def __init__(self, name: str, expected: str, found: str) -> None:
        super().__init__(f"cannot accept {name}: index says {expected}, file is {found}")
        self.name, self.expected, self.found = name, expected, found


class MissingFileError(BundleError):
    """The index lists a file that is not on the medium."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot find {name} in the bundle: its index lists it, the medium lacks it")
        self.name = name


class UnlistedFileError(BundleError):
    """The medium carries a file that nobody signed for."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot accept {name!r}: the medium carries it, the bundle's index does not list it")
        self.name = name


class MissingBaseError(BundleError):
    """A delta bundle needs the release it is a delta to."""

    def __init__(self, release: str, base: str) -> None:
        super().__init__(f"cannot use bundle {release}: it is a delta to release {base}, which is not at hand")
        self.release, self.base = release, base


class BundleBuildError(BundleError):
    """A bundle cannot be made of these inputs."""


class ManifestError(FaultsError):
    """A service manifest has faults."""


class SettingsError(FaultsError):
    """The daemon's settings file has faults."""


class ConfigurationError(SupervisorError):
    """A part of the router's configuration was refused; nothing was changed by it."""


class RenderError(SupervisorError):
    """A template could not be turned into a file."""


class EngineError(SupervisorError):
    """The container engine refused or failed."""


class EngineUnavailableError(EngineError):
    """The engine is not installed, cannot be started or does not answer."""


class EngineDownError(EngineUnavailableError):
    """The engine is installed and is somebody else's to start: it may come by itself."""


class NoSuchContainerError(EngineError):
    """No container has that name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot find container {name}: the engine does not know it")
        self.name = name


class NoSuchImageError(EngineError):
    """No image has that id."""

    def __init__(self, image: str) -> None:
        super().__init__(f"cannot find image {image}: the engine does not hold it")
        self.image = image


class NameTakenError(EngineError):
    """A container of that name exists already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot create container {name}: the name is taken")
        self.name = name


class NetworkError(SupervisorError):
    """The kernel refused a change of namespaces, links, nftables or conntrack."""


class ProbeError(SupervisorError):
    """A probe could not be carried out."""


class StateError(SupervisorError):
    """The supervisor's memory on disk cannot be used."""


class NoSpaceError(StateError):
    """A disk, or a folder in memory, is full."""


class StateLockedError(StateError):
    """Another supervisor holds the state folder."""

    def __init__(self, folder: str, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(f"cannot use state folder {folder}: {holder} runs a supervisor on it")
        self.folder, self.pid = folder, pid


class RequestError(SupervisorError):
    """What was asked for cannot be done; nothing was changed."""


class UnknownServiceError(RequestError):
    """No service has that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"cannot find service {name!r}: known services are {', '.join(known) or 'none'}")
        self.name, self.known = name, tuple(known)


class UnknownVersionError(RequestError):
    """No imported bundle has that version of the service."""

    def __init__(self, service: str, version: str, known: Sequence[str]) -> None:
        super().__init__(
            f"cannot find version {version!r} of {service}: imported versions are {', '.join(known) or 'none'}"
        )
        self.service, self.version, self.known = service, version, tuple(known)


class UnknownReleaseError(RequestError):
    """No imported bundle is that release."""

    def __init__(self, name: str | None, known: Sequence[str]) -> None:
        what = "a release" if name is None else f"release {name!r}"
        super().__init__(f"cannot find {what}: imported releases are {', '.join(known) or 'none'}")
        self.name, self.known = name, tuple(known)


class BusyError(RequestError):
    """The service is in the middle of something else."""

    def __init__(self, service: str, holder: str) -> None:
        super().__init__(f"cannot change {service}: {holder}")
        self.service, self.holder = service, holder
