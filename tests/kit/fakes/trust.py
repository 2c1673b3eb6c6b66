"""Trust in memory: a state that a test may replace, and revocations that count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from supervisor.decisions.trust import after, match_key, with_release, without_release
from supervisor.values.errors import UntrustedRootError
from supervisor.values.trust import Judgement, Offer, Revocation, TrustState


class FakeTrust:
    """Satisfies `ports.trust.Trust`. `known` may be replaced at any time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.known = TrustState()

    def state(self) -> TrustState:
        return self.known

    def keep(self, judgement: Judgement, medium: str) -> tuple[str, ...]:
        before, self.known = self.known, after(self.known, judgement, medium, self._now())
        told = [f"root {version} is trusted, from {medium}" for version, _ in judgement.documents]
        return (*told, *(f"{entry.key.name} is revoked" for entry in self.known.revoked[len(before.revoked) :]))

    def note(self, offer: Offer) -> TrustState:
        before, self.known = self.known, with_release(self.known, offer)
        return before

    def withdraw(self, offer: Offer, before: TrustState) -> None:
        self.known = without_release(self.known, offer, before)

    def rotate(self, path: str) -> tuple[str, ...]:
        raise UntrustedRootError(path, "nothing is read here")

    def revoke(self, key: str, reason: str) -> Revocation:
        revocation = Revocation(match_key(self.known, key), reason, self._now(), "operator")
        self.known = replace(self.known, revoked=(*self.known.revoked, revocation))
        return revocation
