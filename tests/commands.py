"""Running management commands as a terminal would."""

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from unittest.mock import patch

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from django_oidc_rs import wiring
from django_oidc_rs.core.clock import SystemClock
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.stores import DatabaseKeyStore

HOSTILE = "\x1b[31mred\r\n\x07\u202e" + "k" * 10000


@dataclass
class Done:
    """What a command left behind: exit status, both streams, the last words."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def lines(self):
        """Standard output by line, its blanks made one."""
        return [" ".join(line.split()) for line in self.out.splitlines()]


def run(name, *args, stdin="", **options):
    """Run a command; ``stdin`` is text, or a stream."""
    out, err = StringIO(), StringIO()
    stream = StringIO(stdin) if isinstance(stdin, str) else stdin
    code = 0
    with patch.object(sys, "stdin", stream):
        try:
            call_command(name, *args, stdout=out, stderr=err, no_color=True, **options)
        except CommandError as error:
            code = error.returncode
            err.write(f"{type(error).__name__}: {error}")
    return Done(code, out.getvalue(), err.getvalue())


@contextmanager
def database_store(*issuers, clock=None, store=None, cache=None):
    """Let the package ask ``issuers``, and keep keys in the database.

    ``cache`` makes the store of issuers whose keys live in a cache.
    """

    def fetch(url, *, trusted_address, headers=None):
        for issuer in issuers:
            if issuer.knows(url):
                return issuer.fetch(url, trusted_address=trusted_address)
        raise FetchError("connect", "nobody there")

    def post(url, **request):
        for issuer in issuers:
            if issuer.introspection.endpoint == url:
                return issuer.introspection.post(url, **request)
        raise FetchError("connect", "nobody there")

    seams = wiring.Seams(
        clock=clock or SystemClock(),
        fetch=fetch,
        post=post,
        store=store or DatabaseKeyStore(),
        spawn=lambda work: work(),
        cache=cache,
    )
    with wiring.substitute(seams):
        yield


@contextmanager
def without_table(model):
    """Rename the table of ``model``, as if ``migrate`` had not run yet."""
    table, hidden = model._meta.db_table, "hidden"
    with connection.schema_editor() as editor:
        editor.alter_db_table(model, table, hidden)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(model, hidden, table)


def is_harmless(text):
    """Whether a terminal shows ``text`` as it is, line ends aside."""
    return all(character.isprintable() or character == "\n" for character in text)
