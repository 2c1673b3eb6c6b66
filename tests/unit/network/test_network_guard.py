"""A guard that cannot admit services yet watches all the same, and tries that again."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.traffic import NftTraffic


class Table:
    """Nothing is wrong with it."""

    def restore(self) -> bool:
        return False


@pytest.mark.root
@pytest.mark.programs
def test_rules_that_cannot_be_read_keep_no_guard_from_watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no iptables there
    guard = NftGuard(cast(NftTraffic, Table()), admit=True)
    try:
        guard.start()
    finally:
        guard.close()
