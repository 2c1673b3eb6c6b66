"""Decides which accepted releases come into doubt later: a key is gone or revoked, or a floor has risen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from supervisor.values.release import Release, Version
from supervisor.values.status import TrustKeyStatus, TrustStatus
from supervisor.values.trust import Signing, TrustPolicy, TrustState

DAY = 86400.0


def doubt(release: Release, state: TrustState, policy: TrustPolicy | None = None) -> str:
    """Return why nothing of an accepted release may be started anew; empty: it may.

    A release that an earlier supervisor accepted says nothing about its keys, and is in no doubt about them. While
    the keys cannot be read (`fault`), only revocations count.
    """
    if release.signing is not None and not holds(release.signing, state):
        revoked = [key.name for key in release.signing.keys if key.id in state.revoked_ids]
        if revoked:
            return f"it was signed by {', '.join(revoked)}, which is revoked"
        return f"it was signed by {', '.join(names_of(release.signing))}, which root {state.root.version} does not name"
    return _below_floor(release.name, state, policy) if policy else ""


def version_doubt(version: Version, releases: Iterable[Release], state: TrustState, policy: TrustPolicy) -> str:
    """Return why a version may not be started anew; empty: one release at least that brings it is in no doubt.

    A version that no release brings any more is judged by what is remembered of the release that it came from.
    """
    known = tuple(releases)
    bring = [release for release in known if any(version.is_same_as(other) for _, other in release.services)]
    if bring:
        doubts = [doubt(release, state, policy) for release in bring]
        return doubts[0] if all(doubts) else ""
    if any(release.name == version.release for release in known):
        return "the release of that number has another content now"
    seen = next((entry for entry in state.seen if entry.release == version.release), None)
    if seen is not None and not holds(seen.signing, state):
        return f"it was signed by {', '.join(names_of(seen.signing))}, who is not trusted any more"
    return _below_floor(version.release, state, policy)


def _below_floor(release: str, state: TrustState, policy: TrustPolicy) -> str:
    floor, source = floor_of(state, policy)
    if floor is not None and numbers(release) < numbers(floor):
        return f"{source} allows for nothing before {floor}"
    return ""


def holds(signing: Signing, state: TrustState) -> bool:
    """True if as many of the keys as had to sign are still trusted, or as many as the root asks for now if fewer."""
    named = {key.id for key in state.root.release.keys}
    good = [key for key in signing.keys if key.id not in state.revoked_ids and (state.fault or key.id in named)]
    needed = signing.needed if state.fault else min(signing.needed, state.root.release.threshold)
    return len(good) >= needed


def names_of(signing: Signing | None) -> list[str]:
    """Return the names of the keys that signed; empty: nobody knows."""
    return [key.name for key in signing.keys] if signing else []


def floor_of(state: TrustState, policy: TrustPolicy) -> tuple[str | None, str]:
    """Return the oldest release that may be started, and who says so; what untrusted keys said does not count."""
    said = [
        (policy.minimum_release, "the setting minimum_release"),
        (state.root.minimum_release, f"root {state.root.version}"),
    ]
    said += [
        (floor.release, f"a release that {', '.join(names_of(floor.signing))} signed")
        for floor in state.floors
        if holds(floor.signing, state)
    ]
    named = [(release, source) for release, source in said if release is not None]
    return max(named, key=lambda entry: numbers(entry[0]), default=(None, ""))


# ---------------------------------------------------------------- what operators are told


def warnings(state: TrustState, policy: TrustPolicy, releases: Sequence[Release], now: float) -> tuple[str, ...]:
    """Return what the status says about trust, long before anything is refused.

    `releases`: those that something runs of, or is to run of.
    """
    said = [state.fault] if state.fault else []
    said += state.notes
    said += _expiry(f"root {state.root.version}", state.root.expires, policy, now)
    for release in releases:
        if text := doubt(release, state, policy):
            said.append(f"release {release.name} is in doubt: {text}")
        elif release.signing is not None:
            said += _expiry(f"what was signed for release {release.name}", release.signing.expires, policy, now)
    needed = state.root.release.threshold
    left = [key for key in state.root.release.keys if key.id not in state.revoked_ids]
    if len(left) < needed and not state.fault and state.root.version:
        said.append(
            f"no release can be imported: {len(left)} keys of root {state.root.version} are left, {needed} must sign"
        )
    return tuple(said)


def trust_status(state: TrustState, policy: TrustPolicy, said: Sequence[str], now: float) -> TrustStatus:
    """Return what `vrctl trust` shows. `said` are the warnings about releases too; empty: those about roots alone."""
    root, revoked = state.root, {entry.key.id: entry for entry in state.revoked}
    keys = {key.id: key for key in (*(entry.key for entry in state.revoked), *root.keys)}
    roles = [(name, {key.id for key in role.keys}) for name, role in (("root", root.root), ("release", root.release))]
    return TrustStatus(
        root=root.version,
        root_threshold=root.root.threshold,
        release_threshold=root.release.threshold,
        expires=root.expires,
        minimum_release=floor_of(state, policy)[0] or "",
        keys=tuple(
            TrustKeyStatus(
                id=key.id,
                name=key.name,
                roles=tuple(name for name, ids in roles if key.id in ids),
                is_revoked=key.id in revoked,
                reason=revoked[key.id].reason if key.id in revoked else "",
            )
            for key in sorted(keys.values(), key=lambda key: (key.name, key.id))
        ),
        message="; ".join(said or warnings(state, policy, (), now)),
    )


def _expiry(what: str, expires: float | None, policy: TrustPolicy, now: float) -> list[str]:
    if expires is None or now < expires - policy.warning:
        return []
    days = int(abs(expires - now) / DAY)
    if now < expires:
        return [f"{what} expires in {days} days ({text_of(expires)})"]
    end = expires + policy.grace
    if now < end:
        return [f"{what} expired {days} days ago; it is accepted until {text_of(end)}"]
    return [f"{what} expired on {text_of(expires)}: nothing is imported by it any more"]


# ---------------------------------------------------------------- times and numbers


def instant(text: str) -> float:
    """Return a time like 2025-01-31T00:00:00Z in seconds since the epoch. Raises ValueError: it is no such time."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text):
        raise ValueError(text)
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def text_of(time: float) -> str:
    """Return a time as `instant` reads it. Times that no calendar has are given as a number."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time:g} s"


def numbers(release: str) -> tuple[int, ...]:
    """Return the numbers in a release's name, by which releases are ordered: 13.0 is before 13.1."""
    return tuple(int(number) for number in re.findall(r"[0-9]+", release))
