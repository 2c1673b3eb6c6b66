"""Roots that follow each other, and what the keys of a root have signed: statements and revocation lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.decisions.trust import refuse_root, roots_to_read, signing_of
from supervisor.edges.trust.documents import (
    RootDocument,
    good_signatures,
    read_revocations,
    read_root,
    read_statement,
)
from supervisor.edges.trust.papers import REVOCATIONS, STATEMENT, Papers, root_name
from supervisor.edges.trust.safety import refuse_unsafe
from supervisor.values.errors import RootGapError, UnsafeKeysError, UnsignedBundleError, UntrustedRootError
from supervisor.values.trust import Key, KeyId, Root, Signing

if TYPE_CHECKING:
    from supervisor.edges.trust.judging import Known

Followed = tuple[Root, Mapping[KeyId, bytes], tuple[tuple[int, bytes], ...]]
"""A root, the keys of it, and the root documents that lead to it."""


def anchored(path: Path) -> RootDocument:
    """Return the root document that an operator set; the folder it lies in is trusted, so its own keys suffice.

    Raises UnsafeKeysError, UntrustedRootError.
    """
    try:
        refuse_unsafe(path)
        content = path.read_bytes()
    except OSError as error:
        raise UnsafeKeysError(str(path), error.strerror or str(error)) from error
    return self_signed(str(path), content)


def self_signed(name: str, content: bytes) -> RootDocument:
    """Return a root document that enough of its own keys have signed. Raises UntrustedRootError: it is none."""
    found = read_root(name, content)
    good = found.document.good(found.keys)
    count = len({key.id for key in found.facts.root.keys} & good)
    if count < found.facts.root.threshold:
        raise UntrustedRootError(name, f"{count} of {found.facts.root.threshold} of its own signatures are there")
    return found


def follow(medium: str, papers: Papers, known: Known) -> Followed:
    """Follow the roots of a medium from the one that is trusted; old ones must be those that this router went through.

    Raises RootGapError, UntrustedRootError.
    """
    names = {version: f"{root_name(version)} on {medium}" for version in papers.roots}
    for version in sorted(set(papers.roots) & set(known.former)):
        refuse_other(names[version], version, read_root(names[version], papers.read_root(version)), known)
    versions = roots_to_read(papers.roots, known.state.root.version, medium)
    return follow_documents(known, [(names[version], papers.read_root(version)) for version in versions])


def refuse_other(name: str, version: int, document: RootDocument, known: Known) -> None:
    """Return if a root document says what this router's own of that version does, or the router has none of it.

    Raises UntrustedRootError: somebody has signed two roots of one number.
    """
    content = known.former.get(version)
    if content is None:
        return
    if document.document.payload != read_root(root_name(version), content).document.payload:
        raise UntrustedRootError(name, f"root {version} of this router says something else")


def follow_documents(known: Known, documents: list[tuple[str, bytes]]) -> Followed:
    """Follow named root documents, one after the other. Raises RootGapError, UntrustedRootError."""
    root, public, accepted = known.state.root, known.public, []
    for name, content in documents:
        found = read_root(name, content)
        if found.facts.version != root.version + 1:
            raise RootGapError(name, found.facts.version, root.version)
        by_old = found.document.good(public) - known.state.revoked_ids
        by_new = found.document.good(found.keys) - known.state.revoked_ids
        refuse_root(name, root, found.facts, by_old, by_new)
        root, public = found.facts, found.keys
        accepted.append((root.version, content))
    return root, public, tuple(accepted)


def revoked_by(
    medium: str, content: bytes, known: Known, root: Root, public: Mapping[KeyId, bytes]
) -> tuple[tuple[Key, str], ...]:
    """Return the keys that a list revokes, with reasons. A list of a former root of this router revokes nothing.

    Raises UntrustedRootError: no root that is or was trusted here has signed it.
    """
    name = f"{REVOCATIONS} on {medium}"
    found = read_revocations(name, content)
    if _suffices(found.payload, found.signatures, root, public, known.state.revoked_ids):
        names = {key.id: key for key in (*known.state.root.keys, *root.keys)}
        return tuple((names.get(id, Key(id, id[:8])), reason) for id, reason in sorted(found.keys.items()))
    for version, former in known.former.items():
        old = read_root(root_name(version), former)
        if _suffices(found.payload, found.signatures, old.facts, old.keys, frozenset()):
            return ()
    raise UntrustedRootError(name, f"{root.root.threshold} keys of root {root.version} must sign it, and have not")


def _suffices(
    payload: bytes,
    signatures: Mapping[KeyId, bytes],
    root: Root,
    public: Mapping[KeyId, bytes],
    revoked: frozenset[KeyId],
) -> bool:
    good = good_signatures(payload, signatures, public) - revoked
    return len({key.id for key in root.root.keys} & good) >= root.root.threshold


def stated(
    medium: str,
    content: bytes,
    index: bytes,
    root: Root,
    public: Mapping[KeyId, bytes],
    revoked: frozenset[KeyId],
) -> Signing:
    """Return who signed the statement about an index.

    Raises UnsignedBundleError: it is no statement about this index. Raises TooFewSignaturesError.
    """
    try:
        statement = read_statement(content, index)
    except ValueError as error:
        raise UnsignedBundleError(medium, f"its {STATEMENT} is none of this release: {error}") from error
    return signing_of(medium, root, statement.good(public), revoked, statement.signed.expires.timestamp())
