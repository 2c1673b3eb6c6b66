"""Which clients load a service while it is handed over, what they may lose, and the run that brings both together.

`loads` is the table, `run` carries it out on a running lab, `report` says what came of it. The demo, the benchmarks and
the integration tests all read the same table.
"""

from lab.scenarios.loads import SERVICES, Load, Loss, loads_of
from lab.scenarios.report import Check, Report, Seen
from lab.scenarios.run import Begin, await_quiet, follow, hand_over_under_load, migrate, under_load

__all__ = [
    "SERVICES",
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
