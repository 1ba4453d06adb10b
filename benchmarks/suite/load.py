"""wrk: what it is told, and what it says."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MISSING", "Load", "parse", "put_under_load"]

MISSING = (
    "wrk is not installed: on Debian and Ubuntu `apt install wrk`, or name the program "
    "with --wrk"
)
_CONNECTIONS = 8
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class Load:
    """Requests per second, and milliseconds of the slowest hundredth."""

    rate: float
    p99: float


def put_under_load(wrk: str, url: str, token: str | None, seconds: int) -> Load:
    """Return how a server bore it.

    Raises:
        RuntimeError: answers other than 200, or none.
    """
    command = [wrk, "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--latency"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    done = subprocess.run(
        [*command, url],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        cwd=Path("/"),
        check=True,
    )
    return parse(done.stdout)


def parse(text: str) -> Load:
    """Return what wrk printed.

    Raises:
        RuntimeError: answers other than 200, or none, or it printed something else.
    """
    if refused := re.search(r"Non-2xx or 3xx responses: (\d+)", text):
        raise RuntimeError(f"{refused[1]} answers were not 200")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"^\s+99%\s+([\d.]+)(us|ms|s|m)$", text, re.MULTILINE)
    if rate is None or p99 is None or not float(rate[1]):
        raise RuntimeError(f"wrk measured nothing: {text!r}")
    return Load(float(rate[1]), float(p99[1]) * _UNITS[p99[2]])
