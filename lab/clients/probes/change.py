"""Sends the router one command file and prints after how many seconds an outside client sees the change.

Arguments: the supervisor's socket, the file, an address, a port, and whether somebody shall listen there (`yes`, `no`).
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from supervisor.surface.api.client import RemoteControl

PATIENCE_SECONDS = 60.0


def main() -> None:
    path, file, address, port, wanted = sys.argv[1:6]
    control = RemoteControl.on_socket(path, 30.0)
    control.status()  # connected: what is measured is the change
    content = Path(file).read_bytes()
    began = time.monotonic()
    for progress in control.apply_config(((Path(file).name, content),)):
        if progress.error:
            raise SystemExit(progress.error)
    while _listens(address, int(port)) != (wanted == "yes"):
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise SystemExit(f"cannot see the change at {address}:{port} after {PATIENCE_SECONDS:g} s")
    print(time.monotonic() - began)


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 0.2).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
