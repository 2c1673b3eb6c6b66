"""Packages of releases and of what runs, from the bills of materials that imports have kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervisor.values.errors import RequestError, UnknownReleaseError
from supervisor.values.status import ContainedPackage, PackageChange
from tests.kit.fakes.media import FakeBundle
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import SERVICES, image, release
from tests.kit.simulation.scenarios import ALL, prepared

SERVICE = SERVICES[0]
SCENARIO = next(scenario for scenario in ALL if scenario.service == SERVICE and scenario.name == "restart")
OLD, NEW = b"libssl3=3.0.1\nzlib1g=1.2", b"libssl3=3.0.2 CVE-2025-0001\nzlib1g=1.2"
PATH = "/media/nine.iso"


@pytest.fixture
def router() -> Iterator[SimulatedRouter]:
    with prepared(SCENARIO) as made:
        made.supervisor.media.inside[PATH] = FakeBundle(*release("9.0", SERVICE), {SERVICE: NEW})
        made.machine.engine.add_image(image(SERVICE, "9.0"))
        yield made


def imported(router: SimulatedRouter) -> None:
    list(router.supervisor.supervision.import_bundle(PATH, False))


def test_an_import_keeps_the_bill_of_materials_until_the_release_is_pruned(router: SimulatedRouter) -> None:
    supervision, store = router.supervisor.supervision, router.machine.store
    imported(router)
    assert store.sbom(image(SERVICE, "9.0")) == NEW
    assert [one.document for one in supervision.sboms("9.0")] == [NEW.decode()]
    assert [one.document for one in supervision.sboms(PATH)] == [NEW.decode()]
    assert "9.0" in supervision.prune_releases()
    assert store.sbom(image(SERVICE, "9.0")) is None
    with pytest.raises(UnknownReleaseError, match=r"cannot find release '9\.0'"):
        supervision.sboms("9.0")


def test_a_release_that_was_imported_without_one_gets_it_from_its_medium(router: SimulatedRouter) -> None:
    imported(router)
    router.machine.store.remove_sboms([])
    imported(router)
    assert router.machine.store.sbom(image(SERVICE, "9.0")) == NEW


def test_what_differs(router: SimulatedRouter) -> None:
    supervision = router.supervisor.supervision
    router.machine.store.save_sbom(image(SERVICE, "1.0"), OLD)
    expected = PackageChange("libssl3", "3.0.1", "3.0.2", (SERVICE,), ("CVE-2025-0001",), ())
    assert supervision.diff_releases("1.0", PATH) == (expected,)
    assert supervision.diff_releases(PATH, PATH) == ()
    with pytest.raises(RequestError, match=r"cannot compare 2\.0: it has no bill of materials of"):
        supervision.diff_releases("2.0", PATH)


def test_what_runs_contains(router: SimulatedRouter) -> None:
    supervision = router.supervisor.supervision
    (alive,) = [one for one in supervision.find_package("libssl3") if one.service == SERVICE]
    assert alive == ContainedPackage(SERVICE, "1.0-1", alive.generation, "active", None, None)
    router.machine.store.save_sbom(image(SERVICE, "1.0"), OLD)
    for word, names in (("libssl3", ["libssl3"]), ("openssl", ["libssl3"]), ("*", ["libssl3", "zlib1g"]), ("no", [])):
        found = [one for one in supervision.find_package(word) if one.service == SERVICE]
        assert [one.package for one in found] == names
    (alive,) = [one for one in supervision.find_package("libssl3") if one.service == SERVICE]
    assert (alive.package_version, alive.state) == ("3.0.1", "active")
