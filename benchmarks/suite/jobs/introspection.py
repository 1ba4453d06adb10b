"""One view guarded by asking: its pace, its questions, and what it does in trouble.

Of ten requests one writes. Those with other than one figure return a dictionary.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
import traceback
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import got_request_exception
from django.test import RequestFactory

__all__ = ["make"]

_T = TypeVar("_T")
AnyJob = Callable[[int], Any]

# Callers of an API: each has a token, and makes requests again and again.
_CALLERS, _PER_CALLER, _WRITES_ONE_OF = 20, 50, 10
_THREADS = 2
# Seconds between two requests of one who tries whether it is still let in, and of one
# who meets a server that hangs.
_POLL, _PAUSE = 0.25, 0.05


def make(
    lane: dict[str, Any],
) -> tuple[dict[str, AnyJob], dict[str, Any]]:
    """Prove that the view is guarded; return the jobs."""
    api = _Api(lane)
    api.prove()
    jobs: dict[str, AnyJob] = {
        "requests": api.requests,
        "calls": api.calls,
        "flood": api.flood,
        "revocation": api.revocation,
        "hanging": api.hanging,
    }
    return jobs, {}


class _Api:
    """The lane's API, and the authorization server's control."""

    def __init__(self, lane: dict[str, Any]) -> None:
        from ..settings import CONTESTANT

        base, _, tenant = lane["issuer"].rpartition("/")
        self._control = f"{base}/control/{tenant}"
        self._subjects: list[str] = lane["subjects"]
        self._jwt: bool = getattr(CONTESTANT, "JWT", False)
        self._handler = WSGIHandler()
        # Where a contestant fails, its log tells why.
        got_request_exception.connect(_print_exception)
        self._factory = RequestFactory()
        self._pool = ThreadPoolExecutor(_THREADS)
        self._turns = itertools.count()
        self._tokens = self._issue(_CALLERS)

    def prove(self) -> None:
        """Raise AssertionError where a token is taken that is none, or a good one not.

        With what is new to the process, which has asked nothing so far.
        """
        (good, revoked), unknown = self._issue(2), secrets.token_urlsafe(32)
        self._order({"revoke": revoked})
        for method in ("GET", "POST"):
            status = self._status(method, good)
            assert status == 200, f"{method} with a good token: {status}"
        # A JWT's check here cannot know of it: a read lets it in.
        methods = ("POST",) if self._jwt else ("POST", "GET")
        bad = {"an unknown token": unknown, "none": None, "a revoked one": revoked}
        for what, token in bad.items():
            for method in methods:
                status = self._status(method, token)
                assert status in {401, 403}, f"{method} with {what}: {status}"

    def requests(self, loops: int) -> int:
        """Return the nanoseconds of so many requests."""
        start = time.perf_counter_ns()
        self._shared(loops, lambda: self._take_turn(self._tokens))
        return time.perf_counter_ns() - start

    def calls(self, loops: int) -> dict[str, Any]:
        """Return what so many requests ask, of callers with new tokens."""
        before, tokens = self._counts(), self._issue(loops // _PER_CALLER)
        self._turns = itertools.count()
        self._shared(loops, lambda: self._take_turn(tokens))
        return self._since(before)

    def flood(self, loops: int) -> dict[str, Any]:
        """Return what so many made-up tokens bring about.

        Raises:
            AssertionError: one was let in, or a caller known from before was not.
        """
        known = self._tokens[0]
        assert self._status("GET", known) == 200
        before, start = self._counts(), time.perf_counter()
        statuses = Counter(
            self._shared(loops, lambda: self._status("GET", secrets.token_urlsafe(32)))
        )
        elapsed = time.perf_counter() - start
        found = self._since(before)
        assert not statuses[200], "a made-up token was let in"
        assert self._status("GET", known) == 200
        return {**found, "seconds": elapsed, "statuses": statuses}

    def revocation(self, loops: int) -> dict[str, Any]:
        """Return after how many seconds a revoked token is refused, method by method.

        None where it is still let in after ``loops`` seconds.
        """
        (token,) = self._issue(1)
        waiting = {"GET", "POST"}
        for method in waiting:
            assert self._status(method, token) == 200
        self._order({"revoke": token})
        seen: dict[str, float | None] = dict.fromkeys(waiting)
        start = time.monotonic()
        while waiting and time.monotonic() - start < loops:
            for method in sorted(waiting):
                if self._status(method, token) != 200:
                    seen[method] = time.monotonic() - start
                    waiting.remove(method)
            time.sleep(_POLL)
        return seen

    def hanging(self, loops: int) -> dict[str, Any]:
        """Return how long requests take while no question is answered.

        They come one after the other, for so many seconds, with tokens new to the API.
        """
        tokens = iter(self._issue(int(loops / _PAUSE) + 1))
        self._turns = itertools.count()
        taken: list[float] = []
        statuses: Counter[int] = Counter()
        before, begun = self._counts(), time.monotonic()
        while time.monotonic() - begun < loops:
            start = time.perf_counter()
            status = self._status(self._method(next(self._turns)), next(tokens))
            taken.append(1000 * (time.perf_counter() - start))
            statuses[status] += 1
            time.sleep(_PAUSE)
        found = self._since(before)
        return {**found, "milliseconds": taken, "statuses": statuses}

    def _shared(self, loops: int, call: Callable[[], _T]) -> list[_T]:
        """Return what so many calls returned, made by two threads."""
        turns = iter(range(loops))

        def work() -> list[_T]:
            return [call() for _ in turns]

        threads = [self._pool.submit(work) for _ in range(_THREADS)]
        return [result for thread in threads for result in thread.result()]

    def _take_turn(self, tokens: list[str]) -> None:
        turn = next(self._turns)
        token = tokens[turn // _WRITES_ONE_OF % len(tokens)]
        status = self._status(self._method(turn), token)
        assert status == 200, status

    def _method(self, turn: int) -> str:
        return "POST" if turn % _WRITES_ONE_OF == _WRITES_ONE_OF - 1 else "GET"

    def _status(self, method: str, token: str | None) -> int:
        headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
        environ = self._factory.generic(method, "/guarded", **headers).environ
        return int(self._handler.get_response(WSGIRequest(environ)).status_code)

    def _issue(self, count: int) -> list[str]:
        subjects = itertools.islice(itertools.cycle(self._subjects), count)
        order = {"issue": list(subjects), "jwt": self._jwt}
        return [str(token) for token in self._order(order)]

    def _order(self, order: dict[str, Any]) -> Any:
        request = urllib.request.Request(self._control, json.dumps(order).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def _counts(self) -> dict[str, int]:
        with urllib.request.urlopen(self._control) as answer:
            return dict(json.load(answer))

    def _since(self, before: dict[str, int]) -> dict[str, int]:
        return {name: count - before[name] for name, count in self._counts().items()}


def _print_exception(**_: object) -> None:
    traceback.print_exc()
