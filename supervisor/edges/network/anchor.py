"""Keeps address translation alive while other software has flushed the ruleset and ours is not back yet.

The kernel takes its connection tracking and its NAT hooks away with the last rule that needs them. Between a flush and
the restoration, packets of established connections would then reach the router's own stack, and the services' packets
would leave untranslated: both are answered with resets. A table with the flag `owner` is passed over by other
programs' flushes and lives as long as the netlink socket that made it (nft(8), "flags owner"; Linux 5.12). Ours holds
one rule for connection tracking and one chain for NAT; it translates nothing itself.
"""

from __future__ import annotations

from supervisor.edges.network.owned_table import OwnedTable

TABLE = "inet vr_supervisor_anchor"

# Without a rule that reads `ct`, connection tracking is not enabled; without a `nat` chain, known flows are not
# translated. One chain of either kind enables all hooks of its kind.
COMMANDS = f"""
add chain {TABLE} hold {{ type nat hook prerouting priority dstnat; policy accept; }}
add rule {TABLE} hold ct state invalid return
"""


class Anchor(OwnedTable):
    """The table that anchors translation. Raises OSError: when there cannot be one."""

    def __init__(self) -> None:
        super().__init__(TABLE, COMMANDS)
