"""What is measured inside the processes: connections to the issuer, and waiting."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .clock import real_monotonic

__all__ = ["install", "timed"]

_SCHEDULER = Path("/proc/thread-self/schedstat")


def install(path: Path, *, port: int) -> None:
    """Append a line "moment pid" to ``path`` whenever this process dials ``port``.

    An audit hook sees what any HTTP client does, and survives a fork.
    """
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event != "socket.connect":
            return
        address = arguments[1]
        if isinstance(address, tuple) and address[1] == port:
            os.write(log, f"{real_monotonic():.6f} {os.getpid()}\n".encode())

    sys.addaudithook(hook)


def timed(
    application: Callable[..., Iterable[bytes]],
) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application that tells, in milliseconds, how long it took.

    The time its thread stood in the queue for a processor is left out, where the
    system tells it (Linux): that is other people's load. Waits for locks, the network
    and the database count.
    """

    def application_timed(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        start, queued = time.perf_counter(), _queued()

        def start_timed(status: str, headers: list[Any], *rest: Any) -> Any:
            took = time.perf_counter() - start - (_queued() - queued)
            headers = [*headers, ("X-Took-Ms", f"{1000 * took:.3f}")]
            return start_response(status, headers, *rest)

        return application(environ, start_timed)

    return application_timed


def _queued() -> float:
    """Return the seconds this thread has waited for a processor so far."""
    try:
        return int(_SCHEDULER.read_bytes().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0
