"""A name server on the outside for a router's DNS to ask: it has every name, and treats EDNS in a chosen way.

Run as `python -m lab.name_server EDNS ADDRESS...`, on UDP 53 of each address. `EDNS` is what comes of a question that
has it: `serve`, `formerr`, `notimp`, or `drop`, as old servers and firewalls do. What is below
`refused.test` is REFUSED.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

ADDRESS = "192.0.2.80"
REFUSED = dns.name.from_text("refused.test")
CODES = {"formerr": dns.rcode.FORMERR, "notimp": dns.rcode.NOTIMP}
MODES = ("serve", "drop", *CODES)


def answer(wire: bytes, edns: str) -> bytes | None:
    """Return the answer to a question; None if the question is left unanswered."""
    query = dns.message.from_wire(wire)
    if query.edns >= 0 and edns == "drop":
        return None
    response = dns.message.make_response(query, recursion_available=True)
    if query.edns >= 0 and edns in CODES:
        response.use_edns(False)
        response.set_rcode(CODES[edns])
    elif query.question and query.question[0].name.is_subdomain(REFUSED):
        response.set_rcode(dns.rcode.REFUSED)
    elif query.question:
        response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", ADDRESS))
    return response.to_wire()


class NameServer(asyncio.DatagramProtocol):
    def __init__(self, edns: str) -> None:
        self._edns = edns
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        try:
            if response := answer(data, self._edns):
                self._transport.sendto(response, addr)
        except dns.exception.DNSException:
            pass


async def serve(edns: str, addresses: list[str]) -> None:
    loop = asyncio.get_running_loop()
    for address in addresses:
        await loop.create_datagram_endpoint(partial(NameServer, edns), local_addr=(address, 53))
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] not in MODES:
        sys.exit(f"cannot serve names: {sys.argv[1]} is none of {', '.join(MODES)}")
    asyncio.run(serve(sys.argv[1], sys.argv[2:]))
