"""``signing_keys rotate`` and ``signing_keys withdraw``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from authorization_server import signing_keys

__all__ = ["Command"]


class Command(BaseCommand):
    """Changes the signing keys of a server that runs."""

    help = (
        "rotate: sign with a new key from now on; the older ones stay published. "
        "withdraw: take every key but the newest out of the JWK Set."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to do."""
        parser.add_argument("what", choices=("rotate", "withdraw"))

    def handle(self, **options: Any) -> None:
        """Do it."""
        if options["what"] == "rotate":
            self.stdout.write(f"added {signing_keys.add().name}")
        else:
            for path in signing_keys.withdraw_old():
                self.stdout.write(f"withdrew {path.name}")
