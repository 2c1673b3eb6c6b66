"""The password server, as a real process on loopback addresses: each address of 127.0.0.0/8 is a guest."""

from __future__ import annotations

import fcntl
import http.client
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from json import dumps
from pathlib import Path

import pytest

pytest.importorskip("waitress")

SOURCE = Path(__file__).parents[2] / "images/password/files/usr/lib/vr-password"
SERVER = "127.77.0.1"
ROUTER, GUEST, OTHER, PROBE = "127.77.0.1", "127.77.0.21", "127.77.0.22", "127.77.0.5"
SEND, SAVED = "send_my_password", "saved_password"


def ask(port: int, wish: str | None, source: str = GUEST, method: str = "GET", **more: object) -> tuple[int, str]:
    connection = http.client.HTTPConnection(SERVER, port, timeout=10, source_address=(source, 0))
    try:
        headers = {"DomU_Request": wish} if wish else {}
        connection.request(method, "/", headers={**headers, **more.pop("headers", {})}, **more)  # type: ignore[arg-type,dict-item]
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


class Site:
    """A folder with what the server reads and writes, and any number of servers on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store, self.offers = folder / "store", folder / "offers"
        self.owners = folder / "owners"
        self.offers.mkdir()
        self.owners.mkdir()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = b""

    def offer(self, guest: str, number: str, password: str) -> None:
        temporary = self.folder / "offer"
        temporary.write_text(f"{number}\n{password}\n")
        temporary.rename(self.offers / guest)

    def start(self, **more: object) -> int:
        with socket.socket() as free:
            free.bind((SERVER, 0))
            port: int = free.getsockname()[1]
        configuration = {
            "listen": [[SERVER, port]],
            "may_save": ["192.0.2.1"],
            "probe": {"address": PROBE, "answer": "probe of generation 7"},
            "offers": str(self.offers),
            "owners": str(self.owners),
            "sweep": 1.0,
            "store": str(self.store),
        }
        path = self.folder / f"{port}.json"
        path.write_text(dumps(configuration | more))
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        command = [sys.executable, "-m", "vr_password", str(path)]
        self.processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection((SERVER, port), 1).close()
                return port
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError("the server does not listen")

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
            self.log += process.communicate(timeout=10)[1]
        self.processes.clear()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.stop()
    sys.stdout.write(site.log.decode())  # shown when a test fails


def test_an_offered_password_is_served_until_it_is_acknowledged(site: Site) -> None:
    site.offer(GUEST, "1", "Kt7pXq2Zr9")
    port = site.start()
    answers = [ask(port, wish) for wish in (SEND, SEND, SAVED, SEND, SAVED)]
    assert answers == [(200, "Kt7pXq2Zr9"), (200, "Kt7pXq2Zr9"), (200, SAVED), (200, SAVED), (200, SAVED)]


def test_a_guest_sees_its_own_password_only(site: Site) -> None:
    site.offer(GUEST, "1", "mine")
    port = site.start()
    assert ask(port, SEND, OTHER) == (200, SAVED)
    assert ask(port, SAVED, OTHER) == (200, SAVED)
    assert ask(port, SEND) == (200, "mine")


@pytest.mark.parametrize(
    ("wish", "method", "answer"),
    [
        (None, "GET", "bad_request"),
        ("something", "GET", "bad_request"),
        (SEND, "PUT", "bad_request"),
        (SEND, "POST", ""),
    ],
)
def test_what_is_not_understood_has_status_200_too(site: Site, wish: str | None, method: str, answer: str) -> None:
    assert ask(site.start(), wish, method=method) == (200, answer)


def test_an_acknowledged_offer_that_is_rendered_again_does_not_come_back(site: Site) -> None:
    site.offer(GUEST, "1", "first")
    port = site.start()
    ask(port, SEND), ask(port, SAVED)
    site.offer(GUEST, "1", "first")
    assert ask(port, SEND) == (200, SAVED)
    site.stop()
    assert ask(site.start(), SEND) == (200, SAVED)


def test_a_new_offer_supersedes_what_was_acknowledged_and_the_same_text_may_be_offered_again(site: Site) -> None:
    site.offer(GUEST, "1", "same")
    port = site.start()
    ask(port, SEND), ask(port, SAVED)
    site.offer(GUEST, "2", "same")
    assert ask(port, SEND) == (200, "same")


def test_an_offer_that_arrives_between_question_and_acknowledgement_is_not_lost(site: Site) -> None:
    site.offer(GUEST, "1", "first")
    port = site.start()
    ask(port, SEND)
    site.offer(GUEST, "2", "second")
    assert [ask(port, SAVED)[1], ask(port, SEND)[1], ask(port, SAVED)[1], ask(port, SEND)[1]] == [
        SAVED,
        "second",
        SAVED,
        SAVED,
    ]


def test_an_older_offer_does_not_come_back_when_a_reverted_generation_still_has_it(site: Site) -> None:
    site.offer(GUEST, "1", "first")
    port = site.start()
    ask(port, SEND)
    site.offer(GUEST, "2", "second")
    ask(port, SEND), ask(port, SAVED)
    site.offer(GUEST, "1", "first")
    assert ask(port, SEND) == (200, SAVED)
    site.offer(GUEST, "2", "second")
    assert ask(port, SEND) == (200, SAVED)


def test_an_acknowledgement_without_a_question_forgets_the_password_too(site: Site) -> None:
    site.offer(GUEST, "1", "never asked for")
    port = site.start()
    assert [ask(port, SAVED)[1], ask(port, SEND)[1]] == [SAVED, SAVED]


URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=----b0undary"}


def _multipart(**values: str) -> bytes:
    parts = [
        f'------b0undary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in values.items()
    ]
    return ("".join(parts) + "------b0undary--\r\n").encode()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(URLENCODED, b"ip=127.77.0.21&password=p%26%3D%2B+w%C3%B6rd&token=t", id="urlencoded"),
        pytest.param(MULTIPART, _multipart(ip=GUEST, password="p&=+ wörd", token="t"), id="multipart"),
    ],
)
def test_the_router_may_send_a_password(site: Site, headers: dict[str, str], body: bytes) -> None:
    site.offer(GUEST, "1", "offered")
    port = site.start()
    assert ask(port, "save_password", ROUTER, "POST", headers=headers, body=body) == (200, "")
    assert [ask(port, wish)[1] for wish in (SEND, SAVED, SEND)] == ["p&=+ wörd", SAVED, SAVED]


@pytest.mark.parametrize(
    "body",
    [
        b"ip=127.77.0.21",
        b"password=x",
        b"ip=../../etc&password=x",
        b"ip=127.77.0.21&password=",
        b"\xff\xfe",
        b"a=1&" * 99,
    ],
)
def test_a_form_that_lacks_something_changes_nothing(site: Site, body: bytes) -> None:
    port = site.start()
    assert ask(port, "save_password", ROUTER, "POST", headers=URLENCODED, body=body) == (200, "")
    assert ask(port, "save_password", ROUTER, "POST", headers=MULTIPART, body=body) == (200, "")
    assert ask(port, SEND) == (200, SAVED)


def test_a_form_with_a_wrong_token_changes_nothing(site: Site) -> None:
    (site.folder / "token").write_text("0123abcd\n")
    port = site.start(token_file=str(site.folder / "token"))
    for token, answer in (("wrong", SAVED), ("", SAVED), ("0123abcd", "x")):
        body = f"ip={GUEST}&password=x&token={token}".encode()
        ask(port, "save_password", ROUTER, "POST", headers=URLENCODED, body=body)
        assert ask(port, SEND)[1] == answer


def test_the_probe_has_an_answer_of_its_own_and_leaves_nothing_in_the_store(site: Site) -> None:
    port = site.start()
    assert ask(port, SEND, PROBE) == (200, "probe of generation 7")
    assert ask(port, SEND, PROBE) == (200, "probe of generation 7")
    left = {path.name for path in site.store.iterdir() if not path.name.startswith(".lock")}
    assert left == {"spent"}
    assert list((site.store / "spent").iterdir()) == []


def test_the_store_is_for_its_owner_only_and_does_not_keep_what_is_offered_or_acknowledged(site: Site) -> None:
    site.offer(GUEST, "1", "offered-secret")
    port = site.start()
    ask(port, SEND)
    body = f"ip={OTHER}&password=sent-secret".encode()
    ask(port, "save_password", ROUTER, "POST", headers=URLENCODED, body=body)
    assert stat.S_IMODE(site.store.stat().st_mode) == 0o700
    files = [path for path in site.store.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert b"sent-secret" in (site.store / OTHER).read_bytes()
    ask(port, SAVED, OTHER)
    kept = b"".join(path.read_bytes() for path in site.store.rglob("*") if path.is_file())
    assert b"secret" not in kept


def test_a_damaged_record_knows_nothing_and_is_replaced(site: Site) -> None:
    site.offer(GUEST, "1", "offered")
    port = site.start()
    (site.store / GUEST).write_bytes(b'{"served": 1')
    assert [ask(port, wish)[1] for wish in (SEND, SAVED, SEND)] == ["offered", SAVED, SAVED]


def test_two_generations_on_one_store_serve_each_guest_its_own_and_nothing_after_its_acknowledgement(
    site: Site,
) -> None:
    guests = [f"127.77.1.{number}" for number in range(1, 101)]
    for guest in guests:
        site.offer(guest, f"offer-{guest}", f"password-{guest}")
    ports = [site.start(), site.start()]

    def life(guest: str) -> list[str]:
        turn = int(guest.rpartition(".")[2])
        wishes = (SEND, SEND, SAVED, SEND, SEND)
        return [ask(ports[(turn + step) % 2], wish, guest)[1] for step, wish in enumerate(wishes)]

    with ThreadPoolExecutor(16) as pool:
        answers = dict(zip(guests, pool.map(life, guests), strict=True))
    assert answers == {guest: [f"password-{guest}"] * 2 + [SAVED] * 3 for guest in guests}


def test_others_are_served_while_one_guest_holds_as_many_connections_as_it_can(site: Site) -> None:
    site.offer(OTHER, "1", "other")
    port = site.start()
    with ExitStack() as stack:
        for _ in range(400):
            held = stack.enter_context(socket.create_connection((SERVER, port), 5, source_address=(GUEST, 0)))
            held.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        started = time.monotonic()
        assert ask(port, SEND, OTHER) == (200, "other")
        assert time.monotonic() - started < 2
        assert _connections(site, port) <= 40


def _connections(site: Site, port: int) -> int:
    return len(os.listdir(f"/proc/{site.processes[0].pid}/fd"))


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", id="huge header"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", id="huge body announced"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"\x00\xff\r\n\r\n", id="no request"),
    ],
)
def test_a_hostile_request_is_refused_and_the_next_guest_is_served(site: Site, request_text: bytes) -> None:
    site.offer(OTHER, "1", "other")
    port = site.start()
    with socket.create_connection((SERVER, port), 5, source_address=(GUEST, 0)) as connection:
        try:
            connection.sendall(request_text)
            answer = connection.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert answer[:7] in (b"", b"HTTP/1.")
    assert ask(port, SEND, OTHER) == (200, "other")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"listen": [], "store": "/s", "offers": "/o", "may_save": []}', '{"listen": [["x", 1]]}']
)
def test_the_check_refuses_a_configuration_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    path = tmp_path / "password.json"
    path.write_text(text)
    found = _check(path)
    assert found.returncode == 2
    assert found.stderr.startswith(f"cannot use {path}: ".encode())


def _check(path: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "vr_password", "--check", str(path)]
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, timeout=10, check=False
    )


def test_sigterm_ends_it_at_once(site: Site) -> None:
    site.start()
    started: Callable[[], float] = time.monotonic
    begun = started()
    site.stop()
    assert started() - begun < 3


def until(holds: Callable[[], object], seconds: float = 20.0) -> bool:
    limit = time.monotonic() + seconds
    while not (found := bool(holds())) and time.monotonic() < limit:
        time.sleep(0.05)
    return found


def test_an_acknowledged_offer_is_listed_for_the_supervisor_and_a_newer_one_is_not(site: Site) -> None:
    site.offer(GUEST, "first", "Kt7pXq2Zr9")
    port = site.start()
    assert ask(port, SEND) == (200, "Kt7pXq2Zr9")
    assert os.listdir(site.store / "spent") == []
    site.offer(GUEST, "second", "Newer1")
    assert ask(port, SAVED) == (200, SAVED)
    assert os.listdir(site.store / "spent") == ["first"]
    assert ask(port, SEND) == (200, "Newer1")


def test_what_was_acknowledged_before_the_list_existed_is_listed_after_a_while(site: Site) -> None:
    site.offer(GUEST, "first", "Kt7pXq2Zr9")
    port = site.start()
    assert [ask(port, wish)[0] for wish in (SEND, SAVED)] == [200, 200]
    (site.store / "spent" / "first").unlink()
    site.stop()
    port = site.start()
    assert until(lambda: ask(port, SEND, PROBE) and os.listdir(site.store / "spent") == ["first"])


def test_a_password_that_was_sent_for_one_card_is_not_given_to_the_next_one_at_its_address(site: Site) -> None:
    (site.owners / GUEST).write_text("02:00:00:00:00:0a\n")
    port = site.start(may_save=[ROUTER])
    form = {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "body": f"ip={GUEST}&password=OnlyForA"}
    ask(port, "save_password", ROUTER, "POST", **form)
    assert ask(port, SEND) == (200, "OnlyForA")
    (site.owners / GUEST).write_text("02:00:00:00:00:0b\n")
    assert ask(port, SEND) == (200, SAVED)
    assert until(lambda: ask(port, SEND, PROBE) and "OnlyForA" not in (site.store / GUEST).read_text())


def test_a_password_that_was_sent_for_a_guest_that_is_gone_is_not_kept(site: Site) -> None:
    (site.owners / GUEST).write_text("02:00:00:00:00:0a\n")
    port = site.start(may_save=[ROUTER])
    form = {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "body": f"ip={GUEST}&password=OnlyForA"}
    ask(port, "save_password", ROUTER, "POST", **form)
    (site.owners / GUEST).unlink()
    assert ask(port, SEND) == (200, SAVED)
    assert until(lambda: ask(port, SEND, PROBE) and "OnlyForA" not in (site.store / GUEST).read_text())


# ---------------------------------------------------------------- the supervisor's own way in


def start_with_own_way(site: Site) -> tuple[int, int]:
    """Start a server; return the guests' port and the supervisor's own."""
    with socket.socket() as free:
        free.bind((SERVER, 0))
        own: int = free.getsockname()[1]
    return site.start(own_way=[SERVER, own]), own


def test_the_supervisor_has_a_way_in_of_its_own(site: Site) -> None:
    _, own = start_with_own_way(site)
    assert ask(own, None, PROBE) == (200, "probe of generation 7")


def test_guests_that_take_every_connection_leave_the_supervisor_its_own(site: Site) -> None:
    port, own = start_with_own_way(site)
    guests = [f"127.77.{number}.1" for number in range(2, 80)]
    with ExitStack() as stack:
        for guest in guests:
            for _ in range(16):
                opened = socket.create_connection((SERVER, port), 5, source_address=(guest, 0))
                stack.callback(opened.close)
                opened.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        silent = stack.enter_context(socket.create_connection((SERVER, port), 1, source_address=(PROBE, 0)))
        silent.sendall(b"GET / HTTP/1.1\r\nDomU_Request: send_my_password\r\n\r\n")
        with pytest.raises(TimeoutError):
            silent.recv(1)
        for _ in range(20):
            assert ask(own, None, PROBE) == (200, "probe of generation 7")
        assert time.monotonic() - began < 5


def test_a_server_whose_requests_do_not_end_says_so_there(site: Site) -> None:
    """The threads of requests wait for a record that another process has locked, until there is none left."""
    port, own = start_with_own_way(site)
    of_check = set(site.store.glob(".lock-*"))
    ask(port, SAVED)
    (of_guest,) = set(site.store.glob(".lock-*")) - of_check
    with ExitStack() as stack, ThreadPoolExecutor(8) as asking:
        lock = stack.enter_context(of_guest.open("rb"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        stuck = [asking.submit(ask, port, SAVED) for _ in range(8)]
        wait_for(lambda: ask(own, None, PROBE)[0] == 503, 10)
        status, text = ask(own, None, PROBE)
        assert status == 503
        assert text.startswith("no request has ended for ")
        stack.close()
        assert [answer.result()[0] for answer in stuck] == [200] * 8
    wait_for(lambda: ask(own, None, PROBE)[0] == 200, 5)


def wait_for(is_so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_own_way_that_is_no_address_is_refused(site: Site) -> None:
    path = site.folder / "odd.json"
    path.write_text(
        dumps({"listen": [[SERVER, 1]], "own_way": ["nowhere", 1], "may_save": [], "offers": "", "store": ""})
    )
    command = [sys.executable, "-m", "vr_password", "--check", str(path)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, check=False)
    assert (done.returncode, b"nowhere" in done.stderr) == (2, True)
