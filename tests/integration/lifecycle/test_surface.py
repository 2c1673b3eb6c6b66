"""What the router shows of itself: health and metrics to those inside, secrets to nobody."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.commands import PSK
from lab.router import PROGRAM
from lab.topology import guests_of_lab
from tests.kit.live.router import SERVICES, LiveRouter, mode_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

SECRETS = (PSK, *(guest.password for guest in guests_of_lab()))


def get(live: LiveRouter, path: str) -> tuple[str, str]:
    done = live.run("curl", "-sS", "-m", "5", "-w", "%{http_code}", f"http://127.0.0.1:9531{path}")
    assert done.returncode == 0, done.stderr
    return done.stdout[-3:], done.stdout[:-3]


def test_health_and_metrics_answer_inside_the_router(live: LiveRouter) -> None:
    assert get(live, "/healthz") == ("200", "ok\n")
    assert get(live, "/readyz") == ("200", "ready\n")
    code, metrics = get(live, "/metrics")
    assert code == "200"
    for service in SERVICES:
        assert f'vr_supervisor_service_up{{service="{service}"}} 1.0' in metrics
        assert f'vr_supervisor_service_ready{{service="{service}"}} 1.0' in metrics
        assert f'vr_supervisor_service_restarts_total{{service="{service}"}}' in metrics
    assert get(live, "/elsewhere")[0] == "404"


def test_only_root_may_ask_and_look(live: LiveRouter) -> None:
    assert stat.S_ISSOCK(live.router.socket.lstat().st_mode)
    assert mode_of(live.router.socket) == 0o600
    assert mode_of(live.router.state) == 0o700
    assert mode_of(live.engine_socket) & 0o077 == 0


def test_secrets_are_shown_to_nobody(live: LiveRouter) -> None:
    shown = {
        "the supervisor's log": live.router.processes.log(PROGRAM).read_text(),
        "config show": live.router.vrctl("config", "show", "--json").stdout,
        "events": live.router.vrctl("events").stdout,
        "history": live.router.vrctl("history", "--json").stdout,
        "status": live.router.vrctl("status", "--json").stdout,
        "metrics": get(live, "/metrics")[1],
    }
    for service in SERVICES:
        shown[f"logs of {service}"] = live.router.vrctl("logs", service, "-n", "1000").stdout
    containers = live.containers()
    shown["inspect"] = live.podman("inspect", *containers)
    for name, pid in containers.items():
        shown[f"command and environment of {name}"] = "".join(
            Path(f"/proc/{pid}/{file}").read_text(errors="replace") for file in ("cmdline", "environ")
        )
    assert [(place, secret) for place, text in shown.items() for secret in SECRETS if secret in text] == []


def test_what_everybody_may_read_holds_no_secret(live: LiveRouter) -> None:
    found = [
        str(path)
        for root in (live.router.runtime, live.router.state)
        for path in open_to_others(root)
        if any(secret.encode() in path.read_bytes() for secret in SECRETS)
    ]
    assert found == []
    hidden = [path for path in live.router.runtime.rglob("*") if is_secret(path)]
    assert len(hidden) > 100, "the secrets are somewhere"
    assert {oct(mode_of(path)) for path in hidden} == {"0o600"}


def test_what_the_supervisor_stores_holds_no_secret_in_clear(live: LiveRouter) -> None:
    secrets = json.loads(live.router.vrctl("status", "--json").stdout)["supervisor"]["secrets"]
    assert (secrets["source"], secrets["place"]) == ("file", str(live.router.key))
    assert (secrets["encrypted"], secrets["message"]) == (True, "")
    assert mode_of(live.router.key) == 0o600
    stored = [path for folder in ("", "releases") for path in (live.router.state / folder).iterdir() if path.is_file()]
    assert {"state.db", "state.db.copy-1"} <= {path.name for path in stored}
    assert [path.name for path in stored if any(secret.encode() in path.read_bytes() for secret in SECRETS)] == []


def is_secret(path: Path) -> bool:
    """True if a rendered file has a secret in it: containers' own file systems are not looked into."""
    if not path.is_file() or path.is_symlink() or "config" not in path.parts or path.stat().st_size > 1 << 20:
        return False
    content = path.read_bytes()
    return any(secret.encode() in content for secret in SECRETS)


def open_to_others(root: Path) -> Iterator[Path]:
    """Yield the regular files that everybody may open: their mode says so, and those of the folders above them."""
    if not root.is_dir() or not mode_of(root) & stat.S_IXOTH:
        return
    waiting = [root]
    while waiting:
        for path in waiting.pop().iterdir():
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) and mode & stat.S_IXOTH:
                waiting.append(path)
            elif stat.S_ISREG(mode) and mode & stat.S_IROTH:
                yield path
