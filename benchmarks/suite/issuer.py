"""An issuer on loopback that counts what it is asked.

``python -m benchmarks.suite.issuer`` prints its address as a line of JSON and ends
when its standard input does, so it never outlives the benchmark.

The first part of a path is the tenant, an issuer of its own: ``es256`` publishes one
key, ``es256-100`` a hundred, the one that signs last; what follows tells issuers of
the same kind apart. Below it lie the metadata, the keys and ``userinfo``, all counted.
``/control/<tenant>`` is the benchmark's own: GET tells the count, POST issues tokens.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

__all__ = ["main"]

AUDIENCE = "https://api.test"
LIFETIME = 6 * 3600
_MAKERS: dict[str, tuple[Any, Any]] = {
    "RS256": (lambda: rsa.generate_private_key(65537, 2048), RSAAlgorithm),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "ES384": (lambda: ec.generate_private_key(ec.SECP384R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
}
_ALGORITHMS = {name.lower(): name for name in _MAKERS}


@functools.cache
def private_key(algorithm: str, number: int) -> Any:
    """Return a key; number 0 signs, the others are only published."""
    make, _ = _MAKERS[algorithm]
    return make()


def key_id(algorithm: str, number: int) -> str:
    """Return the ``kid`` of a key."""
    return f"{algorithm.lower()}-key-{number}"


def split(tenant: str) -> tuple[str, int]:
    """Return a tenant's algorithm and the size of its key set."""
    name, _, rest = tenant.partition("-")
    size = rest.partition("-")[0]
    return _ALGORITHMS[name], int(size) if size.isdecimal() else 1


def key_set(tenant: str) -> dict[str, Any]:
    """Return the JWK Set of a tenant."""
    algorithm, size = split(tenant)
    keys = []
    for number in reversed(range(size)):
        _, kind = _MAKERS[algorithm]
        public = private_key(algorithm, number).public_key()
        jwk = kind.to_jwk(public, as_dict=True)
        jwk.pop("key_ops", None)
        names = {"kid": key_id(algorithm, number), "use": "sig", "alg": algorithm}
        keys.append({**jwk, **names})
    return {"keys": keys}


class Tenants:
    """Everything the issuer knows: its address, its tokens, what it was asked."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.base = ""
        self.requests: Counter[str] = Counter()
        self.subjects: dict[str, str] = {}

    def issue(self, tenant: str, subjects: list[str]) -> dict[str, Any]:
        """Return a token for each subject, and what a contestant must know."""
        algorithm, _ = split(tenant)
        key, now = private_key(algorithm, 0), int(time.time())
        header = {"kid": key_id(algorithm, 0), "typ": "at+jwt"}
        tokens = []
        for subject in subjects:
            claims = {
                "iss": f"{self.base}/{tenant}",
                "sub": subject,
                "aud": AUDIENCE,
                "exp": now + LIFETIME,
                "iat": now,
                "jti": str(uuid.uuid4()),
                "client_id": "benchmark",
                "scope": "openid profile orders:read orders:write",
            }
            token = jwt.encode(claims, key, algorithm=algorithm, headers=header)
            self.subjects[token] = subject
            tokens.append(token)
        pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "issuer": f"{self.base}/{tenant}",
            "audience": AUDIENCE,
            "algorithm": algorithm,
            "public_key": pem.decode(),
            "subjects": subjects,
            "tokens": tokens,
        }


class Handler(BaseHTTPRequestHandler):
    """One request."""

    tenants: ClassVar[Tenants]

    def do_GET(self) -> None:
        """Answer, and count."""
        _, tenant, path = self.path.split("/", 2)
        if tenant == "control":
            self._send(200, {"requests": self.tenants.requests[path]})
            return
        self.tenants.requests[tenant] += 1
        base = f"{self.tenants.base}/{tenant}"
        match path:
            case ".well-known/openid-configuration":
                names = {"jwks_uri": f"{base}/jwks"}
                self._send(200, {"issuer": base, "userinfo_endpoint": base, **names})
            case "jwks":
                self._send(200, key_set(tenant))
            case "userinfo":
                self._userinfo()
            case _:
                self._send(404, {})

    def do_POST(self) -> None:
        """Issue tokens."""
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(
            200, self.tenants.issue(self.path.rpartition("/")[2], order["subjects"])
        )

    def _userinfo(self) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        subject = self.tenants.subjects.get(token)
        if subject is None:
            self._send(401, {}, ("WWW-Authenticate", 'Bearer error="invalid_token"'))
        else:
            self._send(200, {"sub": subject, "email": f"{subject}@example.test"})

    def _send(self, status: int, body: Any, *headers: tuple[str, str]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    """Serve until standard input ends."""
    tenants = Tenants()
    handler = type("BoundHandler", (Handler,), {"tenants": tenants})
    server = _Server(("127.0.0.1", 0), handler)
    tenants.base = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"base": tenants.base}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
