"""One lab for the session, under a name of its own, removed whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import backends, network
from lab.topology import Lab
from tests.integration.lab import plain_router


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    made = Lab(f"vrt-lab-{os.getpid()}")
    try:
        network.up(made, "none")
        yield made
    finally:
        network.down(made)


@pytest.fixture(scope="session")
def dns_and_dhcp(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("dns")
    with plain_router.running(plain_router.dns_and_dhcp(lab, folder), folder):
        plain_router.wait_for_port(lab.guest, "10.1.1.1", 53)
        yield folder


@pytest.fixture(scope="session")
def load_balancer(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lb")
    backends.start(lab)
    with plain_router.running(plain_router.load_balancer(lab, folder), folder):
        plain_router.wait_for_port(lab.public, "203.0.113.10", 80)
        yield folder


@pytest.fixture
def guest_services(lab: Lab, tmp_path: Path) -> Iterator[None]:
    """Fresh for each test: passwords are used up."""
    with plain_router.running(plain_router.metadata_and_passwords(lab), tmp_path):
        plain_router.wait_for_port(lab.guest, "10.1.1.1", 80)
        plain_router.wait_for_port(lab.guest, "10.1.1.1", 8080)
        yield
