"""Decides how an undertaking of a service stands after a look at it, and when the daemon is to be called for it.

A call is made only for parts that are missing while nobody negotiates them, and not before they were missing for a
moment: the other end, or the daemon itself, may be about to. Calls that bring nothing follow each other ever more
slowly, and an undertaking that does not stay up is no success. With too many associations there is no call at all: it
would make one more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from supervisor.values.undertaking import ResolvedUndertaking, Sighting, UndertakingState

LOOK_AGAIN_SECONDS = 1.0  # while it is not up
CLOSE_SECONDS = 20.0  # so long it is looked at often after its configuration was changed
QUIET_SECONDS = 1.0  # missing, and nobody negotiates
BRIEF_SECONDS = 10.0  # up for less: it was not up in between
COUNTED_SECONDS = 60.0  # so long new associations are counted
STABLE_SECONDS = 60.0  # up this long: the pauses begin anew with the next failure
JITTER = 0.2  # so that two ends that both call do not do so together


@dataclass(frozen=True, slots=True)
class Course:
    """The course of one undertaking. Times are monotonic seconds; `Course(now, now)` is one not looked at yet."""

    since: float  # up, or not up
    due: float  # the next look
    state: UndertakingState = UndertakingState.UNKNOWN
    message: str = ""
    calls: int = 0
    attempt: int = 0  # calls since it was last stable, or since its configuration was changed
    called: float | None = None
    until: float = 0.0  # no call before
    missed: float | None = None  # since when looks say that it is not up
    quiet: float | None = None  # since when it is missing and nobody negotiates
    trying: float | None = None  # since when somebody negotiates
    attempts: tuple[str, ...] = ()  # which were under way at the last look
    outdated: frozenset[str] = frozenset()  # which negotiate a configuration that is no more
    is_changed: bool = False  # since the last look
    associations: int = 0
    newest: str = ""
    made: tuple[float, ...] = ()  # looks that found new associations, of the last `COUNTED_SECONDS`
    lost: float | None = None  # since when it was not up, before it was for a moment
    is_crowded: bool = False
    watched_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """An order to the daemon: to give up the attempts `ended`, and then to bring `missing` about."""

    missing: tuple[str, ...]
    ended: tuple[str, ...]


def changed(course: Course, undertaking: ResolvedUndertaking, now: float) -> Course:
    """Record that its configuration or its daemon is another one now: findings about the former do not count.

    The next call waits for `pause` at most. Attempts that negotiate the former configuration never succeed: those that
    the next look finds under way may be such, and are given up unless they have ended by the time of a call.
    """
    is_up = course.state is UndertakingState.UP
    return replace(
        course,
        state=course.state if is_up or course.state is UndertakingState.UNKNOWN else UndertakingState.CONNECTING,
        since=course.since if is_up else now,
        due=now,
        attempt=0,
        until=now if course.called is None else min(course.until, course.called + undertaking.pause),
        missed=None,
        quiet=None,
        trying=None,
        is_changed=True,
        newest="",
        made=(),
        lost=None,
        watched_until=now + CLOSE_SECONDS,
    )


def see(
    course: Course, undertaking: ResolvedUndertaking, sighting: Sighting, now: float, jitter: float
) -> tuple[Course, Call | None]:
    """Return the course after a look, and the call that is due; `jitter` is a random number in [0, 1)."""
    made = tuple(time for time in course.made if now - time < COUNTED_SECONDS)
    if sighting.newest and course.newest and sighting.newest != course.newest:
        made = (*made, now)
    crowd = _crowd(sighting.associations, len(made), undertaking.most * max(1, sighting.parts))
    seen = replace(
        course,
        message="; ".join(filter(None, (sighting.message, crowd))),
        newest=sighting.newest or course.newest,
        made=made,
        attempts=sighting.attempts,
        outdated=frozenset(sighting.attempts).intersection(sighting.attempts if course.is_changed else course.outdated),
        is_changed=False,
        associations=sighting.associations,
        is_crowded=bool(crowd),
    )
    if sighting.is_up:
        return _up(seen, undertaking, sighting, now), None
    missed = _missed(seen, undertaking, sighting, now)
    return (
        _called(missed, undertaking, sighting, now, jitter) if _may_call(missed, undertaking, now) else (missed, None)
    )


def _crowd(present: int, made: int, limit: int) -> str:
    """Name associations that are too many: more than both ends of a tunnel need, at once or one after the other."""
    if present > limit:
        return f"too many associations: {present}, at most {limit} are expected"
    if made > limit:
        return f"too many associations: new ones at {made} looks within {COUNTED_SECONDS:g} s"
    return ""


def unseen(course: Course, now: float) -> Course:
    """Record that the daemon could not be asked: nothing was learnt, and it is asked again soon."""
    return replace(course, due=now + LOOK_AGAIN_SECONDS)


def _up(course: Course, undertaking: ResolvedUndertaking, sighting: Sighting, now: float) -> Course:
    since = course.since if course.state is UndertakingState.UP else now
    if course.state is UndertakingState.UNKNOWN and sighting.age is not None:  # somebody else brought it up
        since = now - sighting.age
    is_news = course.state not in (UndertakingState.UP, UndertakingState.UNKNOWN)
    return replace(
        course,
        lost=course.since if is_news else course.lost,
        state=UndertakingState.UP,
        since=since,
        due=now + (LOOK_AGAIN_SECONDS if now < course.watched_until else undertaking.interval),
        attempt=0 if now - since >= STABLE_SECONDS else course.attempt,
        missed=None,
        quiet=None,
        trying=None,
    )


def _missed(course: Course, undertaking: ResolvedUndertaking, sighting: Sighting, now: float) -> Course:
    """Return the course of an undertaking that is not up.

    Some are never called for: those stay as they were until their patience ends.
    """
    was_up = course.state is UndertakingState.UP
    missed = now if course.missed is None else course.missed
    since = missed if was_up or course.state is UndertakingState.UNKNOWN else course.since
    if was_up and course.lost is not None and missed - course.since < BRIEF_SECONDS:
        since = course.lost
    is_trying = sighting.is_busy or not course.outdated.issuperset(sighting.attempts)
    after = replace(
        course,
        due=now + LOOK_AGAIN_SECONDS,
        missed=missed,
        trying=(now if course.trying is None else course.trying) if is_trying else None,
        quiet=None if is_trying else (now if course.quiet is None else course.quiet),
    )
    if was_up and now - course.since >= STABLE_SECONDS:
        after = replace(after, attempt=0, until=now)
    if undertaking.call is None:
        if now - missed < undertaking.patience:
            return after
        return replace(after, state=UndertakingState.DOWN, since=since, due=now + undertaking.interval)
    if course.is_crowded:
        return replace(after, state=UndertakingState.PAUSED, since=since)
    is_down = now - since >= undertaking.patience
    return replace(after, state=UndertakingState.DOWN if is_down else UndertakingState.CONNECTING, since=since)


def _may_call(course: Course, undertaking: ResolvedUndertaking, now: float) -> bool:
    if undertaking.call is None or course.is_crowded or now < course.until:
        return False
    if course.trying is not None:  # one that goes on for ever is given up: it may have begun with a former key
        return now - course.trying >= undertaking.longest
    return course.quiet is not None and now - course.quiet >= QUIET_SECONDS


def _called(
    course: Course, undertaking: ResolvedUndertaking, sighting: Sighting, now: float, jitter: float
) -> tuple[Course, Call]:
    pause = min(undertaking.pause * 2.0 ** min(course.attempt, 16), undertaking.longest)
    after = replace(
        course,
        calls=course.calls + 1,
        attempt=course.attempt + 1,
        called=now,
        until=now + pause * (1 - JITTER + 2 * JITTER * jitter),
        outdated=frozenset(sighting.attempts),
        quiet=None,
        trying=None,
    )
    return after, Call(sighting.missing, sighting.attempts)
