"""The intake of CloudStack's command files: parse, merge, keep, interpret. Holds nothing and touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from supervisor.edges.intake import balancer, guests, networks, tunnels
from supervisor.edges.intake.bags import Bags, bags_from_json, bags_to_json, with_bag
from supervisor.edges.intake.cards import Cards, placed
from supervisor.edges.intake.commands import parse, readable
from supervisor.edges.intake.faults import Faults
from supervisor.edges.intake.merge import merge
from supervisor.edges.intake.owners import with_owners
from supervisor.edges.intake.parts import parts_of
from supervisor.values.errors import ConfigurationError, Fault
from supervisor.values.intake import Taken, TakenFile
from supervisor.values.router import RouterConfig


class CloudStackIntake:
    """Satisfies `ports.Intake`. `kernel` lists the network cards; without it only commands do."""

    def __init__(self, kernel: Callable[[], Cards] = dict) -> None:
        self._kernel = kernel

    def take(self, kept: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        """A file that is refused changes nothing and stops no other. ConfigurationError: `kept` cannot be read."""
        bags = bags_from_json(kept)
        accepted: list[str] = []
        refused: list[Fault] = []
        notes: list[str] = []
        taken: list[TakenFile] = []
        for name, content in files:
            try:
                command = placed(parse(name, content), bags, self._kernel)
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
            taken.append(TakenFile(readable(name), parts_of(command), note))
        return Taken(bags_to_json(bags), tuple(accepted), tuple(refused), tuple(notes), tuple(taken))

    def interpret(self, kept: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        return interpret(with_owners(bags_from_json(kept)))

    def forget(self, kept: str | None, spent: Collection[str]) -> str | None:
        bags = with_owners(bags_from_json(kept))
        offers = bags.get("vmpassword", {})
        left = {key: entry for key, entry in offers.items() if key == "id" or entry["offer"] not in spent}
        return bags_to_json(with_bag(bags, "vmpassword", left)) if left != offers else None


def interpret(bags: Bags) -> tuple[RouterConfig, tuple[Fault, ...]]:
    """What the bags mean, and every part of them that had to be left out."""
    faults = Faults()
    found = networks.networks(bags, faults)
    name = networks.router_name(bags, faults)
    config = RouterConfig(
        name=name,
        domain=networks.router_domain(bags, faults),
        networks=found,
        public_addresses=networks.public_addresses(bags, faults),
        hosts=guests.hosts(bags, found, name, faults),
        dns=networks.dns(bags, faults),
        load_balancing=balancer.load_balancing(bags, found, faults),
        metadata=guests.metadata(bags, faults),
        passwords=guests.passwords(bags, faults),
        vpn=tunnels.vpn(bags, faults),
        is_backup=networks.is_backup(bags),
    )
    return config, faults.found
