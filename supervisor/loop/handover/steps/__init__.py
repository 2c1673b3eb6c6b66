"""The steps of a hand-over, each beside the step that undoes it.

READY is in `loop/handover/readiness.py` and SYNC in `loop/handover/state_transfer.py`, which other steps use, too.

A step takes the run and returns None when it is complete, or `Wait` when it is to be repeated: every step waits for a
named event with a deadline, and may be repeated safely after any part of it.

Raises SupervisorError: when the step cannot be completed; the hand-over then turns round, or repeats an undo step.
"""
