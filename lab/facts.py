"""What is read of a running router around a hand-over: status, versions, history."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import yaml

from lab.router import Router
from lab.tools import LabError

DRAIN_LIMIT = 60.0


def service(router: Router, name: str) -> dict[str, Any]:
    """Return one service as `vrctl status` shows it.

    Raises LabError: when the supervisor does not answer.
    """
    status = router.status()
    if status is None:
        raise LabError(f"cannot tell how {name} is: the supervisor does not answer")
    listed = status["services"]
    assert isinstance(listed, list)
    state: dict[str, Any] = next(entry for entry in listed if entry["name"] == name)
    return state


def newest_handover(router: Router, name: str) -> dict[str, Any]:
    """Return the newest record of the service's hand-overs, finished or not."""
    record: dict[str, Any] = json.loads(router.vrctl("history", name, "--limit", "1", "--json").stdout)[0]
    return record


def moment(text: str) -> float:
    """Return a time of the API's JSON as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def version_in(router: Router, release: str, name: str) -> str:
    """Return the version of a service in a release.

    Raises LabError: when the release is not imported.
    """
    for bundle in json.loads(router.vrctl("bundle", "list", "--json").stdout):
        if bundle["release"] == release:
            return str(bundle["services"][name]["version"])
    raise LabError(f"cannot find release {release}: it is not imported")


def soak_of(router: Router) -> float:
    """Return the seconds of soak that the router's settings ask for."""
    return float(yaml.safe_load(router.settings.read_text(encoding="utf-8"))["soak"])


def await_quiet(router: Router, name: str, limit: float = DRAIN_LIMIT) -> None:
    """Wait until no hand-over of the service is under way and no former generation drains.

    Raises LabError: when that is not so after `limit` seconds.
    """
    deadline = time.monotonic() + limit
    while True:
        now = service(router, name)
        if now["handover"] is None and not now["draining"]:
            return
        if time.monotonic() > deadline:
            raise LabError(f"{name} does not come to rest in {limit:g} s: {now}")
        time.sleep(0.1)
