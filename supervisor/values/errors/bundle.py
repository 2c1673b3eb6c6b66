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


class TrustError(BundleError, word="trust"):
    """Trust forbids it: see the subclasses."""


class UnsafeKeysError(TrustError, word="unsafe-keys"):
    """Others may change the keys that decide what is trusted."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"cannot trust the keys in {path}: {cause}")
        self.path, self.cause = path, cause


class UntrustedRootError(TrustError, word="untrusted-root"):
    """A root document or a revocation list cannot be trusted."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"cannot trust {name}: {cause}")
        self.name, self.cause = name, cause


class RootGapError(UntrustedRootError, word="root-gap"):
    """A root document does not follow the one that is trusted: versions between are missing."""

    def __init__(self, name: str, version: int, trusted: int) -> None:
        missing = f"root {trusted + 1}" + (f" to {version - 1} are" if version > trusted + 2 else " is")
        super().__init__(
            name, f"root {version} does not follow root {trusted}, which is trusted here: {missing} missing"
        )
        self.version, self.trusted = version, trusted


class TooFewSignaturesError(TrustError, word="too-few-signatures"):
    """Fewer keys than the root asks for have signed a release."""

    def __init__(self, name: str, good: Sequence[str], needed: int, root: int, passed_over: Sequence[str]) -> None:
        by = f" (good: {', '.join(good)})" if good else ""
        not_counted = f"; not counted: {', '.join(passed_over)}" if passed_over else ""
        asked = f"{len(good)} of {needed} signatures that root {root} asks for are there"
        super().__init__(f"cannot trust {name}: {asked}{by}{not_counted}")
        self.name, self.good, self.needed, self.root = name, tuple(good), needed, root


class ExpiredError(TrustError, word="expired"):
    """The root, or what was signed for a release, has expired and its grace is over."""

    def __init__(self, release: str, what: str, expired: str, days: int) -> None:
        grace = f", and the grace of {days} days is over" if days else ""
        super().__init__(f"cannot accept release {release}: {what} expired on {expired}{grace}")
        self.release, self.what, self.expired = release, what, expired


class BelowFloorError(TrustError, word="below-floor"):
    """The release is older than the oldest one that may be started."""

    def __init__(self, release: str, floor: str, source: str) -> None:
        super().__init__(f"cannot accept release {release}: {source} allows for nothing before {floor}")
        self.release, self.floor, self.source = release, floor, source


class ClockBehindError(TrustError, word="clock-behind"):
    """By the clock of this router the medium is not made yet."""

    def __init__(self, release: str, created: str, clock: str) -> None:
        super().__init__(
            f"cannot accept release {release}: it was made at {created}, and the clock of this router says {clock}: "
            "set the clock, or use --accept-clock if the release is right"
        )
        self.release, self.created, self.clock = release, created, clock


class OtherContentError(TrustError, word="other-content"):
    """A release of this number is known with another content."""

    def __init__(self, release: str, signers: Sequence[str], known: Sequence[str]) -> None:
        former = f", which {', '.join(known)} signed" if known else ""
        super().__init__(
            f"cannot accept release {release}, signed by {', '.join(signers)}: "
            f"another release of that number was accepted before{former}"
        )
        self.release = release


class DoubtedReleaseError(TrustError, word="doubted-release"):
    """A release that was accepted once is not trusted any more, and nothing of it is started anew."""

    def __init__(self, release: str, doubt: str) -> None:
        super().__init__(f"cannot start anything of release {release}: {doubt}")
        self.release, self.doubt = release, doubt


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
