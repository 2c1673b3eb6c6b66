"""The other side of the trust edge: documents are made, and signed by one person after the other. Never on a router."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.metadata import Role as TufRole
from tuf.api.metadata import Root as TufRoot

from supervisor.decisions.doubt import text_of
from supervisor.edges.trust.documents import RELEASE, REVOCATIONS_TYPE, canonical, read_revocations, read_root
from supervisor.edges.trust.folder import key_id, raw_key
from supervisor.edges.trust.papers import INDEX
from supervisor.values.errors import BundleBuildError
from supervisor.values.trust import Key, KeyId

SPECIFICATION = "1.0.31"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The contents that a new root is to have; what is None is taken over from the former root."""

    root_keys: Sequence[Path] | None = None
    root_threshold: int | None = None
    release_keys: Sequence[Path] | None = None
    release_threshold: int | None = None
    minimum_release: str | None = None


def new_root(former: bytes | None, wanted: Wanted, expires: datetime) -> bytes:
    """Return a root document that nobody has signed yet: version 1, or the one after `former`.

    Raises UntrustedRootError: `former` is no root document. Raises BundleBuildError: the keys do not fit together.
    """
    if former is None:
        signed = TufRoot(version=1, expires=expires, consistent_snapshot=False)
        signed.spec_version = SPECIFICATION
    else:
        signed = read_root("the former root document", former).document.signed
        signed.version, signed.expires = signed.version + 1, expires
    for role, paths, threshold in (
        (TufRoot.type, wanted.root_keys, wanted.root_threshold),
        (RELEASE, wanted.release_keys, wanted.release_threshold),
    ):
        if paths is not None:
            known = [_public(path) for path in paths]
            signed.keys |= {key.keyid: key for key in known}
            signed.roles[role] = TufRole([key.keyid for key in known], signed.roles[role].threshold)
        if threshold is not None:
            signed.roles[role].threshold = threshold
    used = {id for role in signed.roles.values() for id in role.keyids}
    signed.keys = {id: key for id, key in signed.keys.items() if id in used}
    if wanted.minimum_release is not None:
        signed.unrecognized_fields["minimum_release"] = wanted.minimum_release
    content = _written(Metadata(signed).to_dict())
    read_root("the new root document", content)  # what a router would refuse is not written
    return content


def new_statement(index: bytes, expires: datetime) -> bytes:
    """Return a statement about an index that nobody has signed yet: TUF's targets. Its version has no meaning."""
    target = TargetFile.from_data(INDEX, index, ["sha256"])
    return _written(Metadata(Targets(1, SPECIFICATION, expires, {INDEX: target})).to_dict())


def new_revocations(keys: Mapping[KeyId, str]) -> bytes:
    """Return a revocation list that nobody has signed yet. Raises UntrustedRootError: a router would refuse it."""
    signed = {"_type": REVOCATIONS_TYPE, "spec_version": SPECIFICATION, "keys": dict(keys)}
    content = _written({"signatures": [], "signed": signed})
    read_revocations("the new list", content)
    return content


def add_signature(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return a document with one more signature, in the place of an earlier one by the same key.

    Raises BundleBuildError: it is no document.
    """
    try:
        document = json.loads(content)
        signed, signatures = document["signed"], document["signatures"]
        kind, payload = signed["_type"], canonical(signed)
        others = [signature for signature in signatures if signature["keyid"] != _id(key)]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise BundleBuildError(f"cannot sign: it is no document of TUF ({error!r})") from error
    if kind not in (TufRoot.type, RELEASE, REVOCATIONS_TYPE):
        raise BundleBuildError(f"cannot sign: it is of type {kind!r}")
    others.append({"keyid": _id(key), "sig": key.sign(payload).hex()})
    return _written({**document, "signatures": others})


def described(content: bytes) -> tuple[str, ...]:
    """Return what a document says, line by line, and who has signed it, as far as it names their keys."""
    try:
        document = json.loads(content)
        kind, by = document["signed"]["_type"], [str(signature["keyid"]) for signature in document["signatures"]]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise BundleBuildError(f"cannot show it: it is no document of TUF ({error!r})") from error
    if kind != TufRoot.type:
        return (f"{kind}, signed by {', '.join(id[:8] for id in by) or 'nobody'}",)
    found = read_root("it", content)
    facts, good = found.facts, found.document.good(found.keys)
    lines = [f"root {facts.version}, expires {text_of(facts.expires or 0)}"]
    if facts.minimum_release:
        lines.append(f"no release before {facts.minimum_release}")
    for name, role in (("root", facts.root), ("release", facts.release)):
        lines.append(f"{name}: {role.threshold} of {len(role.keys)} must sign")
        lines += [f"  {key.name} {key.id}" for key in role.keys]
    names = {key.id: key.name for key in facts.keys}
    foreign = " (not a good signature by a key of this root)"
    signed = [f"{names.get(KeyId(id), id[:8])}{'' if KeyId(id) in good else foreign}" for id in by]
    return (*lines, f"signed by {', '.join(signed) or 'nobody'}")


def key_of(path: Path) -> Key:
    """Return the identifier and the name of a public key. Raises BundleBuildError: the file is none."""
    try:
        return Key(key_id(raw_key(path)), path.stem)
    except (OSError, ValueError) as error:
        raise BundleBuildError(f"cannot use {path} as a public key: {error}") from error


def _public(path: Path) -> SSlibKey:
    key = key_of(path)
    return SSlibKey(key.id, "ed25519", "ed25519", {"public": raw_key(path).hex()}, {"name": key.name})


def _id(key: Ed25519PrivateKey) -> KeyId:
    return key_id(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _written(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
