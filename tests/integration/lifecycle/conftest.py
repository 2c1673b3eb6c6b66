"""One router for the folder. Every test may end or break it, and finds it whole again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.live_router import Live, living


@pytest.fixture(scope="session")
def session_router() -> Iterator[Live]:
    with living("vrl", soak=0.5, drain=3.0) as found:
        yield found


@pytest.fixture
def live(session_router: Live) -> Live:
    session_router.ready()
    return session_router
