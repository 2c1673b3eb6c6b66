"""Errors of bundles: the medium, its index, its signature or its files."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.values.errors.base import Fault, SupervisorError
from supervisor.values.listing import listed


class BundleError(SupervisorError, word="bundle"):
    """A bundle cannot be used."""


class NotABundleError(BundleError, word="not-abundle"):
    """The file or medium is something else: no ISO 9660, another volume, no index."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"cannot use {path} as a bundle: {cause}")
        self.path, self.cause = path, cause


class NoMediumError(BundleError, word="no-medium"):
    """The drive is empty."""

    def __init__(self, path: str) -> None:
        super().__init__(f"cannot use {path}: there is no medium in it")
        self.path = path


class TruncatedBundleError(BundleError, word="truncated-bundle"):
    """The medium ends before its content does."""

    def __init__(self, path: str, expected: int, actual: int) -> None:
        super().__init__(f"cannot read {path} to its end: {expected} bytes were promised, {actual} are there")
        self.path, self.expected, self.actual = path, expected, actual


class UnsignedBundleError(BundleError, word="unsigned-bundle"):
    """The bundle has no usable signature."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"cannot trust {path}: {cause}")
        self.path, self.cause = path, cause


class UntrustedBundleError(BundleError, word="untrusted-bundle"):
    """No trusted key made the signature."""

    def __init__(self, path: str, keys: Sequence[str]) -> None:
        tried = (
            f"no trusted key made its signature (tried {listed(keys, ', ')})" if keys else "no trusted key is installed"
        )
        super().__init__(f"cannot trust {path}: {tried}")
        self.path, self.keys = path, tuple(keys)


class InvalidIndexError(BundleError, word="invalid-index"):
    """The index is signed but has faults: `faults` has all of them, the message as many as fit."""

    def __init__(self, path: str, faults: Sequence[Fault]) -> None:
        super().__init__(f"cannot accept the index of {path}: {listed(faults)}")
        self.path, self.faults = path, tuple(faults)


class UnsupportedFormatError(BundleError, word="unsupported-format"):
    """The bundle has a format version that this supervisor does not know."""

    def __init__(self, path: str, actual: int, supported: int) -> None:
        super().__init__(f"cannot read {path}: it has bundle format {actual}, this supervisor reads format {supported}")
        self.path, self.actual, self.supported = path, actual, supported


class OtherArchitectureError(BundleError, word="other-architecture"):
    """The bundle, or one image in it, is for another machine."""

    def __init__(self, name: str, actual: str, expected: str) -> None:
        super().__init__(f"cannot run {name}: it is built for {actual}, this machine is {expected}")
        self.name, self.actual, self.expected = name, actual, expected


class SupervisorTooOldError(BundleError, word="supervisor-too-old"):
    """The bundle asks for a newer supervisor."""

    def __init__(self, path: str, minimum: str, actual: str) -> None:
        super().__init__(f"cannot use {path}: it needs supervisor {minimum} or newer, this is {actual}")
        self.path, self.minimum, self.actual = path, minimum, actual


class DigestMismatchError(BundleError, word="digest-mismatch"):
    """A file in the bundle is not the file its index promises."""

    def __init__(self, name: str, expected: str, actual: str) -> None:
        super().__init__(f"cannot accept {name}: index says {expected}, file is {actual}")
        self.name, self.expected, self.actual = name, expected, actual


class LayerRefusedError(BundleError, word="layer-refused"):
    """A layer of an image unpacks to something else than the index says, or to something that may not be unpacked."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"cannot accept {name}: {cause}")
        self.name, self.cause = name, cause


class MissingFileError(BundleError, word="missing-file"):
    """The index lists a file that is not on the medium."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot find {name} in the bundle: its index lists it, the medium lacks it")
        self.name = name


class UnlistedFileError(BundleError, word="unlisted-file"):
    """The medium carries a file that nobody signed for."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot accept {name!r}: the medium carries it, the bundle's index does not list it")
        self.name = name


class MissingBaseError(BundleError, word="missing-base"):
    """A delta bundle needs the release it is a delta to; `identity` says which one of that name."""

    def __init__(self, release: str, base: str, identity: str | None = None, found: str | None = None) -> None:
        which = f"{base} ({identity})" if identity else base
        why = f"and the one of that name here is {found}" if found else "which is not at hand"
        why += "; import it first, from its own bundle" if identity and not found else ""
        super().__init__(f"cannot use bundle {release}: it is a delta to release {which}, {why}")
        self.release, self.base, self.identity = release, base, identity


class SbomError(BundleError, word="sbom"):
    """A bill of materials cannot be read, or is not that of its image."""

    def __init__(self, service: str, cause: str) -> None:
        super().__init__(f"cannot accept the bill of materials of {service}: {cause}")
        self.service, self.cause = service, cause


class BundleBuildError(BundleError, word="bundle-build"):
    """A bundle cannot be made of these inputs."""
