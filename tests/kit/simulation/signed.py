"""Media that are signed, on a simulated router with a real trust store: who signs what is up to the test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from supervisor.edges.bundle import index as index_file
from supervisor.edges.bundle import keys
from supervisor.edges.trust import making
from supervisor.edges.trust.papers import Papers
from supervisor.edges.trust.store import TrustStore
from supervisor.values.errors import BundleError
from supervisor.values.names import ServiceName
from supervisor.values.settings import Settings
from supervisor.values.status import Progress
from supervisor.values.trust import KeyId
from tests.kit.fakes.media import FakeBundle
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import SERVICES, image, release

SERVICE = SERVICES[0]
PEOPLE = ("alice", "bob", "carol", "dave")
DAY = timedelta(days=1)


class Makers:
    """The people who make releases: each has a key; `folder` has their files."""

    def __init__(self, folder: Path, now: float) -> None:
        self.folder, self.now = folder, datetime.fromtimestamp(int(now), UTC)
        for name in PEOPLE:
            keys.generate(self.private(name), self.public(name))

    def private(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def public(self, name: str) -> Path:
        return self.folder / f"{name}.pub"

    def id(self, name: str) -> KeyId:
        return making.key_of(self.public(name)).id

    def sign(self, content: bytes, people: Iterable[str]) -> bytes:
        """Return a document with the signatures of these people added, one after the other."""
        for name in people:
            content = making.add_signature(content, keys.signing_key(self.private(name)))
        return content

    def root(
        self,
        release_keys: Sequence[str],
        by: Iterable[str],
        *,
        former: bytes | None = None,
        root_keys: Sequence[str] = ("carol",),
        thresholds: tuple[int, int] = (1, 1),
        expires: timedelta = 3650 * DAY,
        minimum: str | None = None,
    ) -> bytes:
        """Return a root document, the one after `former`, signed by these people. Thresholds: of roots, of releases."""
        wanted = making.Wanted(
            [self.public(name) for name in root_keys],
            thresholds[0],
            [self.public(name) for name in release_keys],
            thresholds[1],
            minimum,
        )
        return self.sign(making.new_root(former, wanted, self.now + expires), by)

    def revocations(self, names: Iterable[str], by: Iterable[str]) -> bytes:
        return self.sign(making.new_revocations({self.id(name): "stolen" for name in names}), by)


@dataclass(frozen=True, slots=True)
class SignedBundle(FakeBundle):
    """A bundle with papers; it is judged by the router's own trust when it is opened."""

    papers: Papers | None = None
    trust: TrustStore | None = None

    def opened(self, path: str) -> FakeBundle:
        assert self.trust
        assert self.papers
        return replace(self, judgement=self.trust.judge(path, self.papers))


class TrustingRouter:
    """A simulated router with a real trust store, whose folder of keys and media are filled by a test."""

    def __init__(self, router: SimulatedRouter, folder: Path, settings: Settings | None = None) -> None:
        self.router, self.machine, self.folder = router, router.machine, folder
        self.makers = Makers(folder / "makers", self.machine.clock.now())
        self.keys, self.state = folder / "trusted.d", folder / "state"
        self.keys.mkdir()
        router.settings = settings or Settings()
        self.store = self.new_store()
        for number in ("3.0", "9.0"):
            self.machine.engine.add_image(image(SERVICE, number))

    def new_store(self) -> TrustStore:
        """Let the router have its trust from the disk, as a new supervisor does."""
        self.store = self.machine.trust = TrustStore(self.keys, self.state, self.machine.clock.now)
        return self.store

    def trust_plain(self, *names: str) -> None:
        for name in names:
            (self.keys / f"{name}.pub").write_bytes(self.makers.public(name).read_bytes())

    def anchor(self, content: bytes) -> None:
        (self.keys / "root.json").write_bytes(content)

    # ------------------------------------------------------------ media

    def medium(
        self,
        number: str,
        by: Sequence[str],
        *,
        content: str | None = None,
        is_plain: bool = False,
        roots: Mapping[int, bytes] | None = None,
        revocations: bytes | None = None,
        expires: timedelta = 3650 * DAY,
        minimum: str | None = None,
        created: str | None = None,
        services: Sequence[ServiceName] = (SERVICE,),
    ) -> SignedBundle:
        """Return a medium with a release, signed by these people; `content`: with what another number has in it."""
        made, definitions = release(content or number, *services)
        made = replace(made, name=number, created=created or made.created)
        found = SignedBundle(made, definitions, minimum_release=minimum)
        index = index_file.encode(found.index)
        signature = keys.sign(index, self.makers.private(by[0])) if is_plain else None
        statement = None
        if not is_plain:
            statement = self.makers.sign(making.new_statement(index, self.makers.now + expires), by)
        known = dict(roots or {})
        papers = Papers(index, signature, statement, revocations, frozenset(known), known.__getitem__)
        return replace(found, papers=papers, trust=self.store)

    def take_in(
        self, medium: SignedBundle, path: str = "/media/x.iso", *, is_employed: bool = True, **options: bool
    ) -> str:
        """Import a medium as `vrctl bundle import` does; return its last line, or why it was refused."""
        supervisor = self.router.supervisor
        supervisor.media.inside[path] = medium
        library, workers = supervisor.supervision._parts.library, supervisor.supervision._parts
        chosen = {"allow_downgrade": False, "accepts_clock": False, **options}
        try:
            *_, last = library.take_in(path, workers.configuration.known, **chosen)
        except BundleError as error:
            return str(error)
        if is_employed:
            workers.workers.employ(workers.configuration)
        return last.message

    # ------------------------------------------------------------ what runs

    def boot(self) -> None:
        self.machine.store.save_configuration("plain", ())
        self.router.boot()

    @property
    def runs(self) -> str:
        active = self.router.worker(SERVICE).parts.opening.active()
        return str(active.release) if active else "nothing"

    @property
    def releases(self) -> dict[str, str]:
        """The releases that are imported, and the doubt about each."""
        return {one.release: one.doubt for one in self.router.supervisor.supervision.releases()}

    @property
    def message(self) -> str:
        return self.router.supervisor.supervision.status().message

    def swap(self, to: str | None = None) -> str:
        """Swap the service; return why it was refused, or nothing."""
        return self._asked(lambda: self.router.supervisor.supervision.swap(SERVICE, to, wait=False))

    def rollback(self) -> str:
        return self._asked(lambda: self.router.supervisor.supervision.rollback(SERVICE, wait=False))

    def upgrade(self) -> str:
        """Swap to the newest release that is in no doubt, as an upgrade does with each service."""
        return self.swap()

    def _asked(self, ask) -> str:  # type: ignore[no-untyped-def]
        try:
            lines: list[Progress] = list(ask())
        except Exception as error:
            return str(error)
        assert lines
        self.router.supervisor.settle()
        return ""
