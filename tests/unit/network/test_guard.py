"""A guard that cannot admit services yet watches all the same, and tries that again."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from supervisor.edges.network.admission import Admission
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.traffic import NftTraffic
from supervisor.values.errors import NetworkError


class Table:
    """A table of ours that needs no restoration."""

    def restore(self) -> bool:
        return False


class UnreadableRules(Admission):
    """Rules of a router without iptables; `is_tried_again` is set by the second attempt to read them."""

    def __init__(self) -> None:
        super().__init__()
        self.is_tried, self.is_tried_again = threading.Event(), threading.Event()

    def ensure(self) -> bool:
        (self.is_tried_again if self.is_tried.is_set() else self.is_tried).set()
        raise NetworkError("cannot list the iptables rules: iptables-save is not installed")


@pytest.mark.root
@pytest.mark.programs
def test_rules_that_cannot_be_read_keep_no_guard_from_watching() -> None:
    rules = UnreadableRules()
    guard = NftGuard(cast(NftTraffic, Table()), admission=rules)
    try:
        guard.start()
        assert rules.is_tried_again.wait(5.0)
    finally:
        guard.close()
