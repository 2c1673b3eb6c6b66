"""Rules of the management server in Debian's load balancers: their files are accepted, and clients are served so."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat

from tests.kit.samples.certificates import certificate, pem
from tests.services.balancing import configured, member, rules, serving, written
from tests.services.image_daemon import command, unpacked

DATA = Path(__file__).parents[1] / "data"
FILES = {path.name.partition("--")[0]: path for path in sorted((DATA / "cloudstack-4.23").glob("*-lb-*"))}
INSTALLED = ["/usr/sbin/haproxy"]

pytestmark = [
    pytest.mark.images,
    pytest.mark.skipif(not shutil.which(INSTALLED[0]), reason="haproxy is not installed"),
]


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The newer release's daemon, out of its image."""
    return command(unpacked("trixie", "haproxy", tmp_path_factory.mktemp("haproxy")), "/usr/sbin/haproxy")


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


def accepts(program: list[str], path: Path) -> str:
    """Return why the daemon does not take the file; nothing: it does."""
    done = subprocess.run([*program, "-c", "-f", str(path)], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("name", FILES)
def test_both_daemons_accept_what_the_management_server_sends(name: str, newer: list[str], tmp_path: Path) -> None:
    sent = json.loads(FILES[name].read_text())
    text = sent["rules"][0]["configuration"]
    sent["rules"][0]["configuration"] = [line.replace(" prefix ", " ") for line in text]  # named: test_cloudstack_4_23
    path = written(configured(sent), tmp_path)
    assert [accepts(program, path) for program in (INSTALLED, newer)] == ["", ""]


def test_both_daemons_accept_all_that_a_rule_may_say(newer: list[str], tmp_path: Path) -> None:
    lines = (
        "defaults",
        "\tdefault-server inter 3s fastinter 1s downinter 5s rise 2 fall 3 slowstart 10s weight 10 maxconn 5 minconn 2",
        "\ttimeout http-request 10s",
        "\tretries 0",
        "\toption tcpka",
        "listen a-80",
        "\tbind 203.0.113.10:80",
        "\tmode http",
        *(f"\ttimeout {name} 0" for name in ("check", "client-fin", "connect", "http-keep-alive", "queue", "tunnel")),
        *(f"\toption {name}" for name in ("abortonclose", "allbackups", "independent-streams", "nolinger", "persist")),
        *(f"\toption {name}" for name in ("tcp-smart-accept", "tcp-smart-connect", "http-buffer-request")),
        *(f"\toption {name}" for name in ("http-no-delay", "http-pretend-keepalive", "http-server-close")),
        "\toption prefer-last-server",
        "\toption httpchk GET /a?b=1&c=[2]#d;e{f} HTTP/1.1",
        "\thttp-check expect status 200,300-399",
        "\thttp-check expect ! rstatus ^(4|5)",
        "\thttp-check expect string it's",
        "\thttp-check send hdr Host a\\ b hdr X-A c;d#e'f",
        "\thttp-check send-state",
        "\thttp-request set-header X-B it's\\ {one}#two;three",
        "\tcookie srv prefix indirect nocache maxidle 1m",
        "\tmaxconn 7",
        "\tfullconn 5",
        "\tserver t 10.1.1.22:81 ssl verify none check-ssl alpn h2,http/1.1 send-proxy-v2 check-send-proxy port 82",
        "\tserver u 10.1.1.22:81 backup disabled maxqueue 3 on-marked-down shutdown-sessions",
        "\tserver v 10.1.1.22:81 check on-marked-up shutdown-backup-sessions",
    )
    path = written(configured(rules(*lines)), tmp_path)
    assert [accepts(program, path) for program in (INSTALLED, newer)] == ["", ""]


@pytest.mark.parametrize(
    "check", ["ldap-check", "redis-check", "ssl-hello-chk", "smtpchk EHLO a.b", "mysql-check user a"]
)
def test_both_daemons_accept_checks_of_other_protocols(check: str, newer: list[str], tmp_path: Path) -> None:
    path = written(configured(rules("listen a-80", "\tbind 203.0.113.10:80", f"\toption {check}")), tmp_path)
    assert [accepts(program, path) for program in (INSTALLED, newer)] == ["", ""]


def curl(port: int, *more: str) -> tuple[int, str, str]:
    """Call www.shop.example over TLS, whoever it is, and return status, version of HTTP and body."""
    address = f"https://www.shop.example:{port}/"
    to = ["--resolve", f"www.shop.example:{port}:127.0.0.1"]
    format_ = "\n%{http_code} %{http_version}"
    line = ["curl", "--silent", "--insecure", "--max-time", "15", "--write-out", format_, *to, *more, address]
    done = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
    body, _, facts = done.stdout.rpartition("\n")
    return int(facts.split()[0]), facts.split()[1], body


@pytest.mark.parametrize("which", ["installed", "newer"])
def test_tls_is_ended_as_the_management_server_says(which: str, newer: list[str], port: int) -> None:
    """TLS offload of CloudStack 4.22 and later; port 443 used to refuse connections."""
    program = INSTALLED if which == "installed" else newer
    router = configured(json.loads(FILES["018-lb-ssl"].read_text()))
    with member() as behind, serving(program, router, behind, port):
        status, version, body = curl(port, "--header", "X-Forwarded-Proto: http")
        assert (status, version) == (200, "2")
        said = [value for name, value in json.loads(body) if name.lower() == "x-forwarded-proto"]
        assert said == ["https"], "what the client says of it itself is gone"
        older = ("--tls-max", "1.2", "--ciphers")
        assert curl(port, *older, "ECDHE-RSA-AES128-GCM-SHA256")[0] == 200
        assert curl(port, *older, "ECDHE-RSA-CHACHA20-POLY1305")[0] == 0, "not among the ciphers of the rule"
        assert curl(port, "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256")[0] == 200


def test_a_key_that_came_encrypted_with_its_password_serves(port: int) -> None:
    """haproxy/haproxy#3202."""
    key = rsa.generate_private_key(65537, 2048)
    entry = {
        "name": "a-443",
        "cert": certificate(key, "www.shop.example"),
        "key": pem(key, PrivateFormat.PKCS8, BestAvailableEncryption(b"it's $ecret\\")),
        "password": "it's $ecret\\",
    }
    lines = ("listen a-443", "\tbind 203.0.113.10:443 ssl crt /etc/cloudstack/ssl/a-443.pem", "\tmode http")
    router = configured(rules(*lines, ssl_certs=[entry]))
    with member() as behind, serving(INSTALLED, router, behind, port):
        assert curl(port)[0] == 200


def test_an_idle_connection_lives_as_long_as_its_rule_says(port: int) -> None:
    """apache/cloudstack#14131."""
    limits = ("\ttimeout client 30m", "\ttimeout server 30m")
    defaults = ("defaults", "\ttimeout client 500", "\ttimeout server 500", "listen a-80", "\tbind 203.0.113.10:80")
    lives = {}
    for name, more, patience in (("all", (), 10.0), ("own", limits, 1.5)):
        with socket.create_server(("127.0.0.1", 0)) as behind:
            router = configured(rules(*defaults, *more))
            with (
                serving(INSTALLED, router, behind.getsockname()[1], port),
                socket.create_connection(("127.0.0.1", port)) as client,
            ):
                client.settimeout(patience)
                client.sendall(b"x")
                lives[name] = _is_open(client)
    assert lives == {"all": False, "own": True}


def _is_open(client: socket.socket) -> bool:
    try:
        return bool(client.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False


def test_a_member_whose_health_page_says_no_gets_nothing(port: int) -> None:
    lines = ("listen a-80", "\tbind 203.0.113.10:80", "\tmode http", "\tdefault-server inter 100 fall 1")
    check = ("\toption httpchk GET /health",)
    for more, expected in (((), "200"), (check, "503")):
        router = configured(rules(*lines, *more))
        with member() as behind, serving(INSTALLED, router, behind, port):
            assert _becomes(port, expected)


def _becomes(port: int, status: str) -> bool:
    address = f"http://127.0.0.1:{port}/"
    line = ["curl", "--silent", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}", address]
    for _ in range(50):
        if subprocess.run(line, capture_output=True, text=True, check=False).stdout == status:
            return True
        time.sleep(0.1)
    return False


def test_statistics_of_the_default_visibility_are_shown_to_who_has_the_password(port: int) -> None:
    router = configured(json.loads(FILES["005-lb-stats-default"].read_text()))
    with member() as behind, serving(INSTALLED, router, behind, port):
        address = f"http://127.0.0.1:{port}/admin?stats"

        def ask(*more: str) -> Any:
            return subprocess.run(
                ["curl", "--silent", *more, address], capture_output=True, text=True, check=True
            ).stdout

        assert "203_0_113_10-80" in ask("--user", "admin1:ChangeMe")
        assert "203_0_113_10-80" not in ask()
