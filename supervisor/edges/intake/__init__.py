"""The intake: command files of a management server become the router's configuration.

file -> `command.parse` -> merge into the bags -> interpret -> RouterConfig. A type of command is one module of
`cloudstack` (its `FAMILY` has the fields, the merge and the meaning); `registry` finds them, `intake` runs them.
"""

from supervisor.edges.intake.bags import Bags, bags_from_json, bags_to_json
from supervisor.edges.intake.cloudstack.cards import kernel_cards
from supervisor.edges.intake.family import Command
from supervisor.edges.intake.intake import CloudStackIntake, interpret, merge, parse

__all__ = [
    "Bags",
    "CloudStackIntake",
    "Command",
    "bags_from_json",
    "bags_to_json",
    "interpret",
    "kernel_cards",
    "merge",
    "parse",
]
