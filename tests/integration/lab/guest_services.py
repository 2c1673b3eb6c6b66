"""Metadata on port 80 and passwords on port 8080, as plain as can be: answers by the client's address."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from lab.topology import ROUTER_GUEST_IP, guests_of_lab

INSTANCES = {guest.address: guest.instance for guest in guests_of_lab()}
PASSWORDS = {guest.address: guest.password for guest in guests_of_lab()}


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def answer(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Metadata(Quiet):
    def do_GET(self) -> None:
        self.answer(INSTANCES[self.client_address[0]])


class Passwords(Quiet):
    def do_GET(self) -> None:
        guest = self.client_address[0]
        if self.headers["DomU_Request"] == "saved_password":
            PASSWORDS.pop(guest, None)
        self.answer(PASSWORDS.get(guest, "saved_password"))


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


if __name__ == "__main__":
    threading.Thread(target=Server((ROUTER_GUEST_IP, 8080), Passwords).serve_forever, daemon=True).start()
    Server((ROUTER_GUEST_IP, 80), Metadata).serve_forever()
