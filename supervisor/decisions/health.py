"""Decides from probe results, one after another, whether an instance is live and whether it is ready.

Each watch of a manifest (liveness, readiness) has a `Health` of its own. One odd result changes nothing: `threshold`
results of the other kind in a row do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from supervisor.values.listing import listed
from supervisor.values.manifest import Watch
from supervisor.values.state import ProbeResult

DOUBT_SECONDS = 0.1  # a result that contradicts what is known is checked soon: waiting would be an outage
DOUBT_SPAN_SECONDS = 0.4  # and what was good is good until it failed for so long: some failures come in bursts
NOTHING_ASKED = ProbeResult(True, "no probes are declared", 0.0)


@dataclass(frozen=True, slots=True)
class Health:
    """The findings of a watch so far. Times are monotonic seconds."""

    is_good: bool  # live, or ready
    is_known: bool  # False: there was no result yet, and the next one decides alone
    streak: int  # results in a row that contradict `is_good`
    began: float  # when the watch began
    changed: float  # when `is_good` changed last
    due: float  # when to ask next
    message: str  # of the last result
    doubted: float | None = None  # since when results contradict `is_good`


def unproven(now: float) -> Health:
    """Return a candidate's readiness: not good until it has proved itself `threshold` times."""
    return Health(False, True, 0, now, now, now, "not asked yet")


def presumed(now: float) -> Health:
    """Return the liveness of an instance that was just started: good until it has failed `threshold` times."""
    return Health(True, True, 0, now, now, now, "not asked yet")


def adopted(now: float) -> Health:
    """Return the readiness of an instance that ran before us: the first result decides by itself."""
    return Health(False, False, 0, now, now, now, "not asked yet")


def is_due(health: Health, now: float) -> bool:
    """True if it is time to ask."""
    return now >= health.due


def has_missed_deadline(health: Health, watch: Watch, now: float) -> bool:
    """True if a candidate is not good yet, and the watch began so long ago that it is not waited for any more."""
    return not health.is_good and now >= health.began + watch.deadline


def merge(results: Sequence[ProbeResult], *, is_asked: bool) -> ProbeResult | None:
    """Make one result of those asked together: good when all are; the message is that of those that are not.

    None: probes were asked (`is_asked`), and none of them said anything.
    """
    if not results:
        return None if is_asked else NOTHING_ASKED
    failed = [result for result in results if not result.is_good]
    shown = failed or list(results)
    return ProbeResult(
        not failed,
        listed(result.message for result in shown),
        sum(result.seconds for result in results),
        is_silent=bool(failed) and all(result.is_silent for result in failed),
    )


def advance(health: Health, watch: Watch, result: ProbeResult | None, now: float) -> Health:
    """Return the health after one more result; None: nothing was learnt, and all is as before.

    It is asked again an interval from now, so that slow answers of a struggling service never pile up, and at once as
    long as one more result may change the state.
    """
    if result is None:
        return replace(health, due=now + watch.interval)
    after = replace(health, due=now + watch.interval, message=result.message, doubted=None)
    if not health.is_known:
        return replace(after, is_good=result.is_good, is_known=True, streak=0, changed=now)
    if result.is_good == health.is_good:
        return replace(after, streak=0)
    since = now - result.seconds if health.doubted is None else health.doubted
    is_short = health.is_good and now - since < DOUBT_SPAN_SECONDS
    if health.streak + 1 < watch.threshold or is_short:
        soon = now + min(watch.interval, DOUBT_SECONDS)
        return replace(after, streak=health.streak + 1, due=soon, doubted=since)
    return replace(after, is_good=result.is_good, streak=0, changed=now)


def postpone(health: Health, seconds: float) -> Health:
    """Return the same health, asked so many seconds later than it would be."""
    return replace(health, due=health.due + seconds)
