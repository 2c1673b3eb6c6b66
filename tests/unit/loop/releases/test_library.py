"""Releases that nothing needs any more are forgotten, whatever one image of theirs is used for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from supervisor.loop.releases.library import Library
from supervisor.ports.media import Media
from supervisor.values.errors import EngineError
from supervisor.values.names import Digest
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import ALL, prepared

SCENARIO = next(scenario for scenario in ALL if scenario.service == SERVICES[0] and scenario.name == "restart")
UNUSED = tuple(Digest(f"sha256:{number:064}") for number in (1, 2))


@pytest.fixture
def router() -> Iterator[SimulatedRouter]:
    with prepared(SCENARIO) as made:
        yield made


def test_an_image_that_cannot_be_removed_keeps_no_other(router: SimulatedRouter) -> None:
    engine = router.machine.engine
    for image in UNUSED:
        engine.add_image(image)
    engine.fail("remove_image", EngineError("cannot remove image: a container of somebody else uses it"))
    Library(router.supervisor.world, cast(Media, None)).prune()
    assert [image for image in engine.images() if image in UNUSED] == [UNUSED[0]]
