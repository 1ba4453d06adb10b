"""The processes of a fleet, as the tests see them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from .issuer import AUDIENCE

__all__ = ["Fleet", "Zygote"]

_SECONDS = 60
_ROOT = Path(__file__).parents[2]


class Zygote:
    """Where processes come from; they end with it."""

    def __init__(self, folder):
        self._address = str(folder / "line")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._address)
        self._listener.listen(16)
        self._listener.settimeout(_SECONDS)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fleet.zygote", self._address],
            stdin=subprocess.PIPE,
            cwd=_ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                # Twice as slow, and nobody reads what it finds.
                "PYTHONDEVMODE": "",
            },
        )

    def fork(self):
        """Return a new process that has done nothing yet."""
        self._process.stdin.write(b"fork\n")
        self._process.stdin.flush()
        return self.accept()

    def accept(self):
        """Return the process that has just been made."""
        line, _ = self._listener.accept()
        return Process(line)

    def close(self):
        self._process.stdin.close()
        self._process.wait(_SECONDS)
        self._listener.close()


class Process:
    """One process; ``send`` and ``receive`` by halves let several work at once."""

    def __init__(self, line):
        line.settimeout(_SECONDS)
        self._line = line
        self._stream = line.makefile("rw")
        self.pid = int(self._stream.readline())

    def send(self, order, **arguments):
        self._stream.write(json.dumps([order, arguments]) + "\n")
        self._stream.flush()

    def receive(self):
        answer = json.loads(self._stream.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def do(self, order, **arguments):
        """Have it done; return what it says."""
        self.send(order, **arguments)
        return self.receive()

    def ask(self, *tokens, **options):
        """Return the answers to requests with these tokens."""
        return self.do("ask", tokens=tokens, **options)

    def status(self, token):
        """Return the status of one request."""
        return self.ask(token)[0]["status"]

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        # Its end of the line closes once it is gone.
        with suppress(OSError):
            assert not self._line.recv(1)
        self.close()

    def close(self):
        with suppress(OSError):
            self._stream.close()
        self._line.close()


class Fleet:
    """Processes that share a store and trust one issuer."""

    def __init__(self, zygote, shared, issuer):
        self._zygote = zygote
        self._shared = shared
        self._issuer = issuer
        self.processes = []

    def start(self, count=4, *, keys=None, others=None, atomic=False, **options):
        """Add so many processes; return all. ``others`` are more issuers by alias."""
        oidc_rs = {
            "AUDIENCE": AUDIENCE,
            "ISSUERS": {
                "default": {
                    "ISSUER": self._issuer.url,
                    "KEYS": {"STORE": self._shared.store, **(keys or {})},
                },
                **(others or {}),
            },
        }
        databases = {
            alias: {**entry, "ATOMIC_REQUESTS": atomic}
            for alias, entry in self._shared.databases.items()
        }
        for _ in range(count):
            process = self._zygote.fork()
            self.processes.append(process)
            process.do(
                "begin",
                databases=databases,
                caches=self._shared.caches,
                oidc_rs=oidc_rs,
                **options,
            )
        return self.processes

    def forked(self, process):
        """Return a child of ``process``, as a preloaded server forks workers."""
        process.do("fork")
        child = self._zygote.accept()
        self.processes.append(child)
        return child

    def all_do(self, order, **arguments):
        """Have all of them do it at the same time; return what each says."""
        for process in self.processes:
            process.send(order, **arguments)
        return [process.receive() for process in self.processes]

    def ask(self, *tokens, **options):
        """Return the answers to the same requests in every process, in one list."""
        answers = self.all_do("ask", tokens=tokens, **options)
        return [answer for each in answers for answer in each]

    def statuses(self, *tokens, **options):
        return [answer["status"] for answer in self.ask(*tokens, **options)]

    def settle(self):
        """Wait until no refresher is at work any more, anywhere."""
        self.all_do("settle")

    def pass_time(self, seconds):
        """Let time pass for all processes and for the store."""
        self.settle()
        self._shared.age(self._issuer.url, seconds)
        self.all_do("pass_time", seconds=seconds)

    def stop(self):
        for process in self.processes:
            process.close()
