"""What a router keeps of trust: root documents, revocations, floors and the contents of releases, below its state.

    root/N.json   every root document that was followed; the newest that can be read is the root
    trust.json    revocations, floors, contents

Files are written, synced and renamed in. The root never goes back: when the newest document cannot be read any more,
nothing is accepted until an operator brings it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from supervisor.decisions.trust import after, match_key, with_release, without_release
from supervisor.edges.trust import memory
from supervisor.edges.trust.folder import ANCHOR
from supervisor.edges.trust.judging import Known, judge, known_of
from supervisor.edges.trust.papers import LARGEST, Papers, root_name, root_version
from supervisor.values.errors import StateError, TrustError, UntrustedRootError
from supervisor.values.trust import Judgement, Offer, Revocation, TrustState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Cached:
    mark: object
    known: Known


class TrustStore:
    """Satisfies `ports.trust.Trust` and `judging.Judge`. May be used from any thread."""

    def __init__(self, keys: Path, state_dir: Path, now: Callable[[], float]) -> None:
        self._keys, self._folder, self._now = keys, state_dir / "trust", now
        self._lock = threading.RLock()
        self._cached: _Cached | None = None

    # ------------------------------------------------------------ reading

    def state(self) -> TrustState:
        return self._known().state

    def judge(self, medium: str, papers: Papers) -> Judgement:
        return judge(medium, papers, self._known())

    def _known(self) -> Known:
        with self._lock:
            mark = self._mark()
            if self._cached is None or self._cached.mark != mark:
                self._cached = _Cached(mark, self._read())  # what changes meanwhile is read the next time
            return self._cached.known

    def _mark(self) -> object:
        """Return a value that changes with every file that is read here."""
        places = [self._keys, *sorted(self._keys.glob("*")), self._memory, self._roots, *sorted(self._roots.glob("*"))]
        marks: list[tuple[str, object]] = []
        for place in places:
            try:
                found = place.stat()
            except OSError as error:
                marks.append((place.name, error.errno))
            else:
                kept = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_mode, found.st_uid)
                marks.append((place.name, kept))
        return tuple(marks)

    def _read(self) -> Known:
        """Return what is known: the newest root that was followed, else what the folder of keys says."""
        remembered, lost = memory.read(self._memory)
        former, unreadable = self._former()
        newest = max((*former, *unreadable), default=0)
        known = self._chain_end(former, newest) if former else self._anchor()
        state = known.state
        faults = [state.fault, lost]
        if newest > state.root.version:
            text = unreadable.get(newest, "it is not whole")
            faults.append(
                f"cannot trust {self._roots / f'{newest}.json'}: {text}; put it back with: vrctl trust rotate PATH"
            )
        fault = "; ".join(filter(None, faults))
        state = replace(remembered, root=state.root, fault=fault, notes=state.notes)
        return replace(known, state=state)

    def _former(self) -> tuple[dict[int, bytes], dict[int, str]]:
        """Return the root documents by version, and why others cannot be read."""
        former, unreadable = {}, {}
        for place in self._roots.glob("*.json"):
            version = root_version(f"root/{place.name}")
            if version is None:
                continue
            try:
                content = place.read_bytes()
                import_module("supervisor.edges.trust.chain").self_signed(str(place), content)
                former[version] = content
            except OSError as error:
                unreadable[version] = error.strerror or str(error)
            except UntrustedRootError as error:
                unreadable[version] = error.cause
        return former, unreadable

    def _chain_end(self, former: dict[int, bytes], newest: int) -> Known:
        documents = import_module("supervisor.edges.trust.documents")
        version = max(former)
        found = documents.read_root(root_name(version), former[version])
        known = Known(TrustState(found.facts), found.keys, former)
        return self._with_anchor(known) if version == newest else known

    def _anchor(self) -> Known:
        try:
            known = known_of(self._keys)
        except TrustError as error:
            return Known(TrustState(fault=str(error)), {}, {})
        try:
            for version, content in known.former.items():  # the folder's root is the first one: from now on it is kept
                self._write_root(version, content)
        except StateError as error:  # a full disk, say: it is tried again at the next change
            return replace(known, state=replace(known.state, notes=(str(error),)))
        return known

    def _with_anchor(self, known: Known) -> Known:
        """Follow the root document in the folder of keys if it is the next one; another one is only noted."""
        place = self._keys / ANCHOR
        try:
            content = place.read_bytes() if place.exists() else b""
            chain = import_module("supervisor.edges.trust.chain")
            if not content:
                return known
            document = chain.anchored(place)
            if document.facts.version <= known.state.root.version:
                chain.refuse_other(str(place), document.facts.version, document, known)
                return known
            root, public, accepted = chain.follow_documents(known, [(str(place), content)])
            for version, followed in accepted:
                self._write_root(version, followed)
        except (OSError, TrustError, StateError) as error:
            note = f"cannot read {place}: {error.strerror}" if isinstance(error, OSError) else str(error)
            return replace(known, state=replace(known.state, notes=(*known.state.notes, note)))
        return Known(replace(known.state, root=root), public, {**known.former, **dict(accepted)})

    # ------------------------------------------------------------ changes

    def keep(self, judgement: Judgement, medium: str) -> tuple[str, ...]:
        with self._lock:
            known = self._known()
            before = known.state
            now = after(before, judgement, medium, self._now())
            newer = [entry for entry in judgement.documents if entry[0] > before.root.version]
            if newer:  # followed again: another medium may have led on since this one was judged
                named = [(f"{root_name(version)} on {medium}", content) for version, content in newer]
                import_module("supervisor.edges.trust.chain").follow_documents(known, named)
            self._keep(before, now, tuple(newer))
            fresh = now.revoked[len(before.revoked) :]
        told = [f"root {version} is trusted, from {medium}" for version, _ in newer]
        return (*told, *(f"{entry.key.name} is revoked by {medium}: {entry.reason}" for entry in fresh))

    def note(self, offer: Offer) -> TrustState:
        with self._lock:
            before = self.state()
            self._keep(before, with_release(before, offer), ())
        return before

    def withdraw(self, offer: Offer, before: TrustState) -> None:
        with self._lock:
            now = self.state()
            self._keep(now, without_release(now, offer, before), ())

    def rotate(self, path: str) -> tuple[str, ...]:
        with self._lock:
            known = self._known()
            documents = _documents_in(Path(path), known.state.root.version)
            if not documents:
                raise UntrustedRootError(path, f"there is no root after {known.state.root.version}, which is trusted")
            chain = import_module("supervisor.edges.trust.chain")
            _, _, accepted = chain.follow_documents(known, documents)
            self._keep(known.state, known.state, accepted)
        return tuple(f"root {version} is trusted, from {path}" for version, _ in accepted)

    def revoke(self, key: str, reason: str) -> Revocation:
        with self._lock:
            before = self.state()
            named = match_key(before, key)
            former = next((entry for entry in before.revoked if entry.key.id == named.id), None)
            if former is not None:
                return former
            revocation = Revocation(named, reason, self._now(), "operator")
            self._keep(before, replace(before, revoked=(*before.revoked, revocation)), ())
        return revocation

    def _keep(self, before: TrustState, now: TrustState, documents: tuple[tuple[int, bytes], ...]) -> None:
        for version, content in documents:
            self._write_root(version, content)
        if (before.revoked, before.floors, before.seen) != (now.revoked, now.floors, now.seen):
            self._lay_aside_damaged()
            _write(self._folder, self._memory, memory.dump(now))
        self._cached = None

    def _lay_aside_damaged(self) -> None:
        if memory.read(self._memory)[1]:
            with contextlib.suppress(OSError):  # what cannot be moved is reported by the writing
                self._memory.replace(self._memory.with_name(f"trust.json.damaged-{self._now():.0f}"))

    @property
    def _memory(self) -> Path:
        return self._folder / "trust.json"

    @property
    def _roots(self) -> Path:
        return self._folder / "root"

    def _write_root(self, version: int, content: bytes) -> None:
        _write(self._folder, self._roots / f"{version}.json", content)
        log.info("root trusted", extra={"version": version})


def _write(folder: Path, place: Path, content: bytes) -> None:
    """Write a file below the folder of trust: synced, and renamed in. Raises StateError: nothing has changed."""
    fresh = place.with_suffix(".new")
    try:
        for each in (folder, place.parent):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place)
        folder_handle = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder_handle)
        finally:
            os.close(folder_handle)
    except OSError as error:
        raise StateError(f"cannot write {place}: {error.strerror}") from error


def _documents_in(path: Path, trusted: int) -> list[tuple[str, bytes]]:
    """Return the root documents after the trusted one that a file is, or that a folder has as N.json.

    Raises UntrustedRootError: they cannot be read.
    """
    try:
        if not path.is_dir():
            return [(str(path), _read(path))]
        versions = {root_version(f"root/{place.name}"): place for place in path.glob("*.json")}
        newer = sorted(version for version in versions if version is not None and version > trusted)
        return [(str(versions[version]), _read(versions[version])) for version in newer]
    except OSError as error:
        raise UntrustedRootError(str(path), error.strerror or str(error)) from error


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UntrustedRootError(str(path), "it is no file")
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
