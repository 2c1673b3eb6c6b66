"""The intake: command files of a management server become the router's configuration.

commands -> cards -> merge -> bags -> cloudstack -> networks, guests, balancer (balancer_*), tunnels -> RouterConfig
"""

from supervisor.edges.intake.bags import Bags, bags_from_json, bags_to_json
from supervisor.edges.intake.cards import kernel_cards
from supervisor.edges.intake.cloudstack import CloudStackIntake, interpret
from supervisor.edges.intake.commands import Command, parse
from supervisor.edges.intake.merge import merge

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
