"""Whether a network namespace is there, and what is said when nobody can tell."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from supervisor.edges.network.namespace import exists
from supervisor.values.errors import NetworkError


def test_what_is_no_namespace_is_none(tmp_path: Path) -> None:
    (tmp_path / "left").touch()
    (tmp_path / "alive").symlink_to("/proc/self/ns/net")
    (tmp_path / "other").symlink_to("/proc/self/ns/mnt")
    assert [exists(name, tmp_path) for name in ("alive", "left", "other", "nowhere")] == [True, False, False, False]


def test_want_of_descriptors_is_no_sign_that_it_is_gone(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        with pytest.raises(NetworkError, match="cannot look for network namespace alive: Too many open files"):
            exists("alive", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
