"""Verifies every file of a bundle, with progress."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from supervisor.ports.media import OpenedBundle
from supervisor.values.status import Progress


def verified(bundle: OpenedBundle) -> Iterator[Progress]:
    """Yield progress from a verification that reports by callback: it runs on a thread of its own."""
    reports: queue.SimpleQueue[tuple[int, int] | Exception | None] = queue.SimpleQueue()

    def verify() -> None:
        try:
            bundle.verify_all(lambda done, total: reports.put((done, total)))
        except Exception as error:  # the caller waits for any of them
            reports.put(error)
        else:
            reports.put(None)

    thread = threading.Thread(target=verify, name="verify", daemon=True)
    thread.start()
    reported = -1.0
    while (report := reports.get()) is not None:
        if isinstance(report, Exception):
            raise report
        fraction = report[0] / max(1, report[1])
        if fraction - reported >= 0.05:
            reported = fraction
            yield Progress("", "verify", f"{report[0] >> 20} of {report[1] >> 20} MiB hashed", fraction)
    thread.join()
