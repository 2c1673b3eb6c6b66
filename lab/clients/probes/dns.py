"""DNS one query at a time: from one source port over UDP, or over TCP with a new or a kept connection."""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode

from lab.clients.probes.tally import Tally, options


class Asker:
    """One way of asking; a kept connection that breaks is a failure and is opened again."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.transport, self.server, self.timeout = given["transport"], given["server"], given["timeout"]
        self.source, self.port = given["source"], given["source_port"]
        self.socket: socket.socket | None = None
        self.connections = 0
        self.left = self.limit = given["queries_per_connection"]

    def ask(self, name: str) -> dns.message.Message:
        query = dns.message.make_query(name, "A")
        if self.transport == "tcp":
            self.connections += 1
            return dns.query.tcp(query, self.server, self.timeout, source=self.source)
        if self.left == 0:
            self.close()
        if self.socket is None:
            self.socket, self.left = self._open(), self.limit
            self.connections += 1
        if self.transport == "tcp-kept":
            self.left -= 1
            return dns.query.tcp(query, self.server, self.timeout, sock=self.socket)
        # A late answer to an earlier query is not the answer to this one.
        return dns.query.udp(
            query, self.server, self.timeout, sock=self.socket, ignore_unexpected=True, ignore_errors=True
        )

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _open(self) -> socket.socket:
        if self.transport == "udp":
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((self.source, self.port))
        else:
            made = socket.create_connection((self.server, 53), self.timeout, (self.source, 0))
        made.setblocking(False)
        return made


def _name(error: Exception) -> str:
    """Return the name of an error; of the system's errors, which it is."""
    number = error.errno if isinstance(error, OSError) else None
    return type(error).__name__ if number is None else f"{type(error).__name__} {errno.errorcode.get(number, number)}"


def main() -> None:
    given = options()
    tally, asker = Tally(given["client"]), Asker(given)
    names = list(given["names"].items())
    for index in tally.ticks(given["rate"], given["seconds"]):
        name, address = names[index % len(names)]
        tally.sent += 1
        began = time.monotonic()
        try:
            answer = asker.ask(name)
        except dns.exception.Timeout:
            tally.miss("no answer")
        except (OSError, EOFError, dns.exception.DNSException) as error:
            tally.fail(_name(error))
            if asker.transport != "udp":
                asker.close()
        else:
            addresses = {item.to_text() for rrset in answer.answer for item in rrset}
            if answer.rcode() == dns.rcode.NOERROR and addresses == {address}:
                tally.succeed()
                tally.took(time.monotonic() - began)
            else:
                tally.fail(f"answered {dns.rcode.to_text(answer.rcode())}")
    asker.close()
    tally.facts["connections"] = asker.connections
    tally.report()


if __name__ == "__main__":
    main()
