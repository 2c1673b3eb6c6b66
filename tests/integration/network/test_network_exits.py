"""The exit of a process is reported at once."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from supervisor.edges.network.exits import PidfdExitWatch

pytestmark = pytest.mark.integration


@contextmanager
def watch() -> Iterator[PidfdExitWatch]:
    edge = PidfdExitWatch()
    try:
        yield edge
    finally:
        edge.close()


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(("sleep", "60"))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_an_exit_is_told_once_and_fast(record: Callable[[str, object], None]) -> None:
    told: list[float] = []
    ended = threading.Event()

    def tell() -> None:
        told.append(time.perf_counter())
        ended.set()

    with watch() as edge, sleeper() as process, edge.watch(process.pid, tell):
        began = time.perf_counter()
        process.kill()
        assert ended.wait(2)
        process.wait()
    record("exit_told_ms", round((told[0] - began) * 1000, 2))
    assert len(told) == 1
    assert told[0] - began < 0.1


def test_a_process_that_ended_before_is_told_too() -> None:
    ended = threading.Event()
    with sleeper() as process:
        process.kill()
        process.wait()
    with watch() as edge, edge.watch(process.pid, ended.set):
        assert ended.wait(1)


def test_nothing_is_told_after_the_context_is_left() -> None:
    told: list[int] = []
    with watch() as edge, sleeper() as process, sleeper() as other:
        with edge.watch(process.pid, lambda: told.append(1)):
            pass
        done = threading.Event()
        with edge.watch(other.pid, done.set):
            process.kill()
            process.wait()
            other.kill()
            assert done.wait(2)
    assert told == []


def test_a_faulty_callback_does_not_end_the_watch() -> None:
    done = threading.Event()

    def fail() -> None:
        raise ValueError

    with watch() as edge, sleeper() as one, sleeper() as two, edge.watch(one.pid, fail), edge.watch(two.pid, done.set):
        one.kill()
        one.wait()
        two.kill()
        assert done.wait(2)


def test_no_descriptor_is_left() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with watch() as edge, sleeper() as process, edge.watch(process.pid, lambda: None):
        pass
    assert len(os.listdir("/proc/self/fd")) == before
