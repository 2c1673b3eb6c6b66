"""`python3 -m vr_password [--check] CONFIGURATION` (JSON): serve, or only say whether the configuration is good."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NoReturn

from vr_password.bounded import serve
from vr_password.protocol import Service
from vr_password.store import SWEEP_SECONDS, Store


def main(arguments: list[str]) -> int:
    """Return the exit status: 2 for a configuration that cannot be used, 1 when serving fails."""
    is_check, paths = "--check" in arguments, [item for item in arguments if not item.startswith("-")]
    if len(paths) != 1:
        return _say("usage: python3 -m vr_password [--check] CONFIGURATION", 2)
    try:
        service, listen, own = _configured(json.loads(Path(paths[0]).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _say(f"cannot use {paths[0]}: {type(error).__name__}: {error}", 2)
    if is_check:
        return _say(f"{paths[0]}: good", 0)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # says how many wait whenever a few do
    os.umask(0o077)
    signal.signal(signal.SIGTERM, _leave)
    try:
        service.store.prepare()
        serve(service, listen, own)
    except OSError as error:
        return _say(f"cannot serve: {error}", 1)
    return 0


def _configured(document: dict[str, Any]) -> tuple[Service, list[tuple[str, int]], tuple[str, int] | None]:
    listen = [_address(end) for end in document["listen"]]
    if not listen:
        raise ValueError("there is nothing to listen on")
    probe = document.get("probe")
    token = document.get("token_file")
    owners, sweep = document.get("owners"), float(document.get("sweep", SWEEP_SECONDS))
    service = Service(
        store=Store(Path(document["store"]), Path(document["offers"]), Path(owners) if owners else None, sweep),
        may_save=frozenset(map(IPv4Address, document["may_save"])),
        probe=IPv4Address(probe["address"]) if probe else None,
        probe_answer=str(probe["answer"]) if probe else "",
        token=Path(token).read_text().strip() if token else None,
    )
    own = document.get("own_way")
    return service, listen, _address(own) if own else None


def _address(end: tuple[str, int]) -> tuple[str, int]:
    address, port = end
    return str(IPv4Address(address)), int(port)


def _say(text: str, status: int) -> int:
    sys.stderr.write(f"{text}\n")
    return status


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
