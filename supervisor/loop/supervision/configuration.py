"""The router's configuration: files are taken in, recorded, interpreted and given to every worker, call by call."""

from __future__ import annotations

import difflib
import json
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from supervisor.decisions.show import show
from supervisor.decisions.status import ServiceSnapshot
from supervisor.loop.service.worker import Worker
from supervisor.loop.supervision.application import Application, ApplicationWatch
from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.supervision.jobs import detached
from supervisor.loop.supervision.lost_configuration import is_awaited
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.loop.world import World
from supervisor.ports.intake import Intake
from supervisor.ports.store import Releases
from supervisor.values.errors import ConfigurationError, Fault, StateError
from supervisor.values.intake import Taken, identifying
from supervisor.values.listing import listed
from supervisor.values.names import Digest, ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress

log = logging.getLogger(__name__)

MOST_POSTPONED_BYTES = 64 << 20

Files = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The meaning of the stored configuration, beside the definitions that were imported when it was read."""

    number: int = 0  # of this reading, since the supervisor's start
    router: RouterConfig | None = None
    faults: tuple[Fault, ...] = ()
    definitions: frozenset[Digest] = frozenset()


class Configuration:
    """Takes in the router's configuration and gives it to the workers.

    May be used from any thread. `workers` returns those that are employed.
    """

    def __init__(
        self,
        world: World,
        intake: Intake,
        digest: Callable[[bytes], str],
        startup_tasks: StartupTasks,
        workers: Callable[[], Mapping[ServiceName, Worker]],
        audit_log: AuditLog,
    ) -> None:
        self._world, self._intake, self._digest, self._startup_tasks = world, intake, digest, startup_tasks
        self._workers, self._audit_log = workers, audit_log
        self._lock = threading.Lock()
        self._key = os.urandom(16)  # of this process only: what it hides is compared within one life
        self._boot_commands: tuple[str, ...] = ()  # identities of those that were there at boot and are taken in
        self._postponed: Files = ()  # files that could not be recorded yet
        self._reading = Reading()

    @property
    def router(self) -> RouterConfig | None:
        """The configuration of now; None before it was read."""
        return self._reading.router

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in the configuration of now: parts of it that are left out."""
        return self._reading.faults

    @property
    def known(self) -> RouterConfig:
        """The configuration of now; an empty one before the first file."""
        return self.router or RouterConfig()

    def unchanging(self) -> AbstractContextManager[object]:
        """Keep others from changing the configuration inside the block: a worker employed there has the newest."""
        return self._lock

    def give(self, worker: Worker) -> None:
        """Give a worker the configuration of now, if there is one."""
        reading = self._reading
        if reading.router is not None:
            worker.configure(reading.router, reading.number)

    # ------------------------------------------------------------ at boot

    def boot(self, commands: Sequence[tuple[str, bytes]]) -> None:
        """Take in the command files of the boot folder that are new, and read what was recorded before.

        Raises StateError: the new ones are not recorded; what was recorded before is read all the same.
        """
        with self._lock:
            try:
                self.take_boot_commands(commands)
            finally:
                self._read()  # at least what is stored

    def take_boot_commands(self, commands: Sequence[tuple[str, bytes]]) -> None:
        """Record command files of the boot folder, but for those that were taken in before.

        A password that was used must not be offered again.
        """
        store, there = self._world.store, {self.identity(*command): command for command in commands}
        self._boot_commands = tuple(there.keys() & store.taken_commands())
        if fresh := [command for identity, command in there.items() if identity not in self._boot_commands]:
            taken = self._intake.take(store.configuration(), fresh)
            self._record(taken, fresh)
            for note in taken.notes:
                self._audit_log.record("", "configuration passed over", note)
            self._boot_commands = tuple(there.keys() & store.taken_commands())

    # ------------------------------------------------------------ a call

    def show(self) -> dict[str, object]:
        """Return the configuration as JSON can say it, secrets hidden."""
        return show(self.known, self._key)

    def diff(self, files: Files) -> str:
        """Return what taking in these files would change, as unified text; empty: nothing.

        Raises ConfigurationError: a file is bad.
        """
        after, _ = self._intake.interpret(self._merge(files).stored)
        before = json.dumps(self.show(), indent=2).splitlines()
        wanted = json.dumps(show(after, self._key), indent=2).splitlines()
        return "\n".join(difflib.unified_diff(before, wanted, "configured", "with these files", lineterm=""))

    def apply(self, files: Files, seconds: float | None, closing: threading.Event) -> Iterator[Progress]:
        """Take in files and follow what becomes of them for so many seconds; None: return what is decided at once.

        Raises ConfigurationError: a file is bad, and none is taken in.
        """
        try:
            application = self.take(files)
        except StateError as error:
            return iter([self._postpone(files, error)])

        def snapshots() -> Mapping[ServiceName, ServiceSnapshot]:
            return {name: worker.snapshot for name, worker in self._workers().items()}

        watching = ApplicationWatch(self._world, self._intake, self._audit_log, snapshots, application)
        return watching.accepted() if seconds is None else detached(watching.follow(seconds, closing.is_set))

    def take(self, files: Files) -> Application:
        """Record files, and those that could not be recorded before them, and give every worker what they mean.

        Raises ConfigurationError: one of `files` is bad. Raises StateError: they cannot be recorded.
        """
        with self._lock:
            bags, before, faults = self._world.store.configuration(), self.known, self.faults
            taken = self._merge(files)
            if self._postponed:  # what is bad of these is refused by itself: see `_record`
                files = (*self._postponed, *files)
                taken = self._intake.take(bags, files)
            self._record(taken, files)
            self._postponed = ()
            self._read()
            return Application(self._reading.number, taken.files, files, bags, before, self.known, faults, self.faults)

    def take_postponed(self) -> None:
        """Record what could not be recorded before. Raises StateError: it still cannot."""
        if count := len(self._postponed):
            self.take(())
            self._audit_log.record("", "configuration kept", f"{count} files that could not be recorded before")

    def _postpone(self, files: Files, error: StateError) -> Progress:
        """Put off files that could not be recorded: that is tried again as long as this process lives."""
        with self._lock:
            postponed = (*self._postponed, *files)
            is_kept = sum(len(content) for _, content in postponed) <= MOST_POSTPONED_BYTES
            self._postponed = postponed if is_kept else self._postponed
        later = "; they are taken in as soon as they can be" if is_kept else ""
        text = f"{len(files)} files refused: {error}{later}"
        self._startup_tasks.do("files that could not be recorded", self.take_postponed)
        return Progress("", "refused", text, fraction=1.0, is_final=True, error=text)

    def forget(self, spent: Collection[str]) -> None:
        """Take what a service has used up out of the configuration, and out of the store. May be repeated."""
        with self._lock:
            left = self._intake.forget(self._world.store.configuration(), spent)
            if left is not None:
                self._world.store.save_configuration(left, ())
                self._read()

    # ------------------------------------------------------------ parts

    def _record(self, taken: Taken, files: Sequence[tuple[str, bytes]]) -> None:
        """Store the configuration with these files merged into it. Raises StateError: nothing is stored."""
        accepted = set(taken.accepted)
        identities = [self.identity(name, content) for name, content in files if name in accepted]
        self._world.store.save_configuration(taken.stored, (*self._boot_commands, *identities))
        for fault in taken.refused:
            log.error("command refused", extra={"file": fault.path, "reason": fault.problem})
            self._audit_log.record("", "command-refused", str(fault))

    def identity(self, name: str, content: bytes) -> str:
        """Return the identity of a command file: another content is another identity."""
        return self._digest(identifying(name, content))

    def read_anew(self) -> None:
        """Read the stored configuration once more if releases came or went: they have bounds of their own for it.

        May be repeated. Raises StateError.
        """
        with self._lock:
            definitions = _imported(self._world.store)
            if self.router is None or self._reading.definitions == definitions:
                return
            if self._intake.interpret(self._world.store.configuration()) == (self.router, self.faults):
                self._reading = replace(self._reading, definitions=definitions)
            else:
                self._read()

    def _read(self) -> None:
        stored = self._world.store.configuration()
        if stored is None:
            return
        definitions = _imported(self._world.store)
        router, faults = self._intake.interpret(stored)
        if is_awaited(self._world, router, self._audit_log):
            return
        self._reading = Reading(self._reading.number + 1, router, faults, definitions)
        self._world.switchboard.fairness.know(router)
        for fault in faults:
            log.error("configuration refused", extra={"reason": str(fault)})
        for worker in self._workers().values():
            self.give(worker)

    def _merge(self, files: Files) -> Taken:
        """Merge files into the stored configuration, without storing that. Raises ConfigurationError: one is bad."""
        taken = self._intake.take(self._world.store.configuration(), files)
        if taken.refused:
            raise ConfigurationError(f"cannot take in configuration: {listed(taken.refused)}")
        return taken


def _imported(releases: Releases) -> frozenset[Digest]:
    return frozenset(version.definition for release in releases.releases() for _, version in release.services)
