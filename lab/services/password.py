"""Passwords: each guest fetches its own once. What a client took is on offer no more, so it is sent again."""

from __future__ import annotations

import time

from lab import commands, facts, network
from lab.broken.kind import Breakage, wrong_answers
from lab.clients import HttpProbe, PasswordExchange
from lab.router import Router
from lab.service import Afterwards, ClientProbe, Load, ServiceUnderTest, WayIn
from lab.tools import LabError, run_inside
from lab.topology import GUEST_COUNT, ROUTER_GUEST_IP, guests_of_lab

NAME = "password"
URL = f"http://{ROUTER_GUEST_IP}:8080/"
QUESTION = ("DomU_Request", "send_my_password")
OFFERED_SECONDS = 20.0
_ASKING = guests_of_lab()[7]  # asks again and again, and never acknowledges
_UNACKNOWLEDGED = guests_of_lab()[151]  # has its password, and does not acknowledge it


def _loads(seconds: float) -> tuple[Load, ...]:
    return (Load("200 guests", "guest", PasswordExchange(seconds=seconds)),)


def _steady_loads(seconds: float) -> tuple[Load, ...]:
    return (Load("a guest that asks", "guest", _asking(seconds), needs_disk=True),)


def _asking(seconds: float, rate: float = 50.0, timeout: float = 2.0) -> HttpProbe:
    return HttpProbe(
        URL,
        _ASKING.password,
        _ASKING.address,
        rate=rate,
        seconds=seconds,
        keep_alive=False,
        timeout=timeout,
        headers=(QUESTION,),
    )


def renew(router: Router) -> None:
    """Send every guest's password once more, as a management server does after a reset, until all are on offer.

    Raises LabError: when they are not after `OFFERED_SECONDS`.
    """
    folder = network.folder(router.lab)
    counter, files = folder / "password-turn", folder / "passwords"
    turn = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(turn))
    for former in files.glob("*"):
        former.unlink()
    written, before = commands.write_passwords(files, turn), _offers(router)
    router.vrctl("config", "apply", *map(str, written))
    deadline = time.monotonic() + OFFERED_SECONDS
    while len(now := _offers(router)) < GUEST_COUNT or not before.isdisjoint(now):
        if time.monotonic() > deadline:
            raise LabError(f"cannot renew passwords: not all are on offer after {OFFERED_SECONDS:g} s")
        time.sleep(0.05)


def _offers(router: Router) -> set[bytes]:
    """Return what the password server reads: every offer has an identity of its own."""
    generation = facts.service(router, NAME)["generation"]
    folder = router.runtime / NAME / str(generation) / "config" / "offers"
    return {path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _prepare(router: Router, loads: tuple[Load, ...]) -> Afterwards:
    """Put every password on offer: the guests' own counts say whether each got its own."""
    del loads
    renew(router)
    return tuple


def _password_of_a_guest(router: Router) -> str:
    """Return what a guest gets that has not acknowledged its password."""
    guest = _UNACKNOWLEDGED
    asked = ["curl", "-sS", "-m", "5", "--interface", guest.address, "-H", ": ".join(QUESTION)]
    answer = run_inside(router.lab.guest, [*asked, URL]).strip()
    assert answer == guest.password, f"{guest.name} got {answer!r} as its password"
    return answer


SERVICE = ServiceUnderTest(
    name=NAME,
    loads=_loads,
    steady_loads=_steady_loads,
    prepare=_prepare,
    refresh=renew,
    silence=ClientProbe(_asking(60.0, rate=100.0, timeout=0.1), "guest"),
    ways_in=(WayIn("password", ROUTER_GUEST_IP, 8080, _asking, "guest", (400, 500.0)),),
    remembered=_password_of_a_guest,
    version_command=(
        ("/usr/bin/python3", "-c", "import vr_password.__main__ as app; print('imported', app.__file__)"),
        "imported /usr/lib/vr-password",
    ),
    breakage=Breakage(
        configuration="password.json",
        kinds=(wrong_answers("password.json.j2", "probe of", "somebody else of"),),
    ),
)
