"""How much of a campaign is run: a sample by default, all of it with `--faults all`."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Sample = Callable[[Sequence[Any], str, int], Sequence[Any]]


@pytest.fixture(scope="session")
def sample() -> Sample:
    """Choose so many of some points; the seed is in the header of the run."""
    seed = os.environ["FAULTS_SEED"]
    takes_all = os.environ["FAULTS"] == "all"

    def choose(points: Sequence[Any], label: str, amount: int) -> Sequence[Any]:
        if takes_all or len(points) <= amount:
            return points
        return random.Random(f"{seed} {label}").sample(list(points), amount)

    return choose
