"""The router's configuration: what is fed to it is read once, and nothing is taken in of a call with a bad file."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.supervision.configuration import Configuration
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.values.errors import ConfigurationError
from supervisor.values.intake import Taken
from tests.fakes.folders import digest
from tests.fakes.stepped import NamedConfigurations
from tests.unit.loop.ailments import ISOLATED, Ward, ward
from tests.unit.loop.loop_samples import CONFIGURATIONS


class CountedIntake(NamedConfigurations):
    """Counts the files that it reads."""

    def __init__(self) -> None:
        super().__init__(CONFIGURATIONS)
        self.read: list[str] = []

    def take(self, kept: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        self.read += [name for name, _ in files]
        return super().take(kept, files)


def made(patient: Ward, intake: CountedIntake) -> Configuration:
    world, closing = patient.router.life.world, threading.Event()
    audit_log = AuditLog(world.store, world.clock)
    return Configuration(world, intake, digest, StartupTasks(closing), dict, audit_log)


def test_files_of_a_call_are_read_once() -> None:
    with ward(ISOLATED) as patient:
        intake = CountedIntake()
        application = made(patient, intake).take((("instance", b""), ("reload", b"")))
        assert intake.read == ["instance", "reload"]
        assert application.after == CONFIGURATIONS["reload"]


def test_nothing_is_taken_in_with_a_bad_file() -> None:
    with ward(ISOLATED) as patient:
        before = patient.machine.store.configuration()
        configuration = made(patient, CountedIntake())
        with pytest.raises(ConfigurationError, match="bad: nobody knows it"):
            configuration.take((("instance", b""), ("bad", b"")))
        assert (patient.machine.store.configuration(), configuration.router) == (before, None)


def test_configurations_are_counted_and_the_newest_is_given() -> None:
    with ward(ISOLATED) as patient:
        configuration = made(patient, CountedIntake())
        numbers = [configuration.take(((name, b""),)).number for name in ("instance", "reload")]
        assert numbers == [1, 2]
        assert configuration.router == CONFIGURATIONS["reload"]
