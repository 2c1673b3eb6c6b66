"""The trust of a router as values: the root, the roles and keys it names, revocations, and what was signed by whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from supervisor.values.names import Digest

KeyId = NewType("KeyId", str)
"""The identifier of a public key as TUF makes it: 64 hexadecimal digits, from the key alone."""

LONGEST_REASON = 200  # characters of why a key is revoked


@dataclass(frozen=True, slots=True)
class Key:
    """A public key by its identifier, with the name that people know it by (a file's name, or the root's word)."""

    id: KeyId
    name: str


@dataclass(frozen=True, slots=True)
class Role:
    """The keys of a role, and how many different ones of them must sign."""

    keys: tuple[Key, ...] = ()
    threshold: int = 1


@dataclass(frozen=True, slots=True)
class Root:
    """The facts of a root document. Version 0 is none: it is the folder of plain keys, each of which has both roles.

    Keys of the role `root` sign root documents and revocation lists, those of `release` sign releases (TUF: targets).
    """

    version: int = 0
    root: Role = Role()
    release: Role = Role()
    expires: float | None = None  # seconds since the epoch; None: never
    minimum_release: str | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys of both roles, each once, in the order of the document."""
        return tuple({key.id: key for key in (*self.root.keys, *self.release.keys)}.values())


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that must not be believed again, whichever root names it."""

    key: Key
    reason: str
    time: float  # when this router took note of it, in seconds since the epoch
    source: str  # operator, or the medium that the signed list was on


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signed a release, as it was when the release was accepted. It is kept with the release."""

    root: int  # version of the root that named the keys
    keys: tuple[Key, ...]
    needed: int  # how many had to sign
    expires: float | None = None  # seconds since the epoch; None: never


@dataclass(frozen=True, slots=True)
class Floor:
    """The oldest release that a signed release allows for from now on, and the keys that said so."""

    release: str
    signing: Signing


@dataclass(frozen=True, slots=True)
class Seen:
    """The content that a release had when it was accepted; it is known even after the release is removed."""

    release: str
    content: Digest
    signing: Signing


@dataclass(frozen=True, slots=True)
class TrustState:
    """Everything that a router trusts, and has been told not to."""

    root: Root = Root()
    revoked: tuple[Revocation, ...] = ()
    floors: tuple[Floor, ...] = ()
    seen: tuple[Seen, ...] = ()
    fault: str = ""  # why nothing can be accepted: the folder is not safe, the newest root cannot be read
    notes: tuple[str, ...] = ()  # what else an operator should know

    @property
    def revoked_ids(self) -> frozenset[KeyId]:
        return frozenset(revocation.key.id for revocation in self.revoked)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a signed medium: who signed its release, and the trust documents on it that are news here."""

    signing: Signing
    root: Root  # that the release was judged by
    documents: tuple[tuple[int, bytes], ...] = ()  # root documents that follow the router's own, in order
    revoked: tuple[tuple[Key, str], ...] = ()  # keys and reasons, of a signed list


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """The settings of this machine about trust. Times are in seconds."""

    warning: float
    grace: float
    minimum_release: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A release that is offered, with everything that is judged of it before it is read."""

    name: str
    created: str
    content: Digest
    judgement: Judgement
    minimum_release: str | None = None
