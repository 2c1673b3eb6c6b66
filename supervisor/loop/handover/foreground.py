"""The hand-overs of one service that are under way: one, and perhaps one that soaks beside it."""

from __future__ import annotations

from supervisor.decisions.handover import leaves_active_alone, verdict
from supervisor.decisions.overtaking import is_about_version, is_soaking
from supervisor.loop.handover.executor import carry_on, revert
from supervisor.loop.handover.overtaking import note_configuration, pass_on
from supervisor.loop.handover.run import HandoverRun, Listener
from supervisor.values.handover import Direction, Kind, Mode, Outcome, Step

ROLLED_BACK = "rolled back by the operator"


class Foreground:
    """The hand-over of one service that is under way, and the one that soaks beside it, if any.

    Lives on the worker's thread; `run` is read by others and replaced whole.
    """

    def __init__(self) -> None:
        self.run: HandoverRun | None = None
        self.overtaken: HandoverRun | None = None  # it soaks beside `run`

    @property
    def soaks(self) -> bool:
        """True if the newest hand-over soaks."""
        return self.run is not None and self.run.step is Step.SOAK

    @property
    def soaks_configuration(self) -> bool:
        """True if a configuration soaks: it is taken for good as soon as something else is asked for."""
        return self.run is not None and self.soaks and not is_about_version(self.run.handover)

    @property
    def is_configuring(self) -> bool:
        """True while a configuration is on its way to clients: clearing away former generations can wait."""
        run = self.run
        if run is None or run.handover.kind is not Kind.CONFIGURE or run.handover.direction is Direction.UNDO:
            return False
        return run.step is not Step.SOAK

    @property
    def leaves_active_alone(self) -> bool:
        """True while the keeper must not touch the active instance: see `decisions.handover`."""
        return self.run is not None and leaves_active_alone(self.run.handover)

    def begin(self, run: HandoverRun) -> None:
        """Put a hand-over in place of none, or beside the one that soaks."""
        self.overtaken, self.run = self.run, run

    def pass_on(self) -> HandoverRun | None:
        """Record that a configuration has proved itself beside a soak. Return the hand-over that this has decided."""
        soaking, newer = self.overtaken, self.run
        if soaking is None or newer is None or newer.step is not Step.SOAK:
            return None
        pass_on(soaking, newer)
        return soaking if soaking.is_background else None

    def end(self) -> None:
        """Drop the hand-over that has ended: one that soaks beside it goes on, or back if that was asked for meanwhile.

        Raises StateError: nothing is dropped, and this may be repeated.
        """
        ended, soaking = self.run, self.overtaken
        if soaking is not None and ended is not None:
            if ended.handover.mode is Mode.RELOAD and verdict(ended.handover) is Outcome.SUCCEEDED:
                note_configuration(soaking, ended.router)
            if soaking.is_wanted_back and is_soaking(soaking.handover):
                revert(soaking, ROLLED_BACK)
        self.run, self.overtaken = soaking, None

    def end_soak(self) -> HandoverRun | None:
        """End the soak of a configuration, since something else is asked for. Return the hand-over if it is decided."""
        run = self.run
        if run is not None and self.soaks_configuration:
            run.is_confirmed = True
            while is_soaking(run.handover):
                carry_on(run)
        return run if run is not None and run.is_background else None

    def want_back(self, listener: Listener) -> bool:
        """Note that the version that soaks is to give way after the hand-over beside it. False: none soaks so."""
        if self.overtaken is None or not is_about_version(self.overtaken.handover):
            return False
        self.overtaken.is_wanted_back = True
        self.overtaken.listeners.append(listener)
        return True
