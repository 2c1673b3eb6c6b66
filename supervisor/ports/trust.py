"""What the router trusts: roots, keys, revocations and floors, and what is remembered of the releases it accepted."""

from __future__ import annotations

from typing import Protocol

from supervisor.values.trust import Judgement, Offer, Revocation, TrustState


class Trust(Protocol):
    """The trust of this router. May be used from any thread; a method that writes returns when it is on the disk.

    Methods that write raise StateError when they cannot; nothing has changed then, or root documents alone.
    """

    def state(self) -> TrustState:
        """Return what is trusted now. It is read anew when a file has changed; that it cannot be is its `fault`."""

    def keep(self, judgement: Judgement, medium: str) -> tuple[str, ...]:
        """Take in the root documents and revocations of a medium; return a line about each. May be repeated.

        Empty: there was nothing new. Raises UntrustedRootError, RootGapError: the root has changed since the medium was
        judged, and its documents do not follow it any more; nothing has changed.
        """

    def note(self, offer: Offer) -> TrustState:
        """Remember a release that is accepted: its content, and the floor that it sets; return the state before.

        May be repeated.
        """

    def withdraw(self, offer: Offer, before: TrustState) -> None:
        """Undo `note`, which returned `before`: the release was not recorded. What others noted since stays."""

    def rotate(self, path: str) -> tuple[str, ...]:
        """Follow the root document in a file, or those in a folder; return a line about each.

        Raises UntrustedRootError, RootGapError: nothing has changed.
        """

    def revoke(self, key: str, reason: str) -> Revocation:
        """Revoke the key of that name or identifier. One that is revoked already stays as it is.

        Raises RequestError: when no key or several are meant.
        """
