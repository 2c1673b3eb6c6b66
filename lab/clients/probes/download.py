"""One long download whose content is known: every block that arrives in order counts, silence is measured."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from typing import Any

from lab.clients.probes.tally import Tally, options
from lab.servers import block, plan

Read = Callable[[], bytes]


def open_http(given: dict[str, Any]) -> tuple[Read, Callable[[], None]]:
    source = (given["source"], 0) if given["source"] else None
    connection = http.client.HTTPConnection(
        given["address"], given["port"], timeout=given["timeout"], source_address=source
    )
    connection.request("GET", f"/stream?seconds={given['seconds']:g}&rate={given['rate']}")
    answer = connection.getresponse()
    if answer.status != 200:
        raise ConnectionError(f"status {answer.status}")
    return lambda: answer.read1(65536), connection.close


def open_tcp(given: dict[str, Any]) -> tuple[Read, Callable[[], None]]:
    source = (given["source"], 0) if given["source"] else None
    made = socket.create_connection((given["address"], given["port"]), given["timeout"], source)
    made.sendall(f"STREAM {given['seconds']:g} {given['rate']}\n".encode())
    return lambda: made.recv(65536), made.close


def main() -> None:
    given = options()
    tally = Tally(given["client"])
    count, size = plan(given["seconds"], given["rate"])
    tally.sent = count
    received, pending = 0, b""
    close: Callable[[], None] | None = None
    try:
        read, close = open_http(given) if given["transport"] == "http" else open_tcp(given)
        while tally.completed < count and not tally.is_stopped:
            data = read()
            if not data:
                tally.miss("ended early")
                break
            received += len(data)
            pending += data
            while len(pending) >= size and tally.completed < count:
                if pending[:size] != block(tally.completed, size):
                    raise ValueError("wrong content")
                pending = pending[size:]
                tally.succeed()
    except TimeoutError:
        tally.miss("silence")
    except (OSError, http.client.HTTPException, ValueError) as error:
        tally.fail(type(error).__name__)
    finally:
        if close is not None:
            close()
    tally.facts |= {"bytes": received, "expected_bytes": count * size, "is_complete": int(tally.completed == count)}
    tally.report()


if __name__ == "__main__":
    main()
