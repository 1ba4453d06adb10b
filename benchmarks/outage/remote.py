"""The issuer's process as the scenarios see it: orders, counts and tokens."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_oidc_rs.testing.signing import SigningKey

__all__ = ["AUDIENCE", "Issuer", "Request", "running_issuer"]

AUDIENCE = "https://api.test"
_PATIENCE = 10.0
_LINE = 2**24


@dataclass(frozen=True, slots=True)
class Request:
    """One request the issuer saw: when, for what, and how it failed, if it did."""

    at: float
    path: str
    fault: str | None


class Issuer:
    """The issuer, told by pipe; it signs nothing itself, the benchmark does."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        """Take the process and its address; use ``running_issuer``."""
        self._process = process
        self._turn = asyncio.Lock()
        self.url = url
        self.keys: list[SigningKey] = []

    @property
    def port(self) -> int:
        """The port it serves at."""
        return int(self.url.rsplit(":", 1)[1])

    async def set(self, **state: Any) -> list[Request]:
        """Change its state (see ``issuer.State``); return every request so far."""
        async with self._turn:
            stdin, stdout = self._process.stdin, self._process.stdout
            assert stdin is not None
            assert stdout is not None
            stdin.write(json.dumps(state).encode() + b"\n")
            await stdin.drain()
            line = await asyncio.wait_for(stdout.readline(), _PATIENCE)
        return [Request(*entry) for entry in json.loads(line)["log"]]

    async def requests(self, *, since: float, path: str = "") -> list[Request]:
        """Return the requests since a moment, of one path or all."""
        return [
            request
            for request in await self.set()
            if request.at >= since and request.path.endswith(path)
        ]

    async def publish(self, *keys: SigningKey, **state: Any) -> None:
        """Publish these keys and no others."""
        self.keys = list(keys)
        await self.set(jwks={"keys": [key.public_jwk() for key in keys]}, **state)

    def token(self, key: SigningKey | None = None, **claims: Any) -> str:
        """Return a good token, signed by ``key`` or the first key published."""
        key = key or self.keys[0]
        now = int(time.time())
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "alice",
            "client_id": "app",
            "iat": now - 180,
            "exp": now + 30 * 86400,
            "jti": secrets.token_hex(8),
        }
        header = {"alg": key.algorithm, "kid": key.key_id, "typ": "at+jwt"}
        return key.sign({**good, **claims}, header)

    def forgeries(self, count: int) -> list[str]:
        """Return ``count`` forged tokens with distinct ``kid``s."""
        from django_oidc_rs.testing.signing import encode

        algorithm, payload = self.keys[0].algorithm, self.token().split(".")[1]
        headers = (
            {"alg": algorithm, "kid": secrets.token_hex(8), "typ": "at+jwt"}
            for _ in range(count)
        )
        return [
            f"{encode(json.dumps(header).encode())}.{payload}"
            f".{encode(secrets.token_bytes(256))}"
            for header in headers
        ]


@asynccontextmanager
async def running_issuer(*keys: SigningKey) -> AsyncIterator[Issuer]:
    """Start an issuer that publishes ``keys``; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.outage.issuer",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _PATIENCE)
        issuer = Issuer(process, json.loads(line)["issuer"])
        await issuer.publish(*keys)
        yield issuer
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
