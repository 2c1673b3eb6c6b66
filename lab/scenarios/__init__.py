"""Runs that bring clients and a change of the router together: `run` carries one out, `report` is its result.

Which clients load a service, and what they may lose, is in `lab.services`. The demo, the benchmarks and the integration
tests all read the same values.
"""

from lab.facts import await_quiet
from lab.scenarios.report import Report, Seen
from lab.scenarios.run import Begin, follow, hand_over_under_load, loads_of, migrate, under_load
from lab.service import Check, Load, Loss

__all__ = [
    "Begin",
    "Check",
    "Load",
    "Loss",
    "Report",
    "Seen",
    "await_quiet",
    "follow",
    "hand_over_under_load",
    "loads_of",
    "migrate",
    "under_load",
]
