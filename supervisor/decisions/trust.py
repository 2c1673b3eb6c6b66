"""Decides what is trusted: which root follows which, and whether a release is accepted.

The cryptography is done by `edges/trust`: here it has come down to the identifiers of keys whose signatures are good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from supervisor.decisions.doubt import DAY, doubt, floor_of, holds, instant, names_of, numbers, text_of
from supervisor.values.errors import (
    BelowFloorError,
    ClockBehindError,
    ExpiredError,
    OtherContentError,
    RequestError,
    RootGapError,
    TooFewSignaturesError,
    UntrustedRootError,
)
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.trust import (
    Floor,
    Judgement,
    Key,
    KeyId,
    Offer,
    Revocation,
    Role,
    Root,
    Seen,
    Signing,
    TrustPolicy,
    TrustState,
)

T = TypeVar("T")
CLOCK_TOLERANCE = DAY  # a clock that shows local time as UTC is off by fourteen hours at most

# ---------------------------------------------------------------- roots


def roots_to_read(versions: Collection[int], trusted: int, medium: str) -> tuple[int, ...]:
    """Return the versions of root documents that are to be followed from the trusted one, in order; old ones are not.

    Raises RootGapError: when one is missing, between the trusted root and the newest or among those that are there.
    """
    former = trusted
    newer = sorted(version for version in versions if version > trusted)
    for version in newer:
        if version != former + 1:
            raise RootGapError(f"root/{version}.json on {medium}", version, former)
        former = version
    return tuple(newer)


def refuse_root(name: str, old: Root, new: Root, by_old: Collection[KeyId], by_new: Collection[KeyId]) -> None:
    """Return if `new` may take the place of `old`, as in the TUF specification, 5.3: signed by thresholds of both.

    `by_old`, `by_new`: keys of either root whose signatures of the new document are good; revoked ones are not among
    them. Expiry is not looked at: a router that was off for long follows the roots of the time between.
    Raises RootGapError: when a version is left out or given again. Raises UntrustedRootError: when signatures lack.
    """
    if new.version != old.version + 1:
        raise RootGapError(name, new.version, old.version)
    for root, good in ((old, by_old), (new, by_new)):
        count = len({key.id for key in root.root.keys} & set(good))
        if count < root.root.threshold:
            raise UntrustedRootError(
                name, f"{count} of {root.root.threshold} signatures that root {root.version} asks for are there"
            )


def counted(role: Role, good: Collection[KeyId], revoked: Collection[KeyId]) -> tuple[Key, ...]:
    """Return the keys of a role that count: the signature is good, and the key is not revoked."""
    return tuple(key for key in role.keys if key.id in good and key.id not in revoked)


def signing_of(
    name: str, root: Root, good: Collection[KeyId], revoked: Collection[KeyId], expires: float | None
) -> Signing:
    """Return who signed a release. Raises TooFewSignaturesError: when fewer keys than the root asks for count."""
    keys = counted(root.release, good, revoked)
    if len(keys) < root.release.threshold:
        others = [f"{key.name} is revoked" for key in root.release.keys if key.id in good and key.id in revoked]
        raise TooFewSignaturesError(name, [key.name for key in keys], root.release.threshold, root.version, others)
    return Signing(root.version, keys, root.release.threshold, expires)


# ---------------------------------------------------------------- releases that are offered


def refuse_offer(
    offer: Offer, state: TrustState, policy: TrustPolicy, known: Iterable[Release], now: float, *, accepts_clock: bool
) -> None:
    """Return if a release may be imported, as far as trust is concerned. `state` has the medium's own news already.

    Raises ClockBehindError, ExpiredError, BelowFloorError or OtherContentError. Raises TooFewSignaturesError: keys were
    revoked or replaced since it was judged.
    """
    if not holds(offer.judgement.signing, state):
        keys = [key.id for key in offer.judgement.signing.keys]
        signing_of(f"release {offer.name}", state.root, keys, state.revoked_ids, None)
    created = instant(offer.created)
    if created > now + CLOCK_TOLERANCE:
        if not accepts_clock:
            raise ClockBehindError(offer.name, offer.created, text_of(now))
        now = created
    signing, root = offer.judgement.signing, offer.judgement.root
    for what, expires in ((f"root {root.version}", root.expires), ("its signed statement", signing.expires)):
        if expires is not None and now >= expires + policy.grace:
            raise ExpiredError(offer.name, what, text_of(expires), round(policy.grace / DAY))
    floor, source = floor_of(state, policy)
    declared = offer.minimum_release
    if floor is not None and numbers(offer.name) < numbers(floor):
        raise BelowFloorError(offer.name, floor, source)
    if declared is not None and numbers(offer.name) < numbers(declared):
        raise BelowFloorError(offer.name, declared, "it itself")
    _refuse_other_content(offer, state, known)


def _refuse_other_content(offer: Offer, state: TrustState, known: Iterable[Release]) -> None:
    """Refuse a number that was used for another content, unless that one is in doubt: then it may have been forged."""
    signers = [key.name for key in offer.judgement.signing.keys]
    stored = next((release for release in known if release.name == offer.name), None)
    if stored is not None:
        if content_of(stored.services) != offer.content and not doubt(stored, state):
            raise OtherContentError(offer.name, signers, names_of(stored.signing))
        return
    for seen in state.seen:
        if seen.release == offer.name and seen.content != offer.content and holds(seen.signing, state):
            raise OtherContentError(offer.name, signers, names_of(seen.signing))


def content_of(services: Iterable[tuple[ServiceName, Version]]) -> Digest:
    """Return a digest that is equal for releases of equal content: what would run, service by service."""
    lines = sorted(f"{name} {version.image} {version.definition}" for name, version in services)
    return Digest("sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest())


# ---------------------------------------------------------------- what is remembered


def after(state: TrustState, judgement: Judgement, medium: str, now: float) -> TrustState:
    """Return the state once a medium's root documents and revocations are taken in. It never goes back."""
    root = judgement.root if judgement.root.version > state.root.version else state.root
    known = state.revoked_ids
    fresh = tuple(Revocation(key, reason, now, medium) for key, reason in judgement.revoked if key.id not in known)
    return replace(state, root=root, revoked=(*state.revoked, *fresh))


def joined(former: Signing | None, signing: Signing, state: TrustState) -> Signing:
    """Return who signed a content that is signed again: those who did before too, as long as they are trusted.

    Otherwise whoever steals a key could take releases of others into the doubt about that key.
    """
    if former is None or not holds(former, state):
        return signing
    keys = tuple({key.id: key for key in (*former.keys, *signing.keys)}.values())
    ends = [one.expires for one in (former, signing) if one.expires is not None]
    return replace(signing, keys=keys, expires=max(ends) if len(ends) == 2 else None)


def with_release(state: TrustState, offer: Offer) -> TrustState:
    """Return the state once a release is accepted: its content is known, and its floor counts from now on.

    A floor that others have set stays, whoever sets the same one: their keys may be trusted for longer.
    """
    signing = offer.judgement.signing
    former = next(
        (one.signing for one in state.seen if (one.release, one.content) == (offer.name, offer.content)), None
    )
    fresh = Seen(offer.name, offer.content, joined(former, signing, state))
    seen = (*(entry for entry in state.seen if entry.release != offer.name), fresh)
    floors = state.floors
    if offer.minimum_release is not None and sets_floor(state, offer):
        floors = (*floors, Floor(offer.minimum_release, signing))
    return replace(state, seen=seen, floors=floors)


def without_release(state: TrustState, offer: Offer, before: TrustState) -> TrustState:
    """Return the state once a release that was accepted in the state `before` is not recorded after all.

    Whatever else has changed meanwhile stays.
    """
    after = with_release(before, offer)
    seen = _taken_back(state.seen, before.seen, after.seen)
    return replace(state, seen=seen, floors=_taken_back(state.floors, before.floors, after.floors))


def _taken_back(now: tuple[T, ...], before: tuple[T, ...], after: tuple[T, ...]) -> tuple[T, ...]:
    gained, lost = set(after) - set(before), [entry for entry in before if entry not in after]
    return (*(entry for entry in now if entry not in gained), *(entry for entry in lost if entry not in now))


def sets_floor(state: TrustState, offer: Offer) -> bool:
    """True if a release sets a floor that its keys have not set yet."""
    keys = {key.id for key in offer.judgement.signing.keys}
    same = [floor for floor in state.floors if floor.release == offer.minimum_release]
    return offer.minimum_release is not None and all({key.id for key in floor.signing.keys} != keys for floor in same)


def match_key(state: TrustState, text: str) -> Key:
    """Return the key that an operator names, by its name or by the first eight digits of its identifier or more.

    Keys that signed something and that no root names any more can be named too.
    Raises RequestError: when none or several fit.
    """
    signings = [*(entry.signing for entry in state.seen), *(entry.signing for entry in state.floors)]
    signers = [key for signing in signings for key in signing.keys]
    known = {key.id: key for key in (*signers, *state.root.keys)}
    fit = [key for key in known.values() if text == key.name or (len(text) >= 8 and key.id.startswith(text.lower()))]
    if len(fit) != 1:
        which = ", ".join(sorted(f"{key.name} ({key.id[:8]})" for key in known.values())) or "none"
        problem = "no key is called that" if not fit else "several keys fit"
        raise RequestError(f"cannot find key {text}: {problem} (known: {which})")
    return fit[0]
