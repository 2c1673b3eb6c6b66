"""Streams for those who follow something: a hand-over until it ends, or the events as they come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from supervisor.loop.handover.run import Listener
from supervisor.ports.store import Audit
from supervisor.ports.system import Clock
from supervisor.values.status import EventRecord, Progress

HEARTBEAT_SECONDS = 2.0


def follow(listener: Listener, closing: threading.Event, *, is_revert: bool) -> Iterator[Progress]:
    """Yield the progress of a hand-over, until its end or the supervisor's.

    `is_revert`: it was asked to go back, so that its own failure is the success of the request.
    """
    while True:
        try:
            progress = listener.get(timeout=HEARTBEAT_SECONDS)
        except queue.Empty:
            if closing.is_set():
                text = "the supervisor ends; what was begun is finished or undone when it is back"
                yield Progress("", "interrupted", text, is_final=True, error=text)
                return
            continue
        if is_revert and progress.is_final:
            text = f"{progress.service} is back on its former generation"
            progress = Progress(progress.service, "succeeded", text, 1.0, progress.elapsed, is_final=True)
        yield progress
        if progress.is_final:
            return


def events(store: Audit, clock: Clock, closing: threading.Event, *, waits: bool) -> Iterator[EventRecord]:
    """Yield the events that were recorded, and with `waits` those to come; one without a name is a heartbeat."""
    last, quiet = 0, 0.0
    while True:
        for number, event in store.events(last):
            last, quiet = number, 0.0
            yield event
        if not waits or closing.is_set():
            return
        closing.wait(0.25)
        quiet += 0.25
        if quiet >= HEARTBEAT_SECONDS:
            quiet = 0.0
            yield EventRecord(clock.now(), "", "", "")
