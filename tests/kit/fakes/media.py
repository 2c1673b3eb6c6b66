"""Media in memory, and a watch that offers them when a test does so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from supervisor.values.bundle import BundledService, BundleIndex
from supervisor.values.errors import BundleError, NotABundleError
from supervisor.values.names import Digest
from supervisor.values.release import Release
from supervisor.values.trust import Judgement, Root, Signing

UNSIGNED = Judgement(Signing(0, (), 0), Root())
"""Nobody has signed, and nobody has to."""


@dataclass(frozen=True, slots=True)
class FakeBundle:
    """Satisfies `ports.media.OpenedBundle`: a good one, whose images the engine has."""

    release: Release
    definitions: Mapping[Digest, Mapping[str, bytes]]
    judgement: Judgement = UNSIGNED
    minimum_release: str | None = None

    @property
    def index(self) -> BundleIndex:
        services = tuple(
            BundledService(name, service.version, service.image, Digest(""), (), service.definition)
            for name, service in self.release.services
        )
        name, created = self.release.name, self.release.created
        return BundleIndex(1, name, created, "0", "any", services, (), minimum_release=self.minimum_release)

    def verify_all(self, report: Callable[[int, int], None] | None = None) -> None:
        if report:
            report(1, 1)

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

    `inside` is the content by path; `opened` are the paths that were read, in order.
    """

    def __init__(self) -> None:
        self.inside: dict[str, FakeBundle | BundleError] = {}
        self.opened: list[str] = []

    def open(self, path: str, source_of: Callable[[str], str | None]) -> FakeBundle:
        self.opened.append(path)
        match self.inside.get(path):
            case None:
                raise NotABundleError(path, "No such file or directory")
            case BundleError() as error:
                raise error
            case bundle:
                return bundle.opened(path)

    def fingerprint(self, path: str) -> str | None:
        return str(id(self.inside[path])) if path in self.inside else None


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
