"""The validation alone: no HTTP, no view, no user."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

from ...contestants import _verify
from . import Job, timed

__all__ = ["make"]


def make(lane: dict[str, Any]) -> tuple[dict[str, Job], dict[str, Any]]:
    """Prove that a forged token is refused; return the jobs."""
    from django_oidc_rs.core.errors import InvalidToken
    from django_oidc_rs.wiring import get_resource_server

    from .requests import flipped

    server = get_resource_server()
    for token in lane["tokens"]:
        server.validate(token)
    try:
        server.validate(flipped(lane["tokens"][0]))
    except InvalidToken:
        pass
    else:
        raise AssertionError("a forged token was taken for good")
    tokens = cycle(lane["tokens"])
    verify = _verify.ready_made(lane, lane["tokens"][0])

    def validate() -> object:
        return server.validate(next(tokens))

    token = lane["tokens"][0]
    jobs = {
        "verify": timed(verify),
        "validate": timed(validate),
    }
    alone = {"verify": verify, "validate": lambda: server.validate(token)}
    for name, call in alone.items():
        for count in (1, 2):
            jobs[f"{name}, {count} threads"] = threaded(call, count)
    return jobs, {}


def threaded(call: Callable[[], object], count: int) -> Job:
    """Return the job in which ``count`` threads make so many loops each."""

    def run(loops: int) -> int:
        gate = threading.Barrier(count + 1)

        def work() -> None:
            gate.wait()
            for _ in range(loops):
                call()
            gate.wait()

        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        gate.wait()
        start = time.perf_counter_ns()
        gate.wait()
        elapsed = time.perf_counter_ns() - start
        for thread in threads:
            thread.join()
        return elapsed

    return run
