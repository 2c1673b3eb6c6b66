"""From the papers of a medium, and what is known here, to a judgement of them. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

from supervisor.decisions.trust import signing_of
from supervisor.edges.trust.folder import ANCHOR, SIGNATURE_SIZE, is_signed_by, plain_keys
from supervisor.edges.trust.papers import INDEX, STATEMENT, Papers
from supervisor.values.errors import TooFewSignaturesError, TrustError, UnsignedBundleError, UntrustedBundleError
from supervisor.values.trust import Judgement, Key, KeyId, Root, Signing, TrustState


@dataclass(frozen=True, slots=True)
class Known:
    """What is known here: the state of trust, the keys of its root, and root documents of former versions."""

    state: TrustState
    public: Mapping[KeyId, bytes]
    former: Mapping[int, bytes]  # root documents by version, that of now among them
    unreadable: tuple[str, ...] = ()  # files that should be keys


class Judge(Protocol):
    """Whoever can judge the papers of a medium."""

    def judge(self, medium: str, papers: Papers) -> Judgement:
        """Return who signed, and what is news. Raises BundleError: the medium cannot be trusted."""


class PlainFolder:
    """Judges by a folder of plain keys, or the root document in it, and nothing else: where releases are made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def judge(self, medium: str, papers: Papers) -> Judgement:
        return judge(medium, papers, known_of(self._folder))


def known_of(folder: Path) -> Known:
    """Return what a folder of keys says. Raises UnsafeKeysError, UntrustedRootError."""
    keys = plain_keys(folder)
    if (folder / ANCHOR).exists():
        found = _chain().anchored(folder / ANCHOR)
        return Known(TrustState(found.facts), found.keys, {found.facts.version: found.content})
    return Known(TrustState(keys.root), keys.public, {}, keys.unreadable)


def judge(medium: str, papers: Papers, known: Known) -> Judgement:
    """Judge a medium by the newest root that it leads to; what it revokes counts for itself already.

    Raises TrustError, UnsignedBundleError, UntrustedBundleError.
    """
    if known.state.fault:
        raise TrustError(known.state.fault)
    root, public, documents = known.state.root, known.public, ()
    revoked: tuple[tuple[Key, str], ...] = ()
    if papers.roots:
        root, public, documents = _chain().follow(medium, papers, known)
    if papers.revocations is not None:
        revoked = _chain().revoked_by(medium, papers.revocations, known, root, public)
    ids = known.state.revoked_ids | {key.id for key, _ in revoked}
    return Judgement(_signing(medium, papers, root, public, ids, known.unreadable), root, documents, revoked)


def _signing(
    medium: str,
    papers: Papers,
    root: Root,
    public: Mapping[KeyId, bytes],
    revoked: frozenset[KeyId],
    unreadable: tuple[str, ...],
) -> Signing:
    """Return who signed the release: by a statement, or under plain keys by the signature of the index alone."""
    refusal: TrustError | None = None
    if papers.statement is not None:
        try:
            return _chain().stated(medium, papers.statement, papers.index, root, public, revoked)  # type: ignore[no-any-return]
        except TooFewSignaturesError as error:
            refusal = error
    if root.version or papers.signature is None:
        if refusal is not None:
            raise refusal
        asked = f", and root {root.version} asks for one" if root.version else f" and no {INDEX}.sig"
        raise UnsignedBundleError(medium, f"it carries no {STATEMENT}{asked}")
    if len(papers.signature) != SIGNATURE_SIZE:
        raise UnsignedBundleError(medium, f"its signature has {len(papers.signature)} bytes, not {SIGNATURE_SIZE}")
    good = {id for id, raw in public.items() if is_signed_by(raw, papers.signature, papers.index)}
    if not good:
        readable = [key.name for key in root.release.keys]
        raise UntrustedBundleError(
            medium, [*readable, *(f"{name}, which is no key that can be read" for name in unreadable)]
        )
    return signing_of(medium, root, good, revoked, None)


def _chain() -> ModuleType:
    """Return the module that reads documents of TUF: plain keys need neither it nor its memory (10 MB)."""
    return import_module("supervisor.edges.trust.chain")
