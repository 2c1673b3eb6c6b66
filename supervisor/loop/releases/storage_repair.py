"""Repairs the engine's storage: images that are missing are loaded again, a damaged storage is replaced by a new one.

The storage is examined at every start, and whenever the loop reports damage (`DamageReports`): the engine refused
something, or what it started ended at once. Images come from the media that their releases were imported from, or from
any other that is attached, and are verified as always. A storage is given up only if all images that the services need
can be loaded again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from supervisor.decisions.retries import DAMAGE_CONFIRMATION, Policy, retry
from supervisor.loop.releases.library import Library
from supervisor.loop.world import World
from supervisor.values.errors import EngineUnavailableError, SupervisorError
from supervisor.values.listing import listed

log = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0  # between two looks
THOROUGH_SECONDS = 300.0  # between two that read every image
AGAIN_SECONDS = 30.0  # while something is known to be missing
CLOSE_SECONDS = 3.0


class StorageRepair:
    """Repairs the engine's storage.

    It has a thread of its own; `message` names damage that cannot be repaired yet, and is empty otherwise.

    `media` returns the paths of attached media; `record` writes an event to the audit log.
    """

    def __init__(
        self,
        world: World,
        library: Library,
        media: Callable[[], Sequence[str]],
        record: Callable[[str, str, str], None],
        closing: threading.Event,
        confirmation: Policy = DAMAGE_CONFIRMATION,
    ) -> None:
        self._world, self._library, self._media, self._record = world, library, media, record
        self._closing, self._confirmation = closing, confirmation
        self._read_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="mending", daemon=True)
        self.message = ""

    def start(self) -> None:
        """Examine the storage on a thread from now on."""
        self._thread.start()

    def close(self) -> None:
        """End the repair where it is: a load that is broken off is begun anew by the next supervisor."""
        self._world.shared.damage_reports.note("the supervisor ends")
        if self._thread.ident is not None:
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        is_doubtful = False
        while not self._closing.is_set():
            self._guarded(is_thorough=is_doubtful)
            self._closing.wait(PAUSE_SECONDS)
            is_doubtful = self._world.shared.damage_reports.wait(AGAIN_SECONDS if self.message else 3600.0) or bool(
                self.message
            )

    def _guarded(self, *, is_thorough: bool) -> None:
        try:
            self.look(is_thorough=is_thorough)
        except EngineUnavailableError as error:  # the workers start it again
            self._world.shared.damage_reports.note(str(error))
        except SupervisorError as error:
            self._report(str(error))
        except Exception:
            log.exception("unexpected failure", extra={"part": "mending"})

    def look(self, *, is_thorough: bool) -> None:
        """Examine the storage once, and repair it; `is_thorough`: images are read, unless that was done a moment ago.

        May be repeated. Raises EngineError, StateError: when it could not be examined, or not be repaired.
        """
        now = self._world.clock.monotonic()
        reads = is_thorough and now - self._read_at >= THOROUGH_SECONDS
        damage = retry(
            self._confirmation,
            lambda: self._world.engine.damage(is_thorough=reads),
            until=lambda seen: not seen,
            sleep=self._pause,
        )
        self._read_at = now if reads else self._read_at
        if damage and not self._replace_storage(damage):
            return
        if is_thorough and not reads and not damage:  # the images were read a moment ago: once more in a while
            self._world.shared.damage_reports.note(self._world.shared.damage_reports.reason)
        missing = self._library.refill(self._media())
        for text in missing.loaded:
            self._record("", "image-loaded-again", text)
        if missing.loaded:
            self._world.shared.damage_reports.mended += 1
        self._report(listed(missing.failed))

    def _pause(self, seconds: float) -> None:
        """Wait; when the supervisor ends the second look comes at once, for one look alone decides nothing."""
        self._closing.wait(seconds)

    def _replace_storage(self, damage: str) -> bool:
        """Make a new storage if all images that are needed can be loaded into it; return whether there is one."""
        lacking = self._library.unavailable(self._media())
        if lacking:
            self._report(f"the engine's storage is damaged ({damage}) and {lacking}; attach the medium of that release")
            return False
        self._world.engine.renew_storage()
        log.warning("engine storage replaced", extra={"reason": damage})
        self._record("", "engine-storage-replaced", f"the engine's storage was damaged and is made anew: {damage}")
        return True

    def _report(self, message: str) -> None:
        """Publish what cannot be repaired yet, if anything, and record it when it changes."""
        if message and message != self.message:
            log.error("not mended", extra={"reason": message})
            self._record("", "not-mended", message)
        self.message = message
