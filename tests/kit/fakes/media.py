"""Media in memory, and a watch that offers them when a test does so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from supervisor.ports.media import Bases
from supervisor.values.bundle import BundledService, BundleIndex
from supervisor.values.errors import BundleError, MissingBaseError, NotABundleError
from supervisor.values.names import Digest
from supervisor.values.packages import Fix, Package
from supervisor.values.release import Release
from supervisor.values.trust import Judgement, Root, Signing

UNSIGNED = Judgement(Signing(0, (), 0), Root())
"""Nobody has signed, and nobody has to."""


@dataclass(frozen=True, slots=True)
class FakeBundle:
    """Satisfies `ports.media.OpenedBundle`: a good one, whose images the engine has."""

    release: Release
    definitions: Mapping[Digest, Mapping[str, bytes]]
    sboms: Mapping[str, bytes] = field(default_factory=dict)
    judgement: Judgement = UNSIGNED
    minimum_release: str | None = None

    @property
    def index(self) -> BundleIndex:
        services = tuple(
            BundledService(
                *(name, service.version, service.image, Digest(""), (), service.definition),
                sbom=Digest("sha256:its") if name in self.sboms else None,
            )
            for name, service in self.release.services
        )
        name, created = self.release.name, self.release.created
        return BundleIndex(1, name, created, "0", "any", services, (), minimum_release=self.minimum_release)

    def verify_all(self, report: Callable[[int, int], None] | None = None) -> None:
        if report:
            report(1, 1)

    def room(self, services: Collection[str]) -> int:
        return 0

    def sbom(self, service: str) -> bytes | None:
        return self.sboms.get(service)

    def image_stream(self, service: str) -> Iterable[bytes]:
        raise AssertionError(f"the image of {service} is loaded already")

    def definition(self, service: str) -> Mapping[str, bytes]:
        return next(self.definitions[one.definition] for name, one in self.release.services if name == service)

    def close(self) -> None:
        pass

    def opened(self, path: str) -> FakeBundle:
        """Return the bundle as it is when it is opened at a path."""
        return self


class FakeMedia:
    """Satisfies `ports.media.Media`.

    `inside` is the content by path, `bases` has the releases by path that some are deltas to; `opened` are the paths
    that were read, in order.
    """

    def __init__(self) -> None:
        self.inside: dict[str, FakeBundle | BundleError] = {}
        self.bases: dict[str, str] = {}
        self.opened: list[str] = []

    def open(self, path: str, bases: Bases) -> FakeBundle:
        self.opened.append(path)
        if path in self.bases and bases.identity(self.bases[path]) is None:
            raise MissingBaseError(path, self.bases[path], "sha256:0")
        match self.inside.get(path):
            case None:
                raise NotABundleError(path, "No such file or directory")
            case BundleError() as error:
                raise error
            case bundle:
                return bundle.opened(path)

    def fingerprint(self, path: str) -> str | None:
        return str(id(self.inside[path])) if path in self.inside else None

    def packages(self, sbom: bytes, service: str) -> tuple[Package, ...]:
        """Return the packages of a text such as `libssl3=3.0-1 CVE-2025-0001`, a line for each."""
        lines = [line.split() for line in sbom.decode().splitlines()]
        named = ((*word.partition("=")[::2], tuple(ids)) for word, *ids in lines)
        return tuple(Package(n, v, "amd64", "openssl" if "ssl" in n else n, (Fix(v, ids),)) for n, v, ids in named)


class FakeMediaWatch:
    """Satisfies `ports.media.MediaWatch`. `present` is there when it starts; call `offer` for what comes later."""

    def __init__(self, present: Sequence[str] = ()) -> None:
        self._present = present
        self.is_closed = False

    def start(self, offer: Callable[[Sequence[str]], None]) -> Sequence[str]:
        self.offer = offer
        return self._present

    def close(self) -> None:
        self.is_closed = True
