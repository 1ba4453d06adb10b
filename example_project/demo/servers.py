"""The two Django projects as processes: their commands and their servers."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

__all__ = ["DemoError", "Project", "Server", "free_port", "require_free"]

_MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
_COMMAND_SECONDS = 120
_START_SECONDS = 60
_STOP_SECONDS = 10
# Below the ports that kernels give to outgoing connections: one of those could take
# the port between this look at it and the server's start.
_PORTS = range(20000, 30000)


class DemoError(Exception):
    """The demo cannot go on; the message says why and where to look."""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    for port in random.sample(_PORTS, 100):
        if _is_free(port):
            return port
    raise DemoError("no free port on 127.0.0.1; name one with --port, --issuer-port")


def require_free(port: int) -> None:
    """Raise ``DemoError`` if somebody listens on this loopback port."""
    if not _is_free(port):
        raise DemoError(
            f"port {port} of 127.0.0.1 is taken: stop what runs there, or name another "
            "with --port or --issuer-port"
        )


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        # Connections of a server just stopped do not count, only a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One Django project: its settings module and the environment it runs in.

    Attributes:
        name: for messages and for the log file's name.
        settings: the settings module.
        state: the directory of its database and log.
        environment: variables beside those of this process.
    """

    name: str
    settings: str
    state: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run a management command to its end and return what it printed.

        Raises:
            DemoError: it failed, or took longer than two minutes.
        """
        command = self.command(*arguments)
        try:
            done = subprocess.run(
                command,
                env=self.variables(),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"{' '.join(arguments)} ({self.name}) hangs") from error
        if done.returncode:
            printed = done.stdout + done.stderr
            raise DemoError(f"{' '.join(arguments)} ({self.name}) failed:\n{printed}")
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a management command."""
        return [sys.executable, str(_MANAGE), *arguments, "--settings", self.settings]

    def variables(self) -> dict[str, str]:
        """Return the environment of its processes."""
        return {
            **os.environ,
            **self.environment,
            "EXAMPLE_STATE": str(self.state),
            "PYTHONUNBUFFERED": "1",
        }


class Server:
    """A project being served on loopback; a context manager that always stops it."""

    def __init__(self, project: Project, *, port: int, ready: str) -> None:
        """Do not start yet.

        Args:
            project: what to serve.
            port: on 127.0.0.1.
            ready: a path that answers 200 once the server is up.
        """
        self.project = project
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = project.state / f"{project.name}.log"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, whatever happened."""
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it answers.

        Raises:
            DemoError: the port is taken, the process ended at once, or it did not
                answer within a minute.
        """
        # Whoever listens there could pass for our server.
        require_free(self.port)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.project.command(
                    "runserver", "--noreload", f"127.0.0.1:{self.port}"
                ),
                env=self.project.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        with requests.Session() as session:
            session.trust_env = False
            while time.monotonic() < deadline:
                self.check_alive()
                try:
                    if session.get(self.url + self._ready, timeout=2).ok:
                        return
                except requests.RequestException:
                    pass
                time.sleep(0.1)
        raise DemoError(f"{self.project.name} does not answer; see {self.log}")

    def check_alive(self) -> None:
        """Raise ``DemoError`` if the process has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise DemoError(f"{self.project.name} has ended; {self.log} says:\n{tail}")

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop the process, by force after ten seconds; nothing if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
