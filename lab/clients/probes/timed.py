"""HTTP clients that time every connection and every request: one that hangs is seen, however many are served.

Each worker keeps one connection or opens one for each request, and waits for its answer. An answer that takes longer
than `bound` is counted as missed although it is waited for: load generators count a request when it is done, so one
that hangs is none for them.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from lab.clients.probes.tally import Tally, options


@dataclass(slots=True)
class Worker:
    """One user agent at a constant rate; the next request waits for the answer to the one before."""

    tally: Tally
    given: dict[str, Any]
    is_kept: bool
    stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, offset: float) -> None:
        begin, rate, seconds = time.monotonic() + offset, self.given["rate"], self.given["seconds"]
        for index in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + index / rate - time.monotonic()))
            if self.tally.is_stopped or time.monotonic() > begin + seconds:
                break
            await self.request()
        self.close()

    async def request(self) -> None:
        tally, began = self.tally, time.monotonic()
        tally.sent += 1
        try:
            async with asyncio.timeout(self.given["patience"]):
                if self.stream is None:
                    self.stream = await asyncio.open_connection(self.given["address"], self.given["port"])
                    _slowest(tally, "slowest connection", time.monotonic() - began)
                is_good, is_last = await self._exchange(*self.stream)
        except TimeoutError:
            tally.miss(f"no answer within {self.given['patience']:g} s")
            self.close()
        except (OSError, EOFError, ValueError) as error:
            tally.fail(type(error).__name__)
            self.close()
        else:
            self._judge(time.monotonic() - began, is_good=is_good)
            if is_last or not self.is_kept:
                self.close()

    def _judge(self, seconds: float, *, is_good: bool) -> None:
        _slowest(self.tally, "slowest answer", seconds)
        if not is_good:
            self.tally.fail("status")
        elif seconds > self.given["bound"]:
            self.tally.miss(f"slower than {self.given['bound']:g} s")
        else:
            self.tally.succeed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[bool, bool]:
        closing = "" if self.is_kept else "Connection: close\r\n"
        writer.write(f"GET {self.given['path']} HTTP/1.1\r\nHost: {self.given['address']}\r\n{closing}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0]) if "content-length:" in head else None
        await (reader.read() if length is None else reader.readexactly(length))
        return head.startswith("http/1.1 200"), length is None or "connection: close" in head

    def close(self) -> None:
        if self.stream is not None:
            self.stream[1].close()
            self.stream = None


def _slowest(tally: Tally, fact: str, seconds: float) -> None:
    tally.facts[fact] = max(float(tally.facts.get(fact, 0.0)), round(seconds, 3))


async def work(tally: Tally, given: dict[str, Any]) -> None:
    count = given["workers"]
    workers = [Worker(tally, given, is_kept=index % 2 == 0) for index in range(count)]
    await asyncio.gather(*(worker.run(index / count / given["rate"]) for index, worker in enumerate(workers)))


def main() -> None:
    given = options()
    tally = Tally(given["client"])
    asyncio.run(work(tally, given))
    tally.report()


if __name__ == "__main__":
    main()
