"""Differences between the packages of two releases."""

from __future__ import annotations

import pytest

from supervisor.decisions.package_changes import Packages, changes, means
from supervisor.values.packages import Fix, Package
from supervisor.values.status import PackageChange

OLD = Fix("3.0.1-1", ("CVE-2023-0001",))
FIRST = Fix("3.0.1-1+deb12u1", ("CVE-2024-0001", "CVE-2024-0002"))
SECOND = Fix("3.0.1-1+deb12u2", ("CVE-2024-0001", "CVE-2025-0001"))  # the first one was fixed badly
OTHER_BRANCH = Fix("3.0.1-2", ("CVE-2024-0001", "CVE-2024-0002", "CVE-2024-0003"))


def ssl(version: str, *fixes: Fix) -> Package:
    return Package("libssl3", version, "amd64", "openssl", fixes)


ZERO, ONE, TWO = ssl("3.0.1-1", OLD), ssl("3.0.1-1+deb12u1", FIRST, OLD), ssl("3.0.1-1+deb12u2", SECOND, FIRST, OLD)
OTHER = ssl("3.0.1-2", OTHER_BRANCH, OLD)
ZLIB = Package("zlib1g", "1.2", "amd64", "zlib")


def change(
    former: Package | None, later: Package | None, fixed: str = "", reopened: str = "", services: str = "web"
) -> PackageChange:
    name = (former or later or ZLIB).name
    return PackageChange(
        name,
        former.version if former else None,
        later.version if later else None,
        tuple(services.split()),
        tuple(f"CVE-{id}" for id in fixed.split()),
        tuple(f"CVE-{id}" for id in reopened.split()),
    )


@pytest.mark.parametrize(
    ("former", "later", "expected"),
    [
        pytest.param({"web": (ONE,)}, {"web": (ONE,)}, [], id="the same"),
        pytest.param({"web": (ONE,)}, {"web": (TWO,)}, [change(ONE, TWO, "2024-0001 2025-0001")], id="fixed again"),
        pytest.param(
            {"web": (ZERO,)}, {"web": (TWO,)}, [change(ZERO, TWO, "2024-0001 2024-0002 2025-0001")], id="two steps"
        ),
        pytest.param({"web": (TWO,)}, {"web": (ONE,)}, [change(TWO, ONE, "", "2024-0001 2025-0001")], id="a step back"),
        pytest.param({"web": (ONE,)}, {"web": (OTHER,)}, [change(ONE, OTHER, "2024-0003")], id="another branch"),
        pytest.param({"web": (ONE,)}, {"web": (ONE, ZLIB)}, [change(None, ZLIB)], id="new"),
        pytest.param({"web": (ONE, ZLIB)}, {"web": (ONE,)}, [change(ZLIB, None)], id="gone"),
        pytest.param({"web": (ONE,)}, {}, [change(ONE, None)], id="the service is gone"),
        pytest.param(
            {"web": (ONE, ZLIB), "dns": (ONE,), "vpn": (ZERO,)},
            {"web": (TWO,), "dns": (TWO,), "vpn": (TWO,)},
            [
                change(ZERO, TWO, "2024-0001 2024-0002 2025-0001", services="vpn"),
                change(ONE, TWO, "2024-0001 2025-0001", services="dns web"),
                change(ZLIB, None),
            ],
            id="one entry for each pair of versions",
        ),
    ],
)
def test_changes(former: Packages, later: Packages, expected: list[PackageChange]) -> None:
    assert list(changes(former, later)) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("libssl3", True), ("openssl", True), ("libssl*", True), ("libssl", False), ("LIBSSL3", False), ("*", True)],
)
def test_a_word_means_a_binary_or_a_source_package(word: str, expected: bool) -> None:
    assert means(word, ONE) is expected
