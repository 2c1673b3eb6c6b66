"""The router's configuration: files are taken in, recorded, interpreted and given to every worker, call by call."""

from __future__ import annotations

import difflib
import json
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from supervisor.decisions.show import show
from supervisor.loop.service.worker import Worker
from supervisor.loop.supervision.application import Application, ApplicationWatch
from supervisor.loop.supervision.detached import detached
from supervisor.loop.supervision.startup import is_awaited
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.loop.world import World
from supervisor.ports.intake import Intake
from supervisor.values.errors import ConfigurationError, Fault, StateError
from supervisor.values.intake import Taken
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress

log = logging.getLogger(__name__)

MOST_POSTPONED_BYTES = 64 << 20

Files = tuple[tuple[str, bytes], ...]


class Configuration:
    """Used from any thread. `workers` returns those that are employed; `log_event` records (service, name, message)."""

    def __init__(
        self,
        world: World,
        intake: Intake,
        digest: Callable[[bytes], str],
        startup_tasks: StartupTasks,
        workers: Callable[[], Mapping[ServiceName, Worker]],
        log_event: Callable[[str, str, str], None],
    ) -> None:
        self._world, self._intake, self._digest, self._startup_tasks = world, intake, digest, startup_tasks
        self._workers, self._log_event = workers, log_event
        self._lock = threading.Lock()
        self._key = os.urandom(16)  # of this process only: what it hides is compared within one life
        self._boot_commands: tuple[str, ...] = ()  # identities of those that were there at boot and are taken in
        self._postponed: Files = ()  # files that could not be recorded yet
        self._number = 0  # of the configuration, since the start
        self.router: RouterConfig | None = None
        self.faults: tuple[Fault, ...] = ()  # in it

    @property
    def known(self) -> RouterConfig:
        """The configuration as it is now; empty before any file came."""
        return self.router or RouterConfig()

    def unchanging(self) -> AbstractContextManager[object]:
        """Inside nobody changes it: whoever is employed meanwhile has the newest."""
        return self._lock

    def give(self, worker: Worker) -> None:
        """Give a new worker the configuration that the others have."""
        if self.router is not None:
            worker.configure(self.router, self._number)

    # ------------------------------------------------------------ at boot

    def boot(self, commands: Sequence[tuple[str, bytes]]) -> None:
        """Take in the command files of the boot folder that are new, and read what was recorded before."""
        with self._lock:
            try:
                self.take_boot_commands(commands)
            finally:
                self._read()  # at least what was kept

    def take_boot_commands(self, commands: Sequence[tuple[str, bytes]]) -> None:
        """Files that were taken in before are passed over: a password that was used must not be offered again."""
        store, there = self._world.store, {self.identity(*command): command for command in commands}
        self._boot_commands = tuple(there.keys() & store.taken_commands())
        if fresh := [command for identity, command in there.items() if identity not in self._boot_commands]:
            for note in self._take(fresh).notes:
                self._log_event("", "configuration passed over", note)
            self._boot_commands = tuple(there.keys() & store.taken_commands())

    # ------------------------------------------------------------ a call

    def show(self) -> dict[str, object]:
        return show(self.known, self._key)

    def diff(self, files: Files) -> str:
        """Return what taking in these files would change, as unified text."""
        after, _ = self._intake.interpret(self._refuse_bad(files))
        before = json.dumps(self.show(), indent=2).splitlines()
        wanted = json.dumps(show(after, self._key), indent=2).splitlines()
        return "\n".join(difflib.unified_diff(before, wanted, "configured", "with these files", lineterm=""))

    def apply(self, files: Files, seconds: float | None, closing: threading.Event) -> Iterator[Progress]:
        """Take in files and follow what becomes of them for so many seconds; None: return what is decided at once."""
        try:
            application = self.take(files)
        except StateError as error:
            return iter([self._postpone(files, error)])
        watching = ApplicationWatch(self._world, self._intake, self._workers, application)
        return watching.accepted() if seconds is None else detached(watching.follow(seconds, closing.is_set))

    def take(self, files: Files) -> Application:
        """Record files, and those that could not be recorded before them, and give every worker what they mean."""
        with self._lock:
            self._refuse_bad(files)
            files = (*self._postponed, *files)  # what is bad of the former is refused by itself: see `_take`
            bags, before, faults = self._world.store.configuration(), self.known, self.faults
            taken = self._take(files)
            self._postponed = ()
            self._read()
            return Application(self._number, taken.files, files, bags, before, self.known, faults, self.faults)

    def take_postponed(self) -> None:
        """Record what could not be recorded before. StateError: it still cannot."""
        if count := len(self._postponed):
            self.take(())
            self._log_event("", "configuration kept", f"{count} files that could not be recorded before")

    def _postpone(self, files: Files, error: StateError) -> Progress:
        """Nothing was changed, since nothing could be recorded: that is tried again as long as this process lives."""
        with self._lock:
            postponed = (*self._postponed, *files)
            is_kept = sum(len(content) for _, content in postponed) <= MOST_POSTPONED_BYTES
            self._postponed = postponed if is_kept else self._postponed
        later = "; they are taken in as soon as they can be" if is_kept else ""
        text = f"{len(files)} files refused: {error}{later}"
        self._startup_tasks.do("files that could not be recorded", self.take_postponed)
        return Progress("", "refused", text, fraction=1.0, is_final=True, error=text)

    def forget(self, spent: Collection[str]) -> None:
        """Take what a service has used up out of the configuration, and out of the state file."""
        with self._lock:
            kept = self._intake.forget(self._world.store.configuration(), spent)
            if kept is not None:
                self._world.store.save_configuration(kept, ())
                self._read()

    # ------------------------------------------------------------ parts

    def _take(self, files: Sequence[tuple[str, bytes]]) -> Taken:
        taken = self._intake.take(self._world.store.configuration(), files)
        accepted = set(taken.accepted)
        identities = [self.identity(name, content) for name, content in files if name in accepted]
        self._world.store.save_configuration(taken.kept, (*self._boot_commands, *identities))
        for fault in taken.refused:
            log.error("command refused", extra={"file": fault.path, "reason": fault.problem})
            self._log_event("", "command-refused", str(fault))
        return taken

    def identity(self, name: str, content: bytes) -> str:
        """Return the identity of a command file: another content is another identity."""
        return self._digest(name.encode(errors="surrogateescape") + b"\0" + content)

    def read_anew(self) -> None:
        """Read the stored configuration once more: releases that came have bounds of their own for it."""
        with self._lock:
            stored = self._world.store.configuration()
            if self.router is not None and self._intake.interpret(stored) != (self.router, self.faults):
                self._read()

    def _read(self) -> None:
        kept = self._world.store.configuration()
        if kept is None:
            return
        router, faults = self._intake.interpret(kept)
        if is_awaited(self._world, router, self._log_event):
            return
        self.router, self.faults = router, faults
        self._number += 1
        for fault in self.faults:
            log.error("configuration refused", extra={"reason": str(fault)})
        for worker in self._workers().values():
            worker.configure(self.router, self._number)

    def _refuse_bad(self, files: Files) -> str:
        taken = self._intake.take(self._world.store.configuration(), files)
        if taken.refused:
            raise ConfigurationError("cannot take in configuration: " + "; ".join(str(one) for one in taken.refused))
        return taken.kept
