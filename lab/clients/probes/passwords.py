"""Every guest asks for its password, acknowledges it later, and asks again: then there must be none any more."""

from __future__ import annotations

from typing import Any

from lab.clients.probes.http import Requester, attempt
from lab.clients.probes.tally import Tally, options

NONE_LEFT = "saved_password"
STEPS = ("ask", "acknowledge", "ask again")


def main() -> None:
    given: dict[str, Any] = options()
    tally = Tally(given["client"])
    guests: list[tuple[str, str]] = given["guests"]
    lag = len(guests)
    # Three overlapping waves, a third of the run each, in the order of the guests.
    slots = [(step, index) for step in range(len(STEPS)) for index in range(lag)]
    for slot in tally.ticks(len(slots) / given["seconds"], given["seconds"] * 4):
        if slot >= len(slots):
            break
        step, index = slots[slot]
        address, password = guests[index]
        request = "saved_password" if STEPS[step] == "acknowledge" else "send_my_password"
        expected = password if STEPS[step] == "ask" else NONE_LEFT
        url = f"http://{given['server']}:{given['port']}/"
        requester = Requester(url, address, given["timeout"], keep_alive=False)
        if attempt(tally, requester, expected, {"DomU_Request": request}) is not None:
            label = STEPS[step].replace(" ", "_")
            tally.facts[label] = int(tally.facts.get(label, 0)) + 1
    tally.report()


if __name__ == "__main__":
    main()
