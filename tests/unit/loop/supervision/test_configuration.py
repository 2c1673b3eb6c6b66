"""The router's configuration: a call's files are read once, and stored ones anew when releases come or go."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from supervisor.edges.store.schema import KEPT_COMMANDS
from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.supervision.configuration import Configuration
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.values.errors import ConfigurationError, Fault
from supervisor.values.intake import Taken
from supervisor.values.router import RouterConfig
from tests.kit.fakes.folders import digest
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import CONFIGURATIONS, SERVICES, release
from tests.kit.simulation.scenarios import ALL, prepared
from tests.kit.simulation.service import ISOLATED, SimulatedService, simulated_service
from tests.kit.simulation.supervisor import NamedConfigurations


class CountedIntake(NamedConfigurations):
    """Counts the files that it reads."""

    def __init__(self) -> None:
        super().__init__(CONFIGURATIONS)
        self.read: list[str] = []

    def take(self, kept: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        self.read += [name for name, _ in files]
        return super().take(kept, files)


def made(subject: SimulatedService, intake: CountedIntake) -> Configuration:
    world, closing = subject.router.supervisor.world, threading.Event()
    audit_log = AuditLog(world.store, world.clock)
    return Configuration(world, intake, digest, StartupTasks(closing), dict, audit_log)


def test_files_of_a_call_are_read_once() -> None:
    with simulated_service(ISOLATED) as subject:
        intake = CountedIntake()
        application = made(subject, intake).take((("instance", b""), ("reload", b"")))
        assert intake.read == ["instance", "reload"]
        assert application.after == CONFIGURATIONS["reload"]


def test_nothing_is_taken_in_with_a_bad_file() -> None:
    with simulated_service(ISOLATED) as subject:
        before = subject.machine.store.configuration()
        configuration = made(subject, CountedIntake())
        with pytest.raises(ConfigurationError, match="bad: nobody knows it"):
            configuration.take((("instance", b""), ("bad", b"")))
        assert (subject.machine.store.configuration(), configuration.router) == (before, None)


def test_configurations_are_counted_and_the_newest_is_given() -> None:
    with simulated_service(ISOLATED) as subject:
        configuration = made(subject, CountedIntake())
        numbers = [configuration.take(((name, b""),)).number for name in ("instance", "reload")]
        assert numbers == [1, 2]
        assert configuration.router == CONFIGURATIONS["reload"]


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
    with simulated_service(SERVICES[0]) as subject:
        parts, intake, store = subject.router.supervisor.supervision._parts, Strict(), subject.machine.store
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


def test_commands_of_the_boot_folder_stay_known_however_many_others_come() -> None:
    boot = (("plain", b"there at boot"),)
    with prepared(ALL[0]) as router:
        supervision, store = router.supervisor.supervision, router.machine.store
        supervision._parts.configuration.take_boot_commands(boot)
        for number in range(2):
            files = tuple(("plain", b"%d %d" % (number, at)) for at in range(KEPT_COMMANDS - 1))
            list(supervision.apply_config(files, wait=False))
        assert len(store.taken_commands()) == KEPT_COMMANDS
        assert supervision._parts.configuration.identity(*boot[0]) in store.taken_commands()


def test_a_boot_command_whose_name_is_not_utf8_does_not_end_the_start(tmp_path: Path) -> None:
    router = SimulatedRouter(tmp_path)
    router.boot()
    router.supervisor.supervision.start((), [("vm\udcff.json", b"one"), ("plain", b"two")])
    assert len(router.machine.store.taken_commands()) == 2
