"""One TCP connection that is kept for the whole run; each line sent must come back before the next one."""

from __future__ import annotations

import contextlib
import socket

from lab.clients.probes.tally import Tally, options


def main() -> None:
    given = options()
    tally = Tally(given["client"])
    source = (given["source"], 0) if given["source"] else None
    made: socket.socket | None = None
    connections = 0
    for index in tally.ticks(given["rate"], given["seconds"]):
        tally.sent += 1
        line = b"line %d\n" % index
        try:
            if made is None:
                made = socket.create_connection((given["address"], given["port"]), given["timeout"], source)
                connections += 1
            made.sendall(line)
            answer = b""
            while not answer.endswith(b"\n"):
                data = made.recv(4096)
                if not data:
                    raise ConnectionResetError("closed by the server")
                answer += data
            if answer == line:
                tally.succeed()
            else:
                tally.fail("wrong answer")
        except OSError as error:
            tally.fail(type(error).__name__)
            if made is not None:
                with contextlib.suppress(OSError):
                    made.close()
                made = None
    if made is not None:
        made.close()
    tally.facts["connections"] = connections
    tally.report()


if __name__ == "__main__":
    main()
