"""Django's own views, sync and async, bare and behind the decorator."""

from __future__ import annotations

import asyncio
import time
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest

from . import Job, timed, undisturbed
from .requests import Wire, flipped

__all__ = ["make"]


def make(lane: dict[str, Any]) -> tuple[dict[str, Job], dict[str, Any]]:
    """Prove that the views are guarded; return the jobs."""
    wire, jobs = Wire(lane), {}
    handler, loop = ASGIHandler(), asyncio.new_event_loop()
    for kind in ("bare", "token", "user"):
        path = f"/plain/sync/{kind}"
        if kind != "bare":
            wire.prove(path)
        jobs[f"sync {kind}"] = timed(wire.caller(path, authorized=kind != "bare"))
        once = _Async(handler, f"/plain/async/{kind}", lane["tokens"][0])
        bad = loop.run_until_complete(once.status(flipped(lane["tokens"][0])))
        assert bad == (200 if kind == "bare" else 401), bad
        jobs[f"async {kind}"] = once.job(loop)
    return jobs, {}


class _Async:
    """Requests of one path from within an event loop."""

    def __init__(self, handler: ASGIHandler, path: str, token: str) -> None:
        self._handler, self._path, self._token = handler, path, token

    def _scope(self, token: str) -> dict[str, Any]:
        return {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": self._path,
            "query_string": b"",
            "headers": [
                (b"host", b"testserver"),
                (b"authorization", f"Bearer {token}".encode()),
            ],
            "server": ("testserver", 80),
            "client": ("127.0.0.1", 1),
        }

    async def status(self, token: str) -> int:
        request = ASGIRequest(self._scope(token), BytesIO())
        response = await self._handler.get_response_async(request)
        return int(response.status_code)

    def job(self, loop: asyncio.AbstractEventLoop) -> Job:
        scope, handle = self._scope(self._token), self._handler.get_response_async

        async def requests(loops: int) -> int:
            start = time.perf_counter_ns()
            for _ in range(loops):
                response = await handle(ASGIRequest(scope, BytesIO()))
                assert response.status_code == 200
            return time.perf_counter_ns() - start

        return undisturbed(lambda loops: loop.run_until_complete(requests(loops)))
