"""HTTP at a constant rate from one source address; answers are compared, broken connections counted."""

from __future__ import annotations

import http.client
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

from lab.clients.probes.tally import Tally, options


class Requester:
    """One user agent. With keep-alive a connection is used until the server says that it closes it."""

    def __init__(self, url: str, source: str | None, timeout: float, *, keep_alive: bool) -> None:
        self.url: SplitResult = urlsplit(url)
        self.source, self.timeout, self.keep_alive = source, timeout, keep_alive
        self.connection: http.client.HTTPConnection | None = None
        self.connections = 0

    def get(self, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Return status and body.

        Raises OSError and HTTPException: when the server breaks the connection.
        """
        if self.connection is None:
            assert self.url.hostname is not None
            source = (self.source, 0) if self.source else None
            self.connection = http.client.HTTPConnection(
                self.url.hostname, self.url.port or 80, timeout=self.timeout, source_address=source
            )
            self.connections += 1
        target = self.url.path + (f"?{self.url.query}" if self.url.query else "")
        closing = {} if self.keep_alive else {"Connection": "close"}
        try:
            self.connection.request("GET", target or "/", headers=closing | (headers or {}))
            answer = self.connection.getresponse()
            status, body, is_last = answer.status, answer.read().decode("utf-8", "replace"), answer.will_close
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if is_last or not self.keep_alive:
            self.close()
        return status, body

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def attempt(
    tally: Tally, requester: Requester, expected: str | None, headers: dict[str, str] | None = None
) -> str | None:
    """Make one counted request; return the body of a good answer."""
    tally.sent += 1
    began = time.monotonic()
    try:
        status, body = requester.get(headers)
    except TimeoutError:
        tally.miss("no answer")
    except (OSError, http.client.HTTPException) as error:
        tally.fail(type(error).__name__)
    else:
        if status != 200:
            tally.fail(f"status {status}")
        elif expected is not None and body.strip() != expected:
            tally.fail("wrong answer")
            tally.facts.setdefault("first_wrong_answer", body.strip()[:120])
        else:
            tally.succeed()
            tally.took(time.monotonic() - began)
            return body
    return None


def main() -> None:
    given: dict[str, Any] = options()
    tally = Tally(given["client"])
    requester = Requester(given["url"], given["source"], given["timeout"], keep_alive=given["keep_alive"])
    for _ in tally.ticks(given["rate"], given["seconds"]):
        attempt(tally, requester, given["expected"], given["headers"])
    requester.close()
    tally.facts["connections"] = requester.connections
    tally.report()


if __name__ == "__main__":
    main()
