"""Time that passes only when somebody waits. What is to happen meanwhile happens in order, at its own moment."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

EPOCH = 1_800_000_000.0
UPTIME = 1_000.0  # monotonic clocks do not begin at nought


class VirtualClock:
    """Satisfies `ports.system.Clock`. `between` is called with every stretch of time before it is over."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.between: Callable[[float], None] = lambda seconds: None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return EPOCH + self.elapsed

    def monotonic(self) -> float:
        return UPTIME + self.elapsed

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.elapsed + seconds, next(self._numbers), what))

    def advance(self, seconds: float, is_enough: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, or as much of it as `is_enough` wants."""
        end = self.elapsed + max(0.0, seconds)
        while self._due and self._due[0][0] <= end and not is_enough():
            moment, _, what = heapq.heappop(self._due)
            self._move(moment)
            what()
        if not is_enough():
            self._move(end)

    def _move(self, moment: float) -> None:
        if moment > self.elapsed:
            self.between(moment - self.elapsed)
            self.elapsed = moment
