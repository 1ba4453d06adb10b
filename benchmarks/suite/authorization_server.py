"""An authorization server on loopback that answers introspection, and counts.

``python -m benchmarks.suite.authorization_server MILLISECONDS`` prints its address as a
line of JSON and ends when its standard input does. Every answer to a question (RFC
7662) takes so many milliseconds, as a round trip to another machine would.

The first part of a path is the tenant, a contestant's own: below it lie the metadata,
the keys and ``introspect``, all counted. ``/control/<tenant>`` is the benchmark's: GET
tells the counts, POST issues tokens, revokes one, or lets the endpoint hang.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs

import jwt

from ..contestants.introspection import CLIENT_ID, CLIENT_SECRET
from .issuer import AUDIENCE, LIFETIME, key_id, key_set, private_key

__all__ = ["main"]

_ALGORITHM = "ES256"
_BASIC = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
# One peer compares the start of the request's URL, another its client identifier.
_AUDIENCES = [AUDIENCE, CLIENT_ID, "http://testserver"]


class State:
    """What was issued and revoked, and who asked how often."""

    def __init__(self, delay: float) -> None:
        """Take the seconds each answer to a question takes."""
        self.base, self.delay = "", delay
        self.requests: Counter[str] = Counter()
        self.questions: Counter[str] = Counter()
        self.active: dict[str, dict[str, Any]] = {}
        self.alive = threading.Event()
        self.alive.set()

    def issue(self, tenant: str, subjects: list[str], *, as_jwt: bool) -> list[str]:
        """Return a token for each subject: opaque ones, or JWTs."""
        now, tokens = int(time.time()), []
        for subject in subjects:
            claims = {
                "iss": f"{self.base}/{tenant}",
                "sub": subject,
                "aud": _AUDIENCES,
                "exp": now + LIFETIME,
                "iat": now,
                "jti": secrets.token_hex(8),
                "client_id": "benchmark",
                "scope": "openid profile orders:read orders:write",
            }
            token = secrets.token_urlsafe(32)
            if as_jwt:
                token = jwt.encode(
                    claims,
                    private_key(_ALGORITHM, 0),
                    algorithm=_ALGORITHM,
                    headers={"kid": key_id(_ALGORITHM, 0), "typ": "at+jwt"},
                )
            names = {"username": subject, "email": f"{subject}@example.test"}
            self.active[token] = {**claims, **names, "token_type": "Bearer"}
            tokens.append(token)
        return tokens


class Handler(BaseHTTPRequestHandler):
    """One connection, as long as the client keeps it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: ClassVar[State]

    def do_GET(self) -> None:
        """Answer, and count."""
        _, tenant, path = self.path.split("/", 2)
        state, base = self.state, f"{self.state.base}/{tenant}"
        if tenant == "control":
            counts = (state.requests[path], state.questions[path])
            self._send(200, dict(zip(("requests", "questions"), counts, strict=True)))
            return
        state.requests[tenant] += 1
        if path == "jwks":
            self._send(200, key_set(_ALGORITHM.lower()))
        elif path == ".well-known/openid-configuration":
            self._send(200, _metadata(base))
        else:
            self._send(404, {})

    def do_POST(self) -> None:
        """Answer a question, or the benchmark."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        _, tenant, path = self.path.split("/", 2)
        if tenant == "control":
            self._control(path, json.loads(body))
            return
        state = self.state
        state.requests[tenant] += 1
        state.questions[tenant] += 1
        state.alive.wait()
        time.sleep(state.delay)
        if self.headers.get("Authorization") != _BASIC:
            self._send(401, {"error": "invalid_client"})
            return
        found = state.active.get(parse_qs(body)["token"][0])
        self._send(200, {"active": True, **found} if found else {"active": False})

    def _control(self, tenant: str, order: dict[str, Any]) -> None:
        state = self.state
        answer: Any = {}
        match order:
            case {"issue": subjects, "jwt": as_jwt}:
                answer = state.issue(tenant, subjects, as_jwt=as_jwt)
            case {"revoke": token}:
                del state.active[token]
            case {"hang": True}:
                state.alive.clear()
            case {"hang": False}:
                state.alive.set()
        self._send(200, answer)

    def _send(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        head = (
            f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n"
        )
        # In one piece: two would meet the client's delayed acknowledgement.
        self.wfile.write(head.encode() + text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


def _metadata(base: str) -> dict[str, Any]:
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/jwks",
        "introspection_endpoint": f"{base}/introspect",
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [_ALGORITHM],
    }


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that gave up are part of it."""


def main() -> None:
    """Serve until standard input ends."""
    state = State(float(sys.argv[1]) / 1000)
    handler = type("BoundHandler", (Handler,), {"state": state})
    server = _Server(("127.0.0.1", 0), handler)
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"base": state.base}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
