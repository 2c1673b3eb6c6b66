"""What CloudStack's guests speak: one header says what is wanted, the source address says who asks.

Every reply has status 200: clients raise on anything else, and read the outcome from the body.

    GET, DomU_Request: send_my_password   the password, or `saved_password` when there is none
    GET, DomU_Request: saved_password     forgets it; `saved_password`
    GET, anything else                    `bad_request`
    POST, DomU_Request: save_password     keeps `password` for `ip`, from the router itself only; empty
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from vr_password.forms import fields
from vr_password.store import Store

MAX_BODY = 64 * 1024
SAVED, BAD = "saved_password", "bad_request"


@dataclass(frozen=True)
class Service:
    """A WSGI application."""

    store: Store
    may_save: frozenset[IPv4Address]
    probe: IPv4Address | None = None  # the supervisor's address: asks like a guest, has an answer of its own
    probe_answer: str = ""
    token: str | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        reply = self.reply(environ).encode()
        headers = [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(reply))),
            ("Cache-Control", "no-store"),
        ]
        start_response("200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [reply]

    def reply(self, environ: dict[str, Any]) -> str:
        guest, wish = IPv4Address(environ["REMOTE_ADDR"]), environ.get("HTTP_DOMU_REQUEST", "")
        match environ["REQUEST_METHOD"], wish:
            case "GET", "send_my_password":
                return self._password(guest)
            case "GET", "saved_password":
                self.store.acknowledge(guest)
                return SAVED
            case "POST", _:
                self._save(guest, wish, environ)
                return ""
        return BAD

    def _password(self, guest: IPv4Address) -> str:
        if guest == self.probe:
            self.store.check()
            return self.probe_answer
        password = self.store.password(guest)
        return SAVED if password is None else password

    def _save(self, sender: IPv4Address, wish: str, environ: dict[str, Any]) -> None:
        if wish != "save_password" or (sender not in self.may_save and not sender.is_loopback):
            return
        form = fields(environ.get("CONTENT_TYPE", ""), environ["wsgi.input"].read(MAX_BODY))
        if self.token is not None and not hmac.compare_digest(form.get("token", "").encode(), self.token.encode()):
            return
        try:
            guest = IPv4Address(form["ip"])
        except (KeyError, ValueError):
            return
        if password := form.get("password"):
            self.store.send(guest, password)
