"""The API's processes: gunicorn, one worker per slot, each at a port of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.outage_project.clock import SharedClock

from .traffic import ask_all

__all__ = ["PROCESSES", "THREADS", "Contestant", "Dial", "Fleet", "new_fleet"]

PROCESSES = 4
THREADS = 25
_ROOT = Path(__file__).parents[2]
_START = 60.0
_START_TRIES = 100
_LOOK = 0.02
_COMMAND = 60.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who is measured: a module of ``outage_contestants``, and its Python.

    Attributes:
        burns: scenarios in which it takes all the processor time there is, so that
            others beside them would measure that.
    """

    name: str
    module: str
    python: str
    burns: frozenset[str] = frozenset()

    @property
    def is_ours(self) -> bool:
        """Whether the figures are asserted."""
        return self.module == "ours"


@dataclass(frozen=True, slots=True)
class Dial:
    """One attempt to connect to the issuer: when, and by which process."""

    at: float
    pid: int


@dataclass(slots=True)
class Fleet:
    """Running processes of one contestant, and the files they share with us.

    Attributes:
        state: the folder of those files.
        clock: what all of them take for the time.
        ports: where the processes are asked, by slot.
    """

    contestant: Contestant
    state: Path
    issuer_url: str
    database: Mapping[str, Any]
    options: Mapping[str, Any]
    clock: SharedClock
    ports: Sequence[int] = ()
    _gunicorn: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(_ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "benchmarks.outage_project.settings",
            "OUTAGE_STATE": str(self.state),
            "OUTAGE_CONTESTANT": self.contestant.module,
            "OUTAGE_ISSUER": self.issuer_url,
            "OUTAGE_DATABASE": json.dumps(self.database),
            "OUTAGE_OPTIONS": json.dumps(self.options),
            "OUTAGE_PROCESSES": str(PROCESSES),
            "OUTAGE_THREADS": str(THREADS),
        }

    async def start(self) -> None:
        """Start gunicorn and wait until every process answers.

        Raises:
            RuntimeError: they do not; the log is in the message.
        """
        (self.state / "ports").unlink(missing_ok=True)
        self._gunicorn = await asyncio.create_subprocess_exec(
            self.contestant.python,
            *("-m", "gunicorn", "-c", "python:benchmarks.outage_project.gunicorn_conf"),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.state,
            start_new_session=True,
        )
        told = self.state / "ports"
        if await until(told.exists, _START):
            self.ports = json.loads(told.read_text())
            for _ in range(_START_TRIES):
                answers = await ask_all(self.ports, None, path="/bare")
                if all(answer.is_good for answer in answers):
                    return
                await asyncio.sleep(_LOOK)
        raise RuntimeError(f"{self.contestant.name} does not start: {self.log()}")

    def log(self) -> str:
        """Return the end of what the processes wrote."""
        path = self.state / "gunicorn.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    async def stop(self) -> None:
        """End all processes, whatever they are doing."""
        gunicorn, self._gunicorn = self._gunicorn, None
        if gunicorn is not None:
            # The session is its own: its leader is the group of all workers.
            with suppress(ProcessLookupError):
                os.killpg(gunicorn.pid, signal.SIGKILL)
            await gunicorn.wait()

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run a management command beside the processes; return status and output."""
        process = await asyncio.create_subprocess_exec(
            self.contestant.python,
            *("-m", "django", *arguments),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), _COMMAND)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, output.decode()

    def dials(self, *, since: float) -> list[Dial]:
        """Return the attempts to connect to the issuer since a moment."""
        path = self.state / "connects"
        lines = path.read_text().splitlines() if path.exists() else []
        dials = (Dial(float(at), int(pid)) for at, pid in map(str.split, lines))
        return [dial for dial in dials if dial.at >= since]

    async def dialled(self, *, since: float, within: float) -> Dial | None:
        """Return the first attempt since a moment, once there is one."""
        await until(lambda: bool(self.dials(since=since)), within)
        return next(iter(self.dials(since=since)), None)

    def slot_of(self, pid: int) -> int | None:
        """Return the slot a process has; None if it is none of the workers."""
        for slot in range(PROCESSES):
            if (self.state / f"worker-{slot}").read_text() == str(pid):
                return slot
        return None

    def kill(self, slot: int) -> None:
        """Kill the process of ``slot``; gunicorn starts another."""
        os.kill(int((self.state / f"worker-{slot}").read_text()), signal.SIGKILL)

    def pass_time(self, seconds: float) -> float:
        """Put the clock of all processes forward; return the moment (monotonic)."""
        self.clock.put_forward(seconds)
        return time.monotonic()


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``condition`` holds, ``seconds`` at most; tell whether it does."""
    for _ in range(round(seconds / _LOOK)):
        if condition():
            return True
        await asyncio.sleep(_LOOK)
    return condition()


@asynccontextmanager
async def new_fleet(
    contestant: Contestant,
    *,
    state: Path,
    issuer_url: str,
    database: Mapping[str, Any],
    options: Mapping[str, Any],
) -> AsyncIterator[Fleet]:
    """Yield a fleet that the block may start; it is stopped at the end."""
    fleet = Fleet(
        contestant,
        state=state,
        issuer_url=issuer_url,
        database=database,
        options=options,
        clock=SharedClock.create(state / "clock"),
    )
    try:
        yield fleet
    finally:
        await fleet.stop()
