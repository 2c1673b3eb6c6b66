"""Hands a service over while its clients are at work, and reports what they saw."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from lab import facts, network
from lab.clients import Running, launch
from lab.facts import await_quiet
from lab.router import Router, program
from lab.scenarios.report import Report, Seen
from lab.service import Check, Load
from lab.services import SERVICES
from lab.tools import LabError

WARM_UP = 2.0
CUT = {"podman": 5.0, "docker": 10.0}  # generous: other work on the machine makes a cut late, Docker's most of all
TAIL = 1.5

Begin = Callable[[str], None]
"""Called with each step of the hand-over as it begins."""
Action = Callable[[Begin], None]


def hand_over_under_load(
    router: Router,
    service: str,
    to_version: str | None = None,
    *,
    action: str = "swap",
    part: str | None = None,
    seconds: float | None = None,
) -> Report:
    """Swap (or roll back) a service under its loads; return when the former generation is gone.

    `part` chooses some of the clients; `seconds` is how long they work, by default as long as the hand-over needs.
    """
    length = seconds or WARM_UP + CUT[router.engine] + facts.soak_of(router) + TAIL
    loads = loads_of(service, length, part)
    was = facts.service(router, service)["version"]
    afterwards = SERVICES[service].prepare(router, loads)
    words = [action, service, *(["--to", to_version] if to_version else [])]
    began = time.time()

    def act(begin: Begin) -> None:
        nonlocal began
        began = time.time()
        follow(router, words, begin)

    seen, held = under_load(router, loads, act)
    await_quiet(router, service)
    now, record = facts.service(router, service), facts.newest_handover(router, service)
    to_cut = record["seconds_to_cutover"]
    from_command = facts.moment(record["started"]) + to_cut - began if to_cut else None
    expected = to_version or record["to_version"]
    outcome = f"{now['version']}, {now['state']}, hand-over {record['outcome']}: {record['reason']}"
    is_there = now["version"] == expected and now["ready"] and record["outcome"] == "succeeded"
    return Report(
        service,
        action,
        str(was),
        str(now["version"]),
        seen,
        (*held, Check(f"{expected} serves", is_there, outcome), *afterwards()),
        to_cut,
        from_command,
        facts.moment(record["finished"]) - began,
    )


def loads_of(service: str, seconds: float, part: str | None = None) -> tuple[Load, ...]:
    """Return the clients of a service, each at work for so many seconds; `part` picks some of them."""
    known = SERVICES[service]
    return known.parts[part](seconds) if part else known.loads(seconds)


def under_load(router: Router, loads: Sequence[Load], act: Action) -> tuple[tuple[Seen, ...], tuple[Check, ...]]:
    """Start the clients, do something to the router, and wait until every client has ended by itself."""
    with ExitStack() as stack:
        running: dict[Load, Running] = {}

        def start(load: Load) -> None:
            if load not in running:
                running[load] = stack.enter_context(launch(load.client, router.lab.namespace(load.role)))

        for load in loads:
            if load.guest:
                stack.callback(network.remove_guest, router.lab, load.role)
                network.add_guest(router.lab, load.role, load.guest.mac)
        for load in loads:
            if load.begins_at is None:
                start(load)
        time.sleep(WARM_UP)

        def begin(step: str) -> None:
            for load in loads:
                if load.begins_at == step:
                    start(load)

        act(begin)
        early = [load.label for load in loads if load.begins_at is None and not running[load].is_running]
        late = [load.label for load in loads if load not in running]
        exceptions = f"ended before: {early}; never began: {late}"
        seen = tuple(Seen(load, running[load].result()) for load in loads if load in running)
        return seen, (Check("every client was at work throughout", not early and not late, exceptions),)


def follow(router: Router, words: Sequence[str], begin: Begin, *, expect_success: bool = True) -> dict[str, Any]:
    """Run a `vrctl` command that shows its progress, and call `begin` with each step; return the last line.

    Raises LabError: when the command does not succeed although it is expected to.
    """
    return _follow([program("vrctl"), "--socket", str(router.socket), *words, "--json"], begin, expect_success)


def migrate(router: Router, to: str, begin: Begin, *, expect_success: bool = True) -> dict[str, Any]:
    """Move the router to another engine, and call `begin` with each step; return the last line.

    Raises LabError: when the move does not succeed although it is expected to.
    """
    words = ["migrate-engine", "--to", to, "--config", str(router.settings), "--json"]
    return _follow([program("vr-supervisor"), *words], begin, expect_success)


def _follow(argv: Sequence[str], begin: Begin, expect_success: bool) -> dict[str, Any]:
    last: dict[str, Any] = {}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            last = json.loads(line)
            begin(str(last["phase"]))
        errors = process.stderr.read()
    if expect_success and process.returncode != 0:
        raise LabError(f"{' '.join(argv)} ended with {process.returncode}: {errors.strip()}")
    return last
