"""An issuer that counts, and fails as it is told.

``python -m benchmarks.outage.issuer`` is a process of its own with a real HTTP server
on loopback: metadata at ``/.well-known/openid-configuration``, keys at ``/jwks``. It is
told by JSON objects on its standard input, a line each, and answers each on its
standard output; it ends when its standard input does, so it never outlives the
benchmark.
"""

from __future__ import annotations

import gzip
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

__all__ = ["FAULTS", "main"]

FAULTS = ("down", "500", "html", "empty", "huge", "bomb", "drip", "hang")
HUGE = 20 * 2**20
BOMB = 50 * 2**20
HANG = 30.0
_METADATA = "/.well-known/openid-configuration"


class State:
    """What the handlers do; every attribute may be set from outside.

    Attributes:
        fault: one of ``FAULTS``, or None.
        jwks: the JWK Set that is published.
        delay: seconds every answer takes; what it says is decided before.
        cache_control: the header's value, or None.
        log: every request so far: moment (monotonic seconds), path, fault.
    """

    def __init__(self) -> None:
        """Be well, and publish no keys yet."""
        self.fault: str | None = None
        self.jwks: dict[str, Any] = {"keys": []}
        self.delay = 0.0
        self.cache_control: str | None = "max-age=600"
        self.base = ""
        self.log: list[tuple[float, str, str | None]] = []
        self._padded: dict[str, bytes] = {}

    def prepare(self) -> None:
        """Make the large answers before anybody waits for one."""
        size = {"huge": HUGE, "bomb": BOMB}.get(self.fault or "")
        if size is None or self._padded:
            return
        for path in (_METADATA, "/jwks"):
            document = {**(self.document(path) or {}), "padding": "x" * size}
            text = json.dumps(document).encode()
            self._padded[path] = text if self.fault == "huge" else gzip.compress(text)

    def padded(self, path: str) -> bytes:
        """Return a document that is right in all but its size."""
        return self._padded[path]

    def document(self, path: str) -> dict[str, Any] | None:
        """Return what is published at ``path``."""
        if path == _METADATA:
            return {"issuer": self.base, "jwks_uri": f"{self.base}/jwks"}
        return self.jwks if path == "/jwks" else None


class Handler(BaseHTTPRequestHandler):
    """One request: noted, then answered, well or badly."""

    state: ClassVar[State]

    def do_GET(self) -> None:
        """Answer."""
        state = self.state
        document, fault, delay = state.document(self.path), state.fault, state.delay
        if fault == "empty":
            document = document and {**document, "keys": []}
            # Metadata of an issuer that publishes an empty set is well.
            fault = "empty" if self.path == "/jwks" else None
        state.log.append((time.monotonic(), self.path, fault))
        if delay:
            time.sleep(delay)
        try:
            self._answer(document, fault)
        except OSError:
            # Whoever asked has hung up.
            self.close_connection = True

    def _answer(self, document: dict[str, Any] | None, fault: str | None) -> None:
        if document is None:
            self._send(404, b"{}")
            return
        body = json.dumps(document).encode()
        match fault:
            case "500":
                self._send(500, b'{"error": "server_error"}')
            case "html":
                self._send(200, b"<html><body>Maintenance</body></html>", "text/html")
            case "huge":
                self._send(200, self.state.padded(self.path))
            case "bomb":
                packed = self.state.padded(self.path)
                self._send(200, packed, encoding="gzip")
            case "drip":
                self._head(200, len(body))
                for byte in body:
                    self.wfile.write(bytes((byte,)))
                    time.sleep(1)
            case "hang":
                time.sleep(HANG)
                self.close_connection = True
            case _:
                self._send(200, body)

    def _head(
        self,
        status: int,
        length: int,
        content_type: str = "application/json",
        encoding: str | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        if self.state.cache_control and status == 200:
            self.send_header("Cache-Control", self.state.cache_control)
        self.end_headers()

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        encoding: str | None = None,
    ) -> None:
        self._head(status, len(body), content_type, encoding)
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: callers that hang up are part of the play."""


class Door:
    """The listening socket, which can be shut: connections are refused then."""

    def __init__(self, handler: type[Handler]) -> None:
        """Choose a port and keep it, open or shut, from everybody else."""
        self._handler = handler
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind(("127.0.0.1", 0))
        self.port: int = self._reservation.getsockname()[1]
        self._server: _Server | None = None

    def open(self) -> None:
        """Listen."""
        if self._server is None:
            server = self._server = _Server(("127.0.0.1", self.port), self._handler)
            threading.Thread(
                target=lambda: server.serve_forever(poll_interval=0.01), daemon=True
            ).start()

    def shut(self) -> None:
        """Refuse connections."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


def main() -> None:
    """Serve until standard input ends."""
    state = State()
    door = Door(type("BoundHandler", (Handler,), {"state": state}))
    state.base = f"http://127.0.0.1:{door.port}"
    door.open()
    print(json.dumps({"issuer": state.base}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        for name, value in order.items():
            setattr(state, name, value)
        state.prepare()
        if state.fault == "down":
            door.shut()
        else:
            door.open()
        print(json.dumps({"log": state.log}), flush=True)


if __name__ == "__main__":
    main()
