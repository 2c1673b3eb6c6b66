"""Puts our nftables table, and the rules that admit services, back when other software removes them.

Routers' own scripts flush whole rulesets. The kernel reports every change of nftables, and one of ours is undone at
once. Changes that it does not report (the older iptables backend) are found by a slow round. Meanwhile an anchor keeps
established connections translated.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from supervisor.edges.network.admission import TABLES, Admission
from supervisor.edges.network.anchor import Anchor
from supervisor.edges.network.notifications import LOST, Notifications
from supervisor.edges.network.shares import NftShares
from supervisor.edges.network.shares_text import TABLE as SHARES
from supervisor.edges.network.structure import TABLE
from supervisor.edges.network.traffic import NftTraffic
from supervisor.values.errors import NetworkError

log = logging.getLogger(__name__)

FREE_RESTORATIONS = 20
WINDOW = 10.0
LONGEST_PAUSE = 5.0
POLL = 0.2  # how soon `close` is noticed


def pause_before(restorations: Iterable[float], now: float) -> float:
    """Return how long to wait before the next restoration, given the times of former ones.

    Several a second for a while is a router being configured. More is another program that insists: each further one
    waits twice as long, up to `LONGEST_PAUSE`, so that the fight costs little and is still won in the end.
    """
    excess = sum(1 for moment in restorations if now - moment <= WINDOW) - FREE_RESTORATIONS
    return 0.0 if excess < 0 else float(min(0.05 * 2**excess, LONGEST_PAUSE))


class _Target:
    """A part of the kernel that is guarded, with its own pauses: a fight over one part must not delay another."""

    def __init__(self, name: str, tables: frozenset[str], restore: Callable[[], bool]) -> None:
        self.name = name
        self._tables = tables | LOST
        self._restore = restore
        self._former: deque[float] = deque(maxlen=64)
        self._noticed: float | None = None

    def notice(self, changed: frozenset[str], now: float, *, is_due: bool) -> None:
        if self._noticed is None and (is_due or not changed.isdisjoint(self._tables)):
            self._noticed = now

    def wait(self, now: float) -> float:
        """Return how long there is nothing to do for it, at most `POLL`."""
        if self._noticed is None:
            return POLL
        return min(POLL, max(0.0, self._noticed + pause_before(self._former, self._noticed) - now))

    def settle(self, now: float) -> float | None:
        """Restore it if it needs that and its pause is over; return how long that took since it was noticed."""
        if self._noticed is None or self.wait(now) > 0:
            return None
        noticed, self._noticed = self._noticed, None
        try:
            is_restored = self._restore()
        except NetworkError as error:
            self._former.append(now)  # what fails waits longer each time, too
            self._noticed = now
            log.error("restoration failed", extra={"what": self.name, "cause": str(error)})
            return None
        if not is_restored:
            return None
        self._former.append(now)
        return time.monotonic() - noticed


class NftGuard:
    """Guards the network namespace in which `start` is called.

    `on_restored` is called with what was restored ("table", "shares" or "admission") and the seconds since the loss was
    noticed.
    """

    def __init__(
        self,
        traffic: NftTraffic,
        *,
        shares: NftShares | None = None,
        admission: Admission | None = None,
        anchor: bool = False,
        interval: float = 10.0,
        on_restored: Callable[[str, float], None] | None = None,
    ) -> None:
        self._admission = admission
        self._interval = interval
        self._on_restored = on_restored
        self._targets = [_Target("table", frozenset({TABLE}), traffic.restore)]
        if shares:
            self._targets.append(_Target("shares", frozenset({SHARES}), shares.restore))
        if self._admission:
            self._targets.append(_Target("admission", TABLES, self._admission.ensure))
        self._closing = threading.Event()
        self._notifications: Notifications | None = None
        self._wants_anchor = anchor
        self._anchor: Anchor | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Subscribe to changes, then admit services; an admission that fails is retried by the watch.

        Raises NetworkError: when changes cannot be subscribed to.
        """
        try:
            self._notifications = Notifications()
        except OSError as error:
            raise NetworkError(f"cannot watch nftables for changes: {error}") from error
        self._anchor = _anchor() if self._wants_anchor else None
        for target in self._targets:
            target.notice(LOST, time.monotonic(), is_due=True)
            target.settle(time.monotonic())
        self._thread = threading.Thread(target=self._watch, args=(self._notifications,), name="nft-guard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching; the table and the rules stay."""
        self._closing.set()
        if self._thread:
            self._thread.join()
        if self._notifications:
            self._notifications.close()
        if self._anchor:
            self._anchor.close()
        self._thread = self._notifications = self._anchor = None

    def remove(self) -> None:
        """Stop watching and take the admission rules away. The table is for `NftTraffic.remove`."""
        self.close()
        if self._admission:
            self._admission.remove()

    def _watch(self, notifications: Notifications) -> None:
        looked = time.monotonic()
        while not self._closing.is_set():
            now = time.monotonic()
            changed = notifications.wait(min(target.wait(now) for target in self._targets))
            now = time.monotonic()
            is_due = now - looked >= self._interval
            looked = now if is_due else looked
            for target in self._targets:
                target.notice(changed, now, is_due=is_due)
                seconds = target.settle(now)
                if seconds is not None:
                    self._tell(target.name, seconds)

    def _tell(self, what: str, seconds: float) -> None:
        log.warning("restored", extra={"what": what, "seconds": round(seconds, 4)})
        if self._on_restored:
            self._on_restored(what, seconds)


def _anchor() -> Anchor | None:
    """Return an anchor; None: there cannot be one, which shows only when the ruleset is flushed under traffic."""
    try:
        return Anchor()
    except OSError as error:
        log.warning("no anchor: a flush of the ruleset will reset connections", extra={"cause": str(error)})
        return None
