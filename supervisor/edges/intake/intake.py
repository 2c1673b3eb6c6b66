"""The intake of command files: parse, merge, interpret. It has no state of its own; its caller stores the bags."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Network

from supervisor.edges.intake.bags import Bags, bags_from_json, bags_to_json
from supervisor.edges.intake.cloudstack.owners import with_owners
from supervisor.edges.intake.cloudstack.passed_over import PASSED_OVER
from supervisor.edges.intake.cloudstack.password import without_spent
from supervisor.edges.intake.command import parse as parse_file
from supervisor.edges.intake.command import readable
from supervisor.edges.intake.family import Cards, Command
from supervisor.edges.intake.faults import Faults
from supervisor.edges.intake.registry import FAMILIES
from supervisor.values.bounds import NO_BOUNDS, Bounds
from supervisor.values.errors import ConfigurationError, Fault
from supervisor.values.intake import Taken, TakenFile
from supervisor.values.router import RouterConfig
from supervisor.values.settings import DEFAULT_POOL


class CloudStackIntake:
    """Satisfies `ports.intake.Intake`.

    `kernel` lists the network cards; without it cards are known from commands alone. `bounds` returns those of the
    services: a part that does not keep them is left out and named. `links` has the addresses of the services.
    """

    def __init__(
        self,
        kernel: Callable[[], Cards] = dict,
        bounds: Callable[[], Bounds] = Bounds,
        links: IPv4Network = DEFAULT_POOL,
    ) -> None:
        self._kernel, self._bounds, self._links = kernel, bounds, links

    def take(self, stored: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        """Merge files, in order. A file that is refused changes nothing and stops no other.

        Raises ConfigurationError: `stored` cannot be read.
        """
        bags = bags_from_json(stored)
        accepted: list[str] = []
        refused: list[Fault] = []
        notes: list[str] = []
        taken: list[TakenFile] = []
        for name, content in files:
            try:
                command = parse(name, content)
                if not command.note:
                    command = FAMILIES[command.type].complete(command, bags, self._kernel)
            except ConfigurationError as error:
                refused.append(Fault(readable(name), str(error).removeprefix(f"cannot accept {name}: ")))
                continue
            if command.note:
                notes.append(f"{name} is passed over: {command.type} {command.note}")
            if command.remark:
                notes.append(f"{name} is passed over in part: {command.remark}")
            bags = merge(bags, command)
            accepted.append(name)
            note = f"{command.type} {command.note}" if command.note else ""
            parts = () if command.note else FAMILIES[command.type].parts(command.body)
            taken.append(TakenFile(readable(name), parts, note))
        return Taken(bags_to_json(bags), tuple(accepted), tuple(refused), tuple(notes), tuple(taken))

    def interpret(self, stored: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        """Return what the stored text means, and each part that had to be left out.

        Raises ConfigurationError: `stored` cannot be read.
        """
        return interpret(with_owners(bags_from_json(stored)), self._bounds(), self._links)

    def forget(self, stored: str | None, spent: Collection[str]) -> str | None:
        """Return the stored text without the offers in `spent`; None: it has none of them.

        Raises ConfigurationError: `stored` cannot be read.
        """
        bags = with_owners(bags_from_json(stored))
        left = without_spent(bags, spent)
        return None if left is bags else bags_to_json(left)


def parse(name: str, content: bytes) -> Command:
    """Return the command of a file. Raises ConfigurationError: it is none of a known type."""
    return parse_file(name, content, FAMILIES, PASSED_OVER)


def merge(bags: Bags, command: Command) -> Bags:
    """Return the bags after a command; one that is passed over leaves them as they are."""
    return bags if command.note else FAMILIES[command.type].merge(with_owners(bags), command)


def interpret(
    bags: Bags, bounds: Bounds = NO_BOUNDS, links: IPv4Network = DEFAULT_POOL
) -> tuple[RouterConfig, tuple[Fault, ...]]:
    """Return what the bags mean, and each part of them that had to be left out."""
    faults, router = Faults(bounds, links), RouterConfig()
    for family in FAMILIES.values():
        router = family.interpret(bags, router, faults)
    return router, faults.all
