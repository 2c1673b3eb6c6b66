"""The counts of a probe, and the loop that paces it until its time is over or it is stopped."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any


class Tally:
    """Counts of one probe. The gap runs from one success to the next, and from the last one to the end."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.sent = self.completed = self.failed = 0
        self.reasons: Counter[str] = Counter()
        self.facts: dict[str, int | float | str] = {}
        self.answers: list[float] = []
        self.started = self.last = time.monotonic()
        self.longest = 0.0
        self.ended: float | None = None
        self.is_stopped = False
        signal.signal(signal.SIGTERM, self._stop)

    def succeed(self, count: int = 1) -> None:
        now = self.ended or time.monotonic()
        self.longest = max(self.longest, now - self.last)
        self.last = now
        self.completed += count

    def took(self, seconds: float) -> None:
        """Take note of how long an answer took: the report has the 99th percentile of all, as the fact `p99`."""
        self.answers.append(seconds)

    def end(self) -> None:
        """Take note that no more requests are made: answers may still come, but silence is not measured any more."""
        self.ended = time.monotonic()

    def fail(self, reason: str) -> None:
        """Count a request that was refused, reset or answered wrongly."""
        self.failed += 1
        self.reasons[reason] += 1

    def miss(self, reason: str) -> None:
        """Count a request without an answer: sent, and not completed."""
        self.reasons[reason] += 1

    def ticks(self, rate: float, seconds: float) -> Iterator[int]:
        """Yield at a constant rate; a slow answer delays what follows it, as with a patient user."""
        begin = time.monotonic()
        for index in range(max(1, round(rate * seconds))):
            wait = begin + index / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            if self.is_stopped or time.monotonic() > begin + seconds:
                return
            yield index

    def report(self) -> None:
        now = self.ended or time.monotonic()
        if self.answers:
            self.facts["p99"] = round(sorted(self.answers)[len(self.answers) * 99 // 100], 6)
        facts = self.facts | {f"reason: {reason}": count for reason, count in sorted(self.reasons.items())}
        print(
            json.dumps(
                {
                    "client": self.client,
                    "sent": self.sent,
                    "completed": self.completed,
                    "failed": self.failed,
                    "seconds": now - self.started,
                    "longest_gap": max(self.longest, now - self.last),
                    "facts": facts,
                }
            ),
            flush=True,
        )

    def _stop(self, *_: object) -> None:
        self.is_stopped = True


def options() -> dict[str, Any]:
    given: dict[str, Any] = json.load(sys.stdin)
    return given
