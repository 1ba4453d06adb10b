"""Other databases than the suite's, and many requests at once."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connections

SECONDS = 60


def postgresql_url():
    """Return the server's URL; without one skip, or fail in CI."""
    url = os.environ.get("DJANGO_OIDC_RS_POSTGRESQL", "")
    if url:
        return url
    reason = "DJANGO_OIDC_RS_POSTGRESQL names no PostgreSQL server"
    if os.environ.get("DJANGO_OIDC_RS_CI") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def postgresql_settings(url, name, **settings):
    """Return an entry of DATABASES; no statement takes longer than SECONDS."""
    from psycopg.conninfo import conninfo_to_dict

    parts = {**conninfo_to_dict(url), "dbname": name}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{
            key: str(parts.pop(part, ""))
            for key, part in (
                ("HOST", "host"),
                ("PORT", "port"),
                ("USER", "user"),
                ("PASSWORD", "password"),
                ("NAME", "dbname"),
            )
        },
        "OPTIONS": {
            **parts,
            "connect_timeout": SECONDS,
            "options": f"-c lock_timeout={SECONDS}s -c statement_timeout={SECONDS}s",
        },
        **settings,
    }


def sqlite_settings(path, **settings):
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {"timeout": SECONDS},
        **settings,
    }


@contextmanager
def replacing_databases(blocker, databases):
    """Let ``databases`` be the project's, in this thread and in all new ones."""
    configured = connections.configure_settings(databases)
    kept = {
        alias: (connections.settings[alias], connections[alias])
        for alias in configured
        if alias in connections.settings
    }
    for alias, entry in configured.items():
        if alias in kept:
            del connections[alias]
        connections.settings[alias] = entry
    try:
        with blocker.unblock():
            yield
            for alias in configured:
                connections[alias].close()
    finally:
        for alias in configured:
            del connections[alias]
            del connections.settings[alias]
        for alias, (entry, connection) in kept.items():
            connections.settings[alias] = entry
            connections[alias] = connection


def migrate():
    call_command("migrate", run_syncdb=True, verbosity=0)


def call(path, raw, handler):
    """Ask as a WSGI server does; return the status."""
    environ = {"HTTP_AUTHORIZATION": f"Bearer {raw}"}
    environ["PATH_INFO"], _, environ["QUERY_STRING"] = path.partition("?")
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO()
    started = []
    response = handler(environ, lambda status, headers: started.append(status))
    try:
        body = b"".join(response)
    finally:
        response.close()
    return int(started[0].split()[0]), body


def wsgi():
    return WSGIHandler()


def all_at_once(count, work):
    """Run ``work(number)`` in as many threads, started together; return the results."""
    barrier = threading.Barrier(count)

    def run(number):
        try:
            barrier.wait(SECONDS)
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def elsewhere(work):
    """Run ``work()`` on connections of its own, to its end; return its result."""
    return all_at_once(1, lambda _number: work())[0]


@contextmanager
def meeting(signal, sender, count):
    """Hold ``count`` threads at their first ``signal`` until all of them are there."""
    barrier = threading.Barrier(count)
    local = threading.local()

    def meet(**_keywords):
        if not getattr(local, "met", False):
            local.met = True
            barrier.wait(SECONDS)

    signal.connect(meet, sender=sender)
    try:
        yield
    finally:
        signal.disconnect(meet, sender=sender)


@contextmanager
def meanwhile(signal, sender, work):
    """Run ``work()`` at the first ``signal``, as a quicker request would."""
    pending = [work]

    def interrupt(**_keywords):
        if pending:
            pending.pop()()

    signal.connect(interrupt, sender=sender)
    try:
        yield
    finally:
        signal.disconnect(interrupt, sender=sender)
    assert not pending, "nobody came by"
