"""One process of a fleet: does as it is told, one line of JSON each way.

Everything is real here: the store, the threads, the network, the WSGI handler. Two
things are given: hours pass when the test says so, and on request this host's clock is
wrong.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from wsgiref.util import setup_testing_defaults

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connections
from django.test.utils import override_settings

from django_oidc_rs import wiring
from django_oidc_rs.core.clock import SystemClock
from django_oidc_rs.core.keys import bounded

__all__ = ["refreshers_end", "serve"]


def refreshers_end():
    """Wait until no thread of the key store is left, nor one that it started."""
    while threads := [
        thread
        for thread in threading.enumerate()
        if thread.name == "django_oidc_rs.keys"
    ]:
        for thread in threads:
            thread.join(60)


class ShiftedClock(SystemClock):
    """The machine's clock, and the hours that the test let pass."""

    passed = 0.0

    def now(self):
        return super().now() + self.passed

    def monotonic(self):
        return super().monotonic() + self.passed


class Worker:
    """The orders, by name."""

    def __init__(self, address):
        self._address = address
        self._clock = ShiftedClock()
        self._handler = WSGIHandler()

    def begin(self, *, databases, caches, oidc_rs, slow_by=0.0, patient=True):
        """Take the settings; ``slow_by`` is how wrong this host's clock is."""
        with suppress(AttributeError):
            # Made before the fork, for the settings before these.
            del connections["default"]
        connections.settings.update(connections.configure_settings(databases))
        changed = {"OIDC_RS": oidc_rs, "ROOT_URLCONF": "tests.fleet.urls"}
        if caches:
            changed["CACHES"] = caches
        override_settings(**changed).enable()
        if slow_by:
            right = time.time
            time.time = lambda: right() - slow_by
        if patient:
            # A machine that is busy with many tests is no store that hangs.
            bounded._WRITE = bounded._READ = 20.0
            # Whoever waits for the refreshers to end need not wait for this too.
            bounded._LINGER = 0.02
        seams = replace(wiring.get_seams(), clock=self._clock)
        # Kept: what is collected is undone.
        self._substitution = wiring.substitute(seams)
        self._substitution.__enter__()

    def ask(self, *, tokens, at_once=False, path="/whoami/"):
        """Ask with each token, one after another or all at once."""
        if not at_once:
            return [self._ask(token, path) for token in tokens]
        together = threading.Barrier(len(tokens))

        def ask(token):
            together.wait(60)
            return self._ask(token, path)

        with ThreadPoolExecutor(len(tokens)) as pool:
            return list(pool.map(ask, tokens))

    def _ask(self, token, path):
        environ = {"HTTP_AUTHORIZATION": f"Bearer {token}", "PATH_INFO": path}
        setup_testing_defaults(environ)
        environ["wsgi.input"] = io.BytesIO()
        told = {}

        def start(status, headers):
            told.update(headers, status=status)

        began = time.monotonic()
        response = self._handler(environ, start)
        response.close()
        return {
            "status": int(told["status"].split()[0]),
            "took": time.monotonic() - began,
            "retry_after": told.get("Retry-After"),
        }

    def ask_on_a_loop(self, *, tokens, give_up_first=False):
        """Ask with all tokens at once on one event loop; tell its longest silence.

        ``give_up_first``: the first caller goes away while it waits.
        """
        return asyncio.run(self._ask_on_a_loop(tokens, give_up_first))

    async def _ask_on_a_loop(self, tokens, give_up_first):
        silences = []

        async def beat():
            while True:
                began = time.monotonic()
                await asyncio.sleep(0.01)
                silences.append(time.monotonic() - began)

        heart = asyncio.create_task(beat())
        asked = [asyncio.create_task(self._aask(token)) for token in tokens]
        if give_up_first:
            await asyncio.sleep(0.2)
            asked.pop(0).cancel()
        began = time.monotonic()
        statuses = await asyncio.gather(*asked)
        took = time.monotonic() - began
        heart.cancel()
        return {"statuses": statuses, "silence": max(silences), "took": took}

    async def _aask(self, token):
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/async/",
            "query_string": b"",
            "headers": [(b"authorization", f"Bearer {token}".encode())],
        }
        pending = [{"type": "http.request", "body": b"", "more_body": False}]
        told = []

        async def receive():
            if not pending:
                await asyncio.Event().wait()
            return pending.pop()

        async def send(message):
            told.append(message)

        await ASGIHandler()(scope, receive, send)
        return told[0]["status"]

    def pass_time(self, *, seconds):
        """Let so much time pass, here."""
        self._clock.passed += seconds

    def settle(self):
        """Wait until no refresher is at work any more."""
        refreshers_end()

    def sync(self):
        """Run the command that fetches and stores keys."""
        call_command("sync_oidc_keys", verbosity=0)

    def connected(self):
        """Tell whether the thread that serves holds a connection to the database."""
        return connections["default"].connection is not None

    def fork(self):
        """Go on in a child as well, as a preloaded server does."""
        if os.fork() == 0:
            serve(self._address, self)


def serve(address, worker=None):
    """Do as the test at ``address`` says, until it goes away."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        stream = line.makefile("rw")
        worker = worker or Worker(address)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        for order in stream:
            name, arguments = json.loads(order)
            try:
                answer = {"value": getattr(worker, name)(**arguments)}
            except Exception as error:  # noqa: BLE001 -- the test is told
                answer = {"error": repr(error)}
            stream.write(json.dumps(answer) + "\n")
            stream.flush()
    os._exit(0)
