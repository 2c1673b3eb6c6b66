"""One router for the folder. Every test may end or break it, and finds it whole again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.live.router import LiveRouter, live_router


@pytest.fixture(scope="session")
def session_router() -> Iterator[LiveRouter]:
    with live_router("vrl", soak=0.5, drain=3.0) as found:
        yield found


@pytest.fixture
def live(session_router: LiveRouter) -> LiveRouter:
    session_router.ready()
    return session_router
