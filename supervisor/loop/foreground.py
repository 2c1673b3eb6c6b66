"""The hand-overs of one service that are under way: one, and perhaps one that soaks beside it."""

from __future__ import annotations

from supervisor.decisions.handover import leaves_active_alone, verdict
from supervisor.decisions.overtaking import is_about_version, is_soaking
from supervisor.loop.overtaking import note_configuration, pass_on
from supervisor.loop.walk import Listener, Walk
from supervisor.loop.walking import carry_on, revert
from supervisor.values.handover import Direction, Kind, Mode, Outcome, Step

ROLLED_BACK = "rolled back by the operator"


class Foreground:
    """Lives on the worker's thread; `walk` is read by others and replaced whole."""

    def __init__(self) -> None:
        self.walk: Walk | None = None
        self.overtaken: Walk | None = None  # it soaks beside `walk`

    @property
    def soaks(self) -> bool:
        return self.walk is not None and self.walk.step is Step.SOAK

    @property
    def soaks_configuration(self) -> bool:
        """True if what soaks is no version: it is good as soon as somebody asks for more."""
        return self.walk is not None and self.soaks and not is_about_version(self.walk.handover)

    @property
    def is_configuring(self) -> bool:
        """True while a configuration is on its way to clients: to clear away what they left can wait."""
        walk = self.walk
        if walk is None or walk.handover.kind is not Kind.CONFIGURE or walk.handover.direction is Direction.UNDO:
            return False
        return walk.step is not Step.SOAK

    @property
    def leaves_active_alone(self) -> bool:
        return self.walk is not None and leaves_active_alone(self.walk.handover)

    def begin(self, walk: Walk) -> None:
        """Put a hand-over in place of none, or beside the one that soaks."""
        self.overtaken, self.walk = self.walk, walk

    def pass_on(self) -> Walk | None:
        """Record that a configuration has proved itself beside a soak. Return the hand-over that this has decided."""
        soaking, newer = self.overtaken, self.walk
        if soaking is None or newer is None or newer.step is not Step.SOAK:
            return None
        pass_on(soaking, newer)
        return soaking if soaking.is_background else None

    def end(self) -> None:
        """Let go of what has ended: what soaks beside it goes on, or goes back if somebody asked for that meanwhile.

        StateError: nothing is let go, and this may be repeated.
        """
        ended, soaking = self.walk, self.overtaken
        if soaking is not None and ended is not None:
            if ended.handover.mode is Mode.RELOAD and verdict(ended.handover) is Outcome.SUCCEEDED:
                note_configuration(soaking, ended.router)
            if soaking.is_wanted_back and is_soaking(soaking.handover):
                revert(soaking, ROLLED_BACK)
        self.walk, self.overtaken = soaking, None

    def end_soak(self) -> Walk | None:
        """End the soak of a configuration, since somebody asks for more. Return the hand-over if it is decided."""
        walk = self.walk
        if walk is not None and self.soaks_configuration:
            walk.is_confirmed = True
            while is_soaking(walk.handover):
                carry_on(walk)
        return walk if walk is not None and walk.is_background else None

    def want_back(self, listener: Listener) -> bool:
        """Note that the version that soaks is to give way once the configuration beside it has ended. False: none."""
        if self.overtaken is None or not is_about_version(self.overtaken.handover):
            return False
        self.overtaken.is_wanted_back = True
        self.overtaken.listeners.append(listener)
        return True
