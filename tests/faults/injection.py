"""Named faults, armed from outside by one file that the daemon under test reads whenever it reaches a fault point."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from lab.services import SERVICES
from supervisor.loop.fault_points import Moment
from supervisor.values.errors import EngineError
from supervisor.values.handover import Step
from supervisor.values.names import ServiceName

HANG_SECONDS = 3.0
Name = TypeVar("Name", bound=StrEnum)


class Effect(StrEnum):
    """What happens to the supervisor at a fault point."""

    KILL = "kill"  # the supervisor, by SIGKILL: no handler, no clean-up
    ERROR = "error"  # the step fails as the engine's calls do
    BUG = "bug"  # the step fails as nothing should
    HANG = "hang"  # the step takes `HANG_SECONDS` longer


@dataclass(frozen=True, slots=True)
class Fault:
    """An effect that comes once, when a service reaches a point of a hand-over: `dnsmasq/cut-over/before/kill`."""

    service: str
    step: Step
    moment: Moment
    effect: Effect = Effect.KILL

    def __str__(self) -> str:
        return "/".join((self.service, self.step, self.moment, self.effect))

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `service/step/moment[/effect]`.

        Raises ValueError: when a part is unknown; the text names what is known.
        """
        parts = text.split("/")
        if len(parts) not in (3, 4):
            raise ValueError(f"fault {text!r} is not service/step/moment[/effect]")
        if parts[0] not in SERVICES:
            raise ValueError(f"fault {text!r}: {parts[0]!r} is no service; known are {', '.join(SERVICES)}")
        step, moment = _one_of(Step, parts[1], text), _one_of(Moment, parts[2], text)
        effect = _one_of(Effect, parts[3], text) if len(parts) == 4 else Effect.KILL
        return cls(parts[0], step, moment, effect)


class FaultInjector:
    """Satisfies `FaultPoints`: carries out the fault that the file names, once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def reach(self, service: ServiceName, step: Step, moment: Moment) -> None:
        try:
            fault = Fault.parse(self._file.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return
        if (fault.service, fault.step, fault.moment) != (service, step, moment):
            return
        self._file.unlink()
        match fault.effect:
            case Effect.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Effect.ERROR:
                raise EngineError(f"cannot go on: fault {fault}")
            case Effect.BUG:
                raise RuntimeError(f"fault {fault}")
            case Effect.HANG:
                time.sleep(HANG_SECONDS)


def arm(file: Path, fault: Fault) -> None:
    """Write the fault into the file that the injector reads; one that was armed before is replaced."""
    partial = file.with_suffix(".partial")
    partial.write_text(str(fault), encoding="utf-8")
    partial.replace(file)


def _one_of(kind: type[Name], word: str, text: str) -> Name:
    try:
        return kind(word)
    except ValueError:
        known = ", ".join(kind)
        raise ValueError(f"fault {text!r}: {word!r} is no {kind.__name__.lower()}; known are {known}") from None
