"""The trial of a mutated bundle: verified and imported in this process, by everything real but the engine.

A bundle is *wrongly accepted* when verify or import succeeds although

- the mutation makes it bad (`Expected.REFUSED`: a signed statement is false, asks for more than may be, or nobody whom
  the router trusts signed it), or
- a byte that was signed, or that would run, differs from what the trusted key signed: of the index, of a definition
  that the store gets, or of an image that the engine gets (`Expected.THE_SAME`).

A change of bytes that nothing is taken from (padding, dates, owners, a path table that is not read) is harmless, and
may be accepted.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from supervisor.edges.catalog.definition import definition_from_files
from supervisor.edges.render import TemplateRenderer
from supervisor.edges.store import SqliteStore
from supervisor.edges.trust.store import TrustStore
from supervisor.loop.releases.library import Library
from supervisor.loop.world import Origin, World
from supervisor.surface.assembly import TrustedMedia
from supervisor.values.errors import EngineError, SupervisorError
from supervisor.values.names import Digest, ImageId
from supervisor.values.router import RouterConfig
from supervisor.values.settings import Settings
from tests.kit.fakes.clock import VirtualClock
from tests.kit.fakes.engine import FakeEngine
from tests.kit.forgery.draft import Draft
from tests.kit.forgery.mutations import Expected, Mutation

MOST_SECONDS = 5.0
MOST_BYTES = 200 << 20  # of this process and the reader of directories, which has 128 MiB (RLIMIT_AS) at most
READER_BYTES = 128 << 20
LONGEST_MESSAGE = 6000
FREE = 4 << 30  # bytes of the engine's disk


class ReadingEngine(FakeEngine):
    """Reads archives as real engines do: the id is the digest of the configuration, layers must unpack to its digests.

    `blobs` are the digests of everything it got in a complete archive.
    """

    def __init__(self) -> None:
        super().__init__()
        self.start_service()
        self.room = FREE
        self.blobs: set[str] = set()
        self.renames = False  # True: it gives images another id than the digest of their configuration
        self.loads_left: int | None = None  # before its disk is gone; None: it never is

    def load(self, stream: Iterable[bytes]) -> ImageId:
        self._enter("load")
        if self.loads_left == 0:
            raise EngineError("cannot load an image: the disk has gone")
        self.loads_left = self.loads_left and self.loads_left - 1
        with tempfile.TemporaryFile() as spool:
            for chunk in stream:
                spool.write(chunk)
            spool.seek(0)
            with tarfile.open(fileobj=spool) as archive:
                return self._read(archive)

    def _read(self, archive: tarfile.TarFile) -> ImageId:
        def content(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        (listed,) = json.loads(content("manifest.json"))
        config = content(listed["Config"])
        layers = [content(name) for name in listed["Layers"]]
        unpacked = [gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer for layer in layers]
        if [_digest(layer) for layer in unpacked] != json.loads(config)["rootfs"]["diff_ids"]:
            raise EngineError("cannot load an image: its layers are not those of its configuration")
        for layer in unpacked:
            with tarfile.open(fileobj=io.BytesIO(layer)) as entries:
                entries.getmembers()
        self.blobs |= {_digest(config), *map(_digest, layers)}
        image = Digest(_digest(config + b" " * self.renames))
        self.add_image(image)
        return image


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How verify or import ended: `word` and `text` are those of the error, both empty when it succeeded."""

    word: str
    text: str
    seconds: float
    peak: int  # bytes by which the memory of this process grew at most

    @property
    def is_accepted(self) -> bool:
        return not self.word


@dataclass(slots=True)
class Trial:
    """What became of one mutated bundle. `faults` is empty when all is as it must be."""

    name: str
    verified: Outcome
    imported: Outcome
    faults: list[str] = field(default_factory=list)


class Court:
    """Tries mutated bundles one after the other, each on a router of its own; `folder` is a place for their files."""

    def __init__(self, draft: Draft, folder: Path) -> None:
        self._draft, self._folder = draft, folder
        self._media = TrustedMedia(draft.folder / "trusted", folder)
        self._medium = folder / "medium.iso"
        self._signed = _taken_from(draft)

    def try_(self, mutation: Mutation) -> Trial:
        self._medium.write_bytes(mutation.image)
        state, temporary = self._folder / "state", self._folder / "tmp"
        for place in (state, temporary):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        former, tempfile.tempdir = tempfile.tempdir, str(temporary)
        store, engine = SqliteStore(state), ReadingEngine()
        try:
            world = world_of(engine, store, self._draft.folder / "trusted", state)
            library = Library(world, self._media)
            before = _traces(state, temporary)
            path = str(self._medium)
            verified = _outcome(lambda: library.verify(path, RouterConfig(), allow_downgrade=False))
            after_verify = _traces(state, temporary), engine.images(), store.releases()
            imported = _outcome(lambda: library.take_in(path, RouterConfig(), allow_downgrade=False))
            trial = Trial(mutation.name, verified, imported)
            self.add_faults(trial, mutation.expected)
            if imported.is_accepted and mutation.expected is Expected.THE_SAME and _got(engine, store) != self._signed:
                trial.faults.append("is wrongly accepted: something else was taken from it")
            if after_verify != (before, (), ()):
                trial.faults.append("verify left something behind")
            if not imported.is_accepted:
                _add_left(trial, before, _traces(state, temporary), engine, store)
        finally:
            store.close()
            tempfile.tempdir = former
        return trial

    @staticmethod
    def add_faults(trial: Trial, expected: Expected) -> None:
        """Add what is wrong about how the bundle was judged."""
        both = trial.verified, trial.imported
        if (both[0].word, both[0].text) != (both[1].word, both[1].text):
            trial.faults.append(f"they differ: {both[0].text or 'accepted'!r} and {both[1].text or 'accepted'!r}")
        for outcome in both:
            if outcome.word == "traceback":
                trial.faults.append(f"traceback: {outcome.text}")
            if outcome.seconds > MOST_SECONDS:
                trial.faults.append(f"took {outcome.seconds:.1f} s")
            if outcome.peak + READER_BYTES > MOST_BYTES:
                trial.faults.append(f"took {outcome.peak >> 20} MiB")
            if len(outcome.text) > LONGEST_MESSAGE:
                trial.faults.append(f"has a message of {len(outcome.text)} characters")
            if outcome.is_accepted and expected is Expected.REFUSED:
                trial.faults.append("is wrongly accepted")
            if not outcome.is_accepted and expected is Expected.ACCEPTED:
                trial.faults.append(f"is wrongly refused: {outcome.text}")


Got = tuple[frozenset[str], frozenset[tuple[str, bytes]], tuple[Any, ...]]


def _taken_from(draft: Draft) -> Got:
    """Return what a router takes from the good bundle: blobs, definitions, releases."""
    services = draft.index["services"]
    blobs = {digest for service in services.values() for digest in (service["image"], *service["layers"])}
    definitions = {
        (path.removeprefix(f"services/{name}/"), draft.files[path])
        for name in services
        for path in draft.files
        if path.startswith(f"services/{name}/")
    }
    versions = tuple(
        (name, services[name]["version"], services[name]["image"], services[name]["definition"])
        for name in sorted(services)
    )
    return frozenset(blobs), frozenset(definitions), ((draft.index["release"], draft.index["created"], versions),)


def _got(engine: ReadingEngine, store: SqliteStore) -> Got:
    definitions, releases = set(), []
    for release in store.releases():
        facts = []
        for name, version in release.services:
            facts.append((name, version.version, version.image, version.definition))
            definitions |= set((store.definition(version.definition) or {}).items())
        releases.append((release.name, release.created, tuple(sorted(facts))))
    return frozenset(engine.blobs), frozenset(definitions), tuple(releases)


def world_of(engine: ReadingEngine, store: SqliteStore, trusted: Path, state: Path) -> World:
    """Return the resources of a loop that only imports; `trusted` has the keys, `state` takes what is kept of trust."""
    nothing, clock = cast(Any, None), VirtualClock()  # no import touches the rest of the router
    return World(
        settings=Settings(),
        engine=engine,
        store=store,
        folders=nothing,
        renderer=TemplateRenderer(),
        origin=Origin(definition_from_files, TrustStore(trusted, state, clock.now)),
        prober=nothing,
        clock=clock,
        kernel=nothing,
        switchboard=nothing,
    )


def _outcome(begin: Any) -> Outcome:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew, proc(5)
    before, begun, word, text = _memory("VmRSS"), time.monotonic(), "", ""
    try:
        for _ in begin():
            pass
    except SupervisorError as error:
        word, text = error.word, str(error)
    except Exception as error:
        word, text = "traceback", repr(error)
    return Outcome(word, text, time.monotonic() - begun, _memory("VmHWM") - before)


def _memory(word: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(word))) << 10


def _traces(state: Path, temporary: Path) -> tuple[Any, ...]:
    """Return what may not change: files and folders, temporary ones, open files, threads."""
    files = sorted(str(path) for path in state.rglob("*") if not path.name.endswith(("-wal", "-shm", "-journal")))
    return files, list(temporary.iterdir()), len(os.listdir("/proc/self/fd")), threading.active_count()


def _add_left(
    trial: Trial, before: tuple[Any, ...], after: tuple[Any, ...], engine: ReadingEngine, store: SqliteStore
) -> None:
    if any(name == "load" for name, _ in engine.calls):
        trial.faults.append("an engine got some of it")
    if engine.images():
        trial.faults.append(f"left {len(engine.images())} images")
    if store.releases():
        trial.faults.append("left a release")
    if any(store.definition(Digest(digest)) for digest in _definitions(store)):
        trial.faults.append("left a definition")
    if after != before:
        trial.faults.append(f"left {[item for item in zip(before, after, strict=True) if item[0] != item[1]]}")


def _definitions(store: SqliteStore) -> list[str]:
    return [row[0] for row in store._file.rows("SELECT DISTINCT digest FROM definitions")]
