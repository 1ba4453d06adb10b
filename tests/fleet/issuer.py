"""An issuer on loopback that counts what it is asked, and fails as it is told."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django_oidc_rs.testing.signing import SigningKey, encode

__all__ = ["AUDIENCE", "CountingIssuer"]

AUDIENCE = "https://api.test"
_PATIENCE = 60


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Say nothing: who asks may be killed in the middle of it."""


class CountingIssuer:
    """A real HTTP server: metadata, and keys at ``/jwks``.

    Attributes:
        keys: what it publishes; the first one signs.
        status, body: the answer for ``/jwks``; without a body, the keys.
        metadata_status: the answer for the metadata.
        delay: seconds before that answer.
        max_age: what ``Cache-Control`` says, if anything.
    """

    def __init__(self):
        self.keys = [SigningKey()]
        self.status, self.body, self.delay, self.max_age = 200, None, 0.0, None
        self.metadata_status = 200
        self._asked = []
        self._changed = threading.Condition()
        self._holding = False
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    def close(self):
        """Stop; whoever is held is let go."""
        self._let_go()
        self._server.shutdown()
        self._thread.join(_PATIENCE)
        self._server.server_close()

    def _handler(issuer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body, status = issuer._answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if status in {301, 302}:
                    self.send_header("Location", f"{issuer.url}/jwks")
                if issuer.max_age is not None:
                    self.send_header("Cache-Control", f"max-age={issuer.max_age}")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments):
                pass

        return Handler

    def _answer(self, path):
        if path == "/.well-known/openid-configuration":
            metadata = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
            with self._changed:
                self._asked.append(path)
                self._changed.notify_all()
            return json.dumps(metadata).encode(), self.metadata_status
        # What it will say is settled when it is asked: a slow answer is an old one.
        keys = [key.public_jwk() for key in self.keys]
        body = self.body or json.dumps({"keys": keys}).encode()
        status = self.status
        with self._changed:
            self._asked.append(path)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._holding, _PATIENCE)
        time.sleep(self.delay)
        return body, status

    def count(self, path="/jwks"):
        """Return how often ``path`` was asked."""
        with self._changed:
            return Counter(self._asked)[path]

    def await_count(self, count, path="/jwks", *, seconds=_PATIENCE):
        """Wait until ``path`` was asked that often."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: Counter(self._asked)[path] >= count, seconds
            ), f"{path} was not asked {count} times"

    @contextmanager
    def held(self):
        """No answer for ``/jwks`` leaves during the block."""
        with self._changed:
            self._holding = True
        try:
            yield
        finally:
            self._let_go()

    def _let_go(self):
        with self._changed:
            self._holding = False
            self._changed.notify_all()

    def token(self, key=None, **claims):
        """Return a good token, signed by ``key`` or the first one published."""
        key = key or self.keys[0]
        now = int(time.time())
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "alice",
            "client_id": "app",
            "iat": now - 300,
            "exp": now + 30 * 86400,
            "jti": secrets.token_hex(8),
        }
        return key.sign({**good, **claims})

    def forgeries(self, count):
        """Return so many tokens that nobody signed, each with a key ID of its own."""
        _, payload, _ = self.token().split(".")
        return [
            f"{encode(json.dumps(header).encode())}.{payload}."
            f"{encode(secrets.token_bytes(64))}"
            for header in (
                {"alg": "ES256", "kid": secrets.token_hex(8), "typ": "at+jwt"}
                for _ in range(count)
            )
        ]
