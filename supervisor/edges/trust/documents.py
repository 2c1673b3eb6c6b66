"""Root documents, statements and revocation lists: bytes to values, and which keys made good signatures of them.

What python-tuf reads leniently is refused here: other kinds of keys, identifiers that are not made from the key, a
threshold that its keys cannot reach. Its own words for a malformed document go into our message.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata, Signed, Targets
from tuf.api.metadata import Role as TufRole
from tuf.api.metadata import Root as TufRoot

from supervisor.decisions.doubt import numbers
from supervisor.edges.trust.folder import is_signed_by, key_id
from supervisor.edges.trust.papers import INDEX, LARGEST
from supervisor.values.errors import UntrustedRootError
from supervisor.values.trust import LONGEST_REASON, Key, KeyId, Role, Root

logging.getLogger("tuf").setLevel(logging.WARNING)

S = TypeVar("S", bound=Signed)
RELEASE = Targets.type
REVOCATIONS_TYPE = "revocations"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 @._+-]{0,63}")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:_-]{0,127}")
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)


@dataclass(frozen=True, slots=True)
class Document(Generic[S]):
    """A document of TUF: what it says, the bytes that were signed, and the signatures, good or not, by identifiers."""

    signed: S
    payload: bytes
    signatures: Mapping[KeyId, bytes]

    def good(self, keys: Mapping[KeyId, bytes]) -> frozenset[KeyId]:
        """Return which of the keys signed it."""
        return good_signatures(self.payload, self.signatures, keys)


@dataclass(frozen=True, slots=True)
class RootDocument:
    """A root document whose form is right; whether it can be trusted is another matter."""

    content: bytes
    facts: Root
    keys: Mapping[KeyId, bytes]
    document: Document[TufRoot]


@dataclass(frozen=True, slots=True)
class RevocationList:
    """Keys that are revoked, with reasons, and the signatures on the list."""

    keys: Mapping[KeyId, str]
    payload: bytes
    signatures: Mapping[KeyId, bytes]


def good_signatures(payload: bytes, signatures: Mapping[KeyId, bytes], keys: Mapping[KeyId, bytes]) -> frozenset[KeyId]:
    """Return the identifiers of those keys that made their signature of the payload."""
    return frozenset(id for id, raw in keys.items() if id in signatures and is_signed_by(raw, signatures[id], payload))


def read_root(name: str, content: bytes) -> RootDocument:
    """Return the root document in `content`. Raises UntrustedRootError: its form is wrong."""
    try:
        document: Document[TufRoot] = _document(content, TufRoot)
        signed = document.signed
        keys = {KeyId(id): _raw(id, key) for id, key in signed.keys.items()}
        names = {id: _name(id, signed.keys[id].unrecognized_fields) for id in keys}
        minimum = signed.unrecognized_fields.get("minimum_release")
        if minimum is not None and not (isinstance(minimum, str) and _RELEASE.fullmatch(minimum) and numbers(minimum)):
            raise ValueError("its minimum_release is not the name of a release")
        root, release = (_role(role, signed.roles[role], names) for role in (TufRoot.type, RELEASE))
        facts = Root(signed.version, root, release, signed.expires.timestamp(), minimum)
    except _MALFORMED as error:
        raise UntrustedRootError(name, f"it is no root document ({_said(error)})") from error
    return RootDocument(content, facts, keys, document)


def read_statement(content: bytes, index: bytes) -> Document[Targets]:
    """Return the statement about an index. Raises ValueError: its form is wrong, or it is about another index."""
    try:
        document: Document[Targets] = _document(content, Targets)
        signed = document.signed
        if set(signed.targets) != {INDEX} or signed.delegations is not None:
            raise ValueError(f"it must be about {INDEX} and nothing else")
        target = signed.targets[INDEX]
        if "sha256" not in target.hashes:
            raise ValueError("it has no SHA-256 of the index")
        if target.length != len(index):
            raise ValueError(f"it is about an index of {target.length} bytes, this one has {len(index)}")
        target.verify_length_and_hashes(index)
    except _MALFORMED as error:
        raise ValueError(_said(error)) from error
    except Exception as error:  # python-tuf has a class of its own for a hash that differs
        raise ValueError(f"it is about another index ({_said(error)})") from error
    return document


def read_revocations(name: str, content: bytes) -> RevocationList:
    """Return the revocation list in `content`. Raises UntrustedRootError: its form is wrong."""
    try:
        shape = _json(content)
        signed = shape["signed"]
        if set(shape) != {"signatures", "signed"} or set(signed) != {"_type", "spec_version", "keys"}:
            raise ValueError("it has other parts than signatures, _type, spec_version and keys")
        if signed["_type"] != REVOCATIONS_TYPE:
            raise ValueError(f"it is of type {signed['_type']!r}")
        keys = {_identifier(id): _reason(reason) for id, reason in signed["keys"].items()}
        payload = canonical(signed)
        return RevocationList(keys, payload, _signatures([Signature.from_dict(dict(s)) for s in shape["signatures"]]))
    except Exception as error:  # the canonical form has exceptions of its own
        raise UntrustedRootError(name, f"it is no revocation list ({_said(error)})") from error


def canonical(signed: Any) -> bytes:
    """Return the canonical form of a document's signed part: the bytes that are signed.

    Raises ValueError: it has none, for there are fractions in it, say.
    """
    try:
        return (encode_canonical(signed) or "").encode()
    except FormatError as error:
        raise ValueError("it has something that cannot be signed") from error


def _document(content: bytes, kind: type[S]) -> Document[S]:
    try:
        metadata: Metadata[Any] = Metadata.from_dict(_json(content))
        if not isinstance(metadata.signed, kind):
            raise ValueError(f"it is of type {metadata.signed.type!r}")
        if type(metadata.signed.version) is not int or metadata.signed.version >= 1 << 31:
            raise ValueError("its version is no sensible number")
        return Document(metadata.signed, metadata.signed_bytes, _signatures(metadata.signatures.values()))
    except _MALFORMED:
        raise
    except Exception as error:  # serialization has exceptions of its own
        raise ValueError(_said(error)) from error


def _json(content: bytes) -> Any:
    if len(content) > LARGEST:
        raise ValueError(f"it has {len(content)} bytes, more than {LARGEST}")
    return json.loads(content, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a key twice")
    return found


def _signatures(signatures: Any) -> dict[KeyId, bytes]:
    """Return signatures as bytes; one that is not hexadecimal is as good as none (a person has not signed yet)."""
    found: dict[KeyId, bytes] = {}
    for signature in signatures:
        if signature.keyid in found:
            raise ValueError(f"it has two signatures by {signature.keyid}")
        try:
            found[KeyId(signature.keyid)] = bytes.fromhex(signature.signature)
        except (ValueError, TypeError):
            found[KeyId(signature.keyid)] = b""
    return found


def _raw(id: str, key: Any) -> bytes:
    if (key.keytype, key.scheme) != ("ed25519", "ed25519"):
        raise ValueError(f"key {id[:8]} is {key.keytype}, not ed25519")
    raw = bytes.fromhex(key.keyval["public"])
    if len(raw) != 32 or set(key.keyval) != {"public"}:
        raise ValueError(f"key {id[:8]} is no Ed25519 key")
    if key_id(raw) != id:
        raise ValueError(f"key {id[:8]} has the identifier of another key")
    return raw


def _name(id: str, fields: Mapping[str, Any]) -> str:
    name = fields.get("name", id[:8])
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"the name of key {id[:8]} is not a plain one")
    return name


def _role(called: str, role: TufRole, names: Mapping[KeyId, str]) -> Role:
    if type(role.threshold) is not int or not 1 <= role.threshold <= len(role.keyids):
        raise ValueError(f"role {called} has {len(role.keyids)} keys, and {role.threshold} must sign")
    return Role(tuple(Key(KeyId(id), names[KeyId(id)]) for id in role.keyids), role.threshold)


def _identifier(text: Any) -> KeyId:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError("a key is not named by its identifier of 64 hexadecimal digits")
    return KeyId(text)


def _reason(text: Any) -> str:
    if not isinstance(text, str) or len(text) > LONGEST_REASON or not text.isprintable():
        raise ValueError("a reason is not a line of text")
    return text


def _said(error: BaseException) -> str:
    text = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
