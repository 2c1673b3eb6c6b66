"""The configuration is read anew when releases come, and given to nobody when it means what it meant."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from supervisor.loop.supervision.configuration import Configuration
from supervisor.values.errors import Fault
from supervisor.values.intake import Taken
from supervisor.values.router import RouterConfig
from tests.unit.loop.ailments import ward
from tests.unit.loop.loop_samples import SERVICES, release


class Strict:
    """An intake that leaves a part out as soon as it is told to."""

    def __init__(self) -> None:
        self.faults: tuple[Fault, ...] = ()

    def take(self, stored: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        return Taken(stored or "", tuple(name for name, _ in files), ())

    def interpret(self, stored: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        return RouterConfig(name=stored or ""), self.faults

    def forget(self, stored: str | None, spent: Collection[str]) -> str | None:
        return None


def test_a_release_that_bounds_more_makes_faults_of_parts_that_were_taken_in() -> None:
    with ward(SERVICES[0]) as patient:
        parts, intake, store = patient.router.life.supervision._parts, Strict(), patient.machine.store
        configuration = Configuration(parts.world, intake, lambda _: "", parts.startup.tasks, dict, parts.audit_log)
        configuration.read_anew()
        assert configuration.router is None, "nothing was read at boot yet"
        configuration.boot(())
        known = configuration.router
        store.save_release(*release("8.0", SERVICES[0]))
        configuration.read_anew()
        assert configuration.router is known, "it means what it meant"
        intake.faults = (Fault("loadbalancer", "too much"),)
        configuration.read_anew()
        assert not configuration.faults, "no release came or went"
        store.save_release(*release("9.0", SERVICES[0]))
        configuration.read_anew()
        assert configuration.faults == intake.faults
