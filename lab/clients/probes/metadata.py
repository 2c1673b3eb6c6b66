"""Every guest fetches its own instance-id from its own address; another guest's is counted by its name."""

from __future__ import annotations

from lab.clients.probes.http import Requester, attempt
from lab.clients.probes.tally import Tally, options


def main() -> None:
    given = options()
    tally = Tally(given["client"])
    seen: set[str] = set()
    for index in tally.ticks(given["rate"], given["seconds"]):
        address, instance = given["guests"][index % len(given["guests"])]
        requester = Requester(given["url"], address, given["timeout"], keep_alive=False)
        if attempt(tally, requester, instance) is not None:
            seen.add(address)
    tally.facts["guests"] = len(seen)
    tally.report()


if __name__ == "__main__":
    main()
