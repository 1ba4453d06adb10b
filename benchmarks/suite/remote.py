"""The benchmark's side of the pipes: the issuer, and the workers that loop."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

__all__ = ["ENVIRONMENT", "ROOT", "Issuer", "Lab", "Worker"]

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "benchmarks.suite.settings",
    "PYTHONHASHSEED": "0",
}
_TEMPLATE_USERS = 1000


class _Process:
    """A child that ends when its standard input does."""

    def __init__(self, command: Sequence[str], log: Path, **env: str) -> None:
        self._log = log
        self._errors: IO[str] = log.open("w")
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT, **env},
        )

    def say(self, order: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            RuntimeError: the child ended instead.
        """
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            self._child.wait()
            tail = self._log.read_text()[-2000:]
            raise RuntimeError(f"a process ended in the middle: {tail}")
        return dict(json.loads(line))

    def close(self) -> None:
        """Let it end."""
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None and not stream.closed:
                stream.close()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._errors.close()


class Issuer(_Process):
    """The issuer's process; ``module`` is what runs there, with its arguments."""

    def __init__(
        self, python: Path, folder: Path, *module: str, log: str = "issuer.log"
    ) -> None:
        """Start it."""
        command = [str(python), "-m", *(module or ("benchmarks.suite.issuer",))]
        super().__init__(command, folder / log)
        self.base: str = self.hear()["base"]

    def grant(self, tenant: str, subjects: Sequence[str]) -> dict[str, Any]:
        """Return tokens for ``subjects``, and what a contestant must know."""
        return dict(self.order(tenant, {"subjects": list(subjects)}))

    def order(self, tenant: str, order: object) -> Any:
        """Return the answer to what only the benchmark may ask."""
        request = urllib.request.Request(
            f"{self.base}/control/{tenant}", json.dumps(order).encode()
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


class Worker(_Process):
    """A contestant's process.

    Attributes:
        name: the contestant's module.
        hello: what it proved; see ``benchmarks.suite.worker``.
        skip: why it cannot take part, or None.
        lane: what it was told.
    """

    def __init__(
        self, python: Path, lane: dict[str, Any], file: Path, jobs: str
    ) -> None:
        """Start it; ``settle`` waits until it is ready."""
        file.write_text(json.dumps(lane))
        command = [str(python), "-m", "benchmarks.suite.worker", jobs]
        super().__init__(command, file.with_suffix(".log"), BENCHMARK_LANE=str(file))
        self.name: str = lane["contestant"]
        self.lane, self.lane_file = lane, file
        self.hello: dict[str, Any] = {}
        self.skip: str | None = None

    def settle(self) -> None:
        """Wait for the hello."""
        self.hello = self.hear()
        self.skip = self.hello.get("skip")

    def run(self, job: str, loops: int) -> int:
        """Return the nanoseconds that ``loops`` of ``job`` took."""
        self.begin(job, loops)
        return int(self.end())

    def begin(self, job: str, loops: int) -> None:
        """Have it start on ``loops`` of ``job``."""
        self.say({"job": job, "loops": loops})

    def end(self) -> Any:
        """Return what the job begun found, once it is done."""
        return self.hear()["ns"]


class Lab:
    """Where everything happens: the environment, the issuer, a folder.

    Leaving it ends every process.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        """Start the issuer."""
        self.python, self.folder = python, folder
        self.issuer = Issuer(python, folder)
        self._workers: list[Worker] = []
        self._count = 0

    def versions(self) -> dict[str, str]:
        """Return what is installed in the environment."""
        command = [str(self.python), "-m", "benchmarks.suite.versions"]
        return dict(json.loads(subprocess.check_output(command, cwd=ROOT)))

    def lane(self, contestant: str, tenant: str, **more: Any) -> dict[str, Any]:
        """Return what a contestant is told.

        ``users`` is how many its database has, ``callers`` how many of them, evenly
        chosen, send the requests in turn.
        """
        users = more.setdefault("users", _TEMPLATE_USERS)
        callers = more.pop("callers", 1)
        numbers = [(2 * n + 1) * users // (2 * callers) for n in range(callers)]
        # A tenant each: what one contestant asks for is not counted as another's.
        tenant = f"{tenant}-{contestant}"
        grant = self.issuer.grant(tenant, [f"user-{n:07}" for n in numbers])
        database = str(self.folder / f"{contestant}-{users}.sqlite3")
        return {"contestant": contestant, "database": database, **grant, **more}

    def worker(self, contestant: str, tenant: str, jobs: str, **more: Any) -> Worker:
        """Start a worker and return it at once: ``settle`` it before it runs."""
        self._count += 1
        file = self.folder / f"{self._count}-{contestant}.json"
        lane = self.lane(contestant, tenant, **more)
        worker = Worker(self.python, lane, file, jobs)
        self._workers.append(worker)
        return worker

    def dismiss(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.close()
        self._workers.clear()

    def close(self) -> None:
        """End everything."""
        self.dismiss()
        self.issuer.close()
