"""``demo``: the API and a real authorization server, from nothing to a table."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from authorization_server import seeds
from demo.run import Demo, prepared_state
from demo.servers import DemoError, require_free
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

__all__ = ["Command"]

# Clients of the seeds: who asks about tokens, and a machine.
_ASKS, _MACHINE = "orders-api", "orders-importer"
_TAKE = (
    "import json, sys; got = json.loads(sys.stdin.read() or '{}'); "
    "print(got.get('access_token') or sys.exit(f'No token: {got}'))"
)


class Command(BaseCommand):
    """Starts both servers, asks, prints; exit status 1 if one answer differs.

    With ``--serve`` it skips the questions: the page is up as soon as the servers are.
    """

    help = (
        "Start the API and an authorization server on 127.0.0.1, get tokens over HTTP, "
        "call the API and compare every answer with the expected one."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--state",
            type=Path,
            default=settings.STATE_DIR,
            help="where databases, keys and logs go; what an earlier demo left there "
            "is deleted (%(default)s)",
        )
        parser.add_argument("--port", type=int, help="of the API; a free one")
        parser.add_argument(
            "--issuer-port", type=int, help="of the authorization server; a free one"
        )
        parser.add_argument(
            "--serve",
            action="store_true",
            help="instead of asking, keep both servers and the page up until Ctrl-C",
        )

    def handle(self, **options: Any) -> None:
        """Run the demo."""
        state = options["state"].resolve()
        former = signal.signal(signal.SIGTERM, _interrupt)
        try:
            for port in filter(None, (options["port"], options["issuer_port"])):
                require_free(port)
            with (
                prepared_state(state),
                Demo(
                    state,
                    port=options["port"],
                    issuer_port=options["issuer_port"],
                    write=self._write,
                ) as demo,
            ):
                if options["serve"]:
                    self._serve(demo)
                    return
                as_expected = demo.run()
                self._write("With --serve: a page to sign in with and look around.")
        except DemoError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("interrupted; both servers are stopped") from None
        finally:
            signal.signal(signal.SIGTERM, former)
        if not as_expected:
            raise CommandError(f"not every answer is as expected; logs are in {state}")

    def _serve(self, demo: Demo) -> None:
        try:
            demo.make_staff()
            self._write(f"\nThe page              {demo.api.url}/")
            self._write(
                f"{'':22}sign in as {', '.join(seeds.USERS)}; "
                f"the password is: {seeds.PASSWORD}"
            )
            self._write(f"API                   {demo.api.url}")
            self._write(f"Authorization server  {demo.issuer.url}")
            self._write(f"ISSUER                {demo.issuer.url}")
            self._write(f"AUDIENCE              {seeds.API}")
            asks = {"CLIENT_ID": _ASKS, "CLIENT_SECRET": seeds.SECRETS[_ASKS]}
            self._write(f"INTROSPECTION         {json.dumps(asks)}")
            self._write(
                "\nA machine's token; resource= is the AUDIENCE, other scopes are "
                "refused. (People sign in on the page, which copies theirs, good for "
                f"{seeds.PAGE_SECONDS} seconds.)"
            )
            client = f"-u {_MACHINE}:{seeds.SECRETS[_MACHINE]}"
            server = f"{demo.issuer.url}/identity/o/api"
            self._write(
                f"TOKEN=$(curl -sS {client} -d grant_type=client_credentials "
                f"-d scope='orders:read orders:import' -d resource={seeds.API} "
                f'{server}/token | {shlex.quote(sys.executable)} -c "{_TAKE}")'
            )
            self._write("\nRevoking it, which views that ask the issuer notice:")
            self._write(f'curl -sS {client} -d token="$TOKEN" {server}/revoke')
            self._write("\nCtrl-C stops both.")
            while True:
                demo.api.check_alive()
                demo.issuer.check_alive()
                time.sleep(1)
        except KeyboardInterrupt:
            self._write("")

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
