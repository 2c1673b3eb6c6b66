"""One lab for all tests of what people reported of such routers: a whole router, asked as its users ask.

Tests leave the router as they found it. One that needs a router of its own, or more than a few seconds, is marked
`slow` and runs in `make test-reports`.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.kit.live.router import LiveRouter, live_router

PREFIX = "vrr"

Apply = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def live() -> Iterator[LiveRouter]:
    """Five ready services of the older release, both releases imported."""
    with live_router(PREFIX, soak=0.7) as made:
        yield made


@pytest.fixture
def apply(live: LiveRouter, tmp_path: Path) -> Apply:
    """Give the router command files, in order: each is a command as the management server would send it."""
    numbers = itertools.count(1)

    def send(
        *commands: Mapping[str, Any], check: bool = True, json_lines: bool = False, flags: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        paths = []
        for command in commands:
            path = tmp_path / f"{next(numbers):04d}-{command['type']}.json"
            path.write_text(json.dumps(command), encoding="utf-8")
            paths.append(str(path))
        more = [*flags, *(["--json"] if json_lines else [])]
        return live.router.vrctl("config", "apply", *more, *paths, check=check)

    return send
