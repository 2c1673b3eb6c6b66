"""Keeps one rule at the top of the router's INPUT and FORWARD that accepts what our table has marked.

The one exception to leaving the router's own firewall alone, and only if the settings ask for it: a firewall that
drops by default would drop what clients send to services.
"""

from __future__ import annotations

import shutil

from supervisor.edges.network.command import DEADLINE, run
from supervisor.edges.network.structure import MARK

RULE = f"-m mark --mark {MARK:#x}/{MARK:#x} -j ACCEPT"
CHAINS = ("INPUT", "FORWARD")
COMMANDS = ("iptables", "ip6tables")
TABLES = frozenset({"ip filter", "ip6 filter"})
"""The nftables tables behind the two commands, as notifications name them."""


class Admission:
    """Acts in the network namespace of the calling thread. A family without a filter table gets none from us."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline

    def ensure(self) -> bool:
        """Put the rules where they belong; False: they were there already. Raises NetworkError: when it fails."""
        amended = [self._amend(command, is_wanted=True) for command in COMMANDS]  # both, whatever the first says
        return any(amended)

    def remove(self) -> None:
        """Remove the rules; nothing happens when there are none."""
        for command in COMMANDS:
            if shutil.which(f"{command}-save"):  # without the tool there is no rule either
                self._amend(command, is_wanted=False)

    def _amend(self, command: str, *, is_wanted: bool) -> bool:
        saved = run(f"list the {command} rules", (f"{command}-save",), deadline=self._deadline).stdout
        script = amendments(saved, is_wanted=is_wanted)
        if script:
            purpose = f"change the {command} rules that admit services"
            run(purpose, (f"{command}-restore", "--noflush", "--wait"), text=script, deadline=self._deadline)
        return bool(script)


def amendments(saved: str, *, is_wanted: bool) -> str:
    """Return the `iptables-restore --noflush` script, one transaction, that leaves `saved` as wanted; empty: it is so.

    Wanted: our rule first in each chain and nowhere else. Not wanted: nowhere.
    """
    _, begin, rest = saved.partition("*filter\n")
    if not begin:
        return ""
    rules = rest.partition("COMMIT")[0].splitlines()
    lines = []
    for chain in CHAINS:
        present = [rule for rule in rules if rule.startswith(f"-A {chain} ")]
        ours = f"-A {chain} {RULE}"
        is_right = present[:1] == [ours] and present.count(ours) == 1 if is_wanted else ours not in present
        if not is_right:
            lines += [f"-D {chain} {RULE}"] * present.count(ours)
            lines += [f"-I {chain} 1 {RULE}"] * is_wanted
    return "\n".join(("*filter", *lines, "COMMIT", "")) if lines else ""
