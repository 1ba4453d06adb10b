"""Real servers under load: one process each, and wrk on the other core."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from ..load import MISSING, Load, put_under_load
from ..outcome import Chart, Goal, Section, Table
from ..remote import ENVIRONMENT, ROOT, Lab, Worker
from ..rounds import Pace, median

__all__ = ["run"]

_CONTESTANTS = (
    "bare",
    "ours_token",
    "ours_user",
    "minimum",
    "simplejwt_token",
    "simplejwt_user",
)
_RUNS = (("gunicorn", "RS256"), ("gunicorn", "ES256"), ("uvicorn", "RS256"))
_SERVERS = {
    "gunicorn": ("gunicorn", "--workers=1", "--bind={at}", "benchmarks.suite.wsgi"),
    "uvicorn": (
        "uvicorn",
        "--host=127.0.0.1",
        "--port={port}",
        "--no-access-log",
        "--log-level=warning",
        "benchmarks.suite.asgi:application",
    ),
}
_LEAST = 0.62
_START = 60


def run(lab: Lab, pace: Pace, *, wrk: str | None) -> Section:
    """Measure requests per second and the slowest hundredth."""
    section = Section("Servers under load")
    if wrk is None:
        section.notes.append(f"Skipped: {MISSING}.")
        return section
    for server, algorithm in _RUNS:
        # They make the databases and prove that tokens are checked.
        proved = [lab.worker(name, algorithm.lower(), "drf") for name in _CONTESTANTS]
        for worker in proved:
            worker.settle()
            if worker.skip:
                section.notes.append(f"Skipped: {worker.name}: {worker.skip}")
        lab.dismiss()
        workers = [worker for worker in proved if not worker.skip]
        loads = _measure(lab, pace, server, workers, wrk=wrk)
        _tell(section, f"{server}, {algorithm}", workers, loads)
    section.notes.append(
        "One process (gunicorn's sync worker), eight connections; "
        f"{pace.repeats} repeats of {pace.load} s in turns, medians. uvicorn runs "
        "the same REST framework view, which Django puts into a thread."
    )
    return section


def _measure(
    lab: Lab,
    pace: Pace,
    name: str,
    workers: list[Worker],
    *,
    wrk: str,
) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {worker.name: [] for worker in workers}
    with ExitStack() as stack:
        served = [
            (worker, stack.enter_context(Served(lab, name, worker)))
            for worker in workers
        ]
        for worker, server in served:
            server.wait()
            put_under_load(wrk, server.url, worker.lane["tokens"][0], 1)
        for number in range(pace.repeats):
            for worker, server in served if number % 2 == 0 else reversed(served):
                token = worker.lane["tokens"][0]
                load = put_under_load(wrk, server.url, token, pace.load)
                loads[worker.name].append(load)
    return loads


def _tell(
    section: Section, title: str, workers: list[Worker], loads: dict[str, list[Load]]
) -> None:
    rates = {key: median([load.rate for load in found]) for key, found in loads.items()}
    rows = []
    for worker in workers:
        found = loads[worker.name]
        rate, p99 = rates[worker.name], median([load.p99 for load in found])
        rows.append((worker.hello["title"], rate, rate / rates["bare"], p99))
        section.samples[f"{title} {worker.name}"] = [load.rate for load in found]
    columns = (title, "requests per second", "ratio to bare", "p99, ms")
    section.tables.append(Table(columns, rows))
    bars = {str(row[0]): float(row[1]) for row in rows}
    section.charts.append(Chart(f"{title}: requests per second", "/s", bars))
    if title.startswith("gunicorn") and "ours_user" in rates:
        share = rates["ours_user"] / rates["bare"]
        section.goals.append(
            Goal(f"{title}: local user / bare view", share, _LEAST, most=False)
        )


class Served:
    """A server of a contestant's API; leaving it ends it."""

    def __init__(self, lab: Lab, name: str, worker: Worker) -> None:
        """Choose a port."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        at = f"127.0.0.1:{self._port}"
        self.url = f"http://{at}/{'bare' if worker.name == 'bare' else 'guarded'}"
        self._token: str = worker.lane["tokens"][0]
        module, *options = _SERVERS[name]
        self._command = [str(lab.python), "-m", module]
        self._command += [option.format(at=at, port=self._port) for option in options]
        lane = {"BENCHMARK_LANE": str(worker.lane_file)}
        self._env = {**os.environ, **ENVIRONMENT, **lane}
        self._log: Path = lab.folder / f"{name}-{worker.name}.log"

    def __enter__(self) -> Self:
        """Start."""
        with self._log.open("w") as log:
            self._child = subprocess.Popen(
                self._command, env=self._env, cwd=ROOT, stdout=log, stderr=log
            )
        return self

    def wait(self) -> None:
        """Wait until it answers 200.

        Raises:
            RuntimeError: it does not.
        """
        headers = {"Authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(self.url, headers=headers)
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self._child.poll() is None:
            try:
                with urllib.request.urlopen(request, timeout=_START):
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise RuntimeError(f"no server: {self._log.read_text()[-2000:]}")

    def __exit__(self, *_: object) -> None:
        """End."""
        self._child.terminate()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
