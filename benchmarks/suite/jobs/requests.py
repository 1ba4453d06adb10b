"""Requests through Django's own handler: URL, middleware, view, rendered answer."""

from __future__ import annotations

import itertools
import json
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.test import RequestFactory

__all__ = ["Wire", "flipped", "resident"]

_COUNTED = 10


def flipped(token: str) -> str:
    """Return ``token`` with one character of its signature changed."""
    head, dot, last = token.rpartition(".")
    other = "A" if last[0] != "A" else "B"
    return f"{head}{dot}{other}{last[1:]}"


class Wire:
    """Makes requests of the lane's API without a network."""

    def __init__(self, lane: dict[str, Any]) -> None:
        """Load the middleware, once."""
        self._tokens: list[str] = lane["tokens"]
        base, _, tenant = lane["issuer"].rpartition("/")
        self._control = f"{base}/control/{tenant}"
        self._handler = WSGIHandler()
        self._factory = RequestFactory()

    def environ(self, path: str, token: str | None) -> dict[str, Any]:
        """Return the WSGI environment of a request."""
        headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
        return self._factory.get(path, **headers).environ

    def get(self, path: str, token: str | None) -> Any:
        """Return the answer."""
        return self._handler.get_response(WSGIRequest(self.environ(path, token)))

    def caller(self, path: str, *, authorized: bool) -> Callable[[], object]:
        """Return a call that makes one request, with each token in its turn.

        Raises:
            AssertionError: from the call, if the answer is not 200.
        """
        tokens = self._tokens if authorized else [None]
        environs = itertools.cycle([self.environ(path, token) for token in tokens])
        handle = self._handler.get_response

        def call() -> object:
            response = handle(WSGIRequest(next(environs).copy()))
            assert response.status_code == 200, response.status_code
            return response

        return call

    def prove(self, path: str) -> dict[str, Any]:
        """Return queries and calls of a request once the process is warm.

        Raises:
            AssertionError: a good token is refused, or a bad one, or none, is not.
        """
        good = self._tokens[0]
        found = self.get(path, good)
        assert found.status_code == 200, (
            f"{path} answers {found.status_code} to a good token: {found.content!r}"
        )
        for bad in (flipped(good), None):
            status = self.get(path, bad).status_code
            name = "a forged token" if bad else "no token"
            assert status in {401, 403}, f"{path} answers {status} to {name}"
        self.get(path, good)
        return self.count(path, good)

    def count(self, path: str, token: str) -> dict[str, Any]:
        """Return queries, connections and requests to the issuer, per request."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        before = self._issuer_requests()
        with CaptureQueriesContext(connection) as queries, connecting() as connects:
            for _ in range(_COUNTED):
                assert self.get(path, token).status_code == 200
        calls = self._issuer_requests() - before
        return {
            "queries": len(queries) / _COUNTED,
            "calls": max(calls, len(connects)) / _COUNTED,
        }

    def _issuer_requests(self) -> int:
        with urllib.request.urlopen(self._control) as answer:
            return int(json.load(answer)["requests"])


@contextmanager
def connecting() -> Iterator[list[Any]]:
    """Collect the addresses that sockets connect to."""
    seen: list[Any] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        seen.append(address)
        real(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        socket.socket.connect = real  # type: ignore[method-assign]


def resident() -> int:
    """Return the bytes of memory this process holds now; at most, off Linux."""
    import resource

    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
