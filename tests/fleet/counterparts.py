"""The real servers the key store is tried on; the environment names them."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.users.databases import SECONDS, postgresql_settings

__all__ = ["MariaDb", "Postgresql", "missing", "url_of"]

RECORDS = "django_oidc_rs_issuerrecord"
STATES = "django_oidc_rs_refreshstate"


def url_of(variable):
    """Return the URL of a server; without one skip, or fail in CI."""
    url = os.environ.get(variable, "")
    if not url:
        missing(f"{variable} names no server")
    return url


def missing(reason):
    """Skip the test, or fail it in CI: a counterpart it needs is not there."""
    if os.environ.get("DJANGO_OIDC_RS_CI") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class Postgresql:
    """A new database of the server that ``DJANGO_OIDC_RS_POSTGRESQL`` names."""

    def __init__(self):
        self._url = url_of("DJANGO_OIDC_RS_POSTGRESQL")
        self._name = f"fleet_{secrets.token_hex(8)}"
        self._run(None, f"CREATE DATABASE {self._name}")
        self.settings = postgresql_settings(self._url, self._name)

    @contextmanager
    def _session(self, name):
        import psycopg

        options = {"dbname": name} if name else {}
        with psycopg.connect(
            self._url, autocommit=True, connect_timeout=SECONDS, **options
        ) as session:
            yield session

    def _run(self, name, statement, *values):
        with self._session(name) as session:
            cursor = session.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def execute(self, statement, *values):
        """Run one statement in a session of its own."""
        return self._run(self._name, statement, *values)

    def age_records(self, seconds):
        self.execute(
            f"UPDATE {RECORDS} SET stored_at = stored_at - %s * interval '1 second'",
            seconds,
        )

    @contextmanager
    def locked(self):
        """Whoever reads or writes the keys waits during the block, but its session."""
        with self._session(self._name) as session, session.transaction():
            session.execute(f"LOCK TABLE {RECORDS}, {STATES} IN ACCESS EXCLUSIVE MODE")
            yield session

    def await_waiter(self):
        """Wait until somebody waits for a lock."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        until = time.monotonic() + SECONDS
        while self.execute(waiting) == [(0,)]:
            assert time.monotonic() < until, "nobody waits"

    def drop(self):
        self._run(None, f"DROP DATABASE {self._name} WITH (FORCE)")


class MariaDb:
    """A new database of the server that ``DJANGO_OIDC_RS_MARIADB`` names."""

    def __init__(self):
        import pymysql

        pymysql.install_as_MySQLdb()
        self._driver = pymysql
        self._url = urlsplit(url_of("DJANGO_OIDC_RS_MARIADB"))
        self._name = f"fleet_{secrets.token_hex(8)}"
        self._run(None, f"CREATE DATABASE {self._name} CHARACTER SET utf8mb4")
        self.settings = {
            "ENGINE": "django.db.backends.mysql",
            "NAME": self._name,
            "HOST": self._url.hostname,
            "PORT": str(self._url.port),
            "USER": self._url.username,
            "PASSWORD": self._url.password or "",
            "OPTIONS": {"connect_timeout": SECONDS, "read_timeout": SECONDS},
        }

    def _session(self, name):
        return closing(
            self._driver.connect(
                host=self._url.hostname,
                port=self._url.port,
                user=self._url.username,
                password=self._url.password or "",
                database=name,
                autocommit=True,
                connect_timeout=SECONDS,
                read_timeout=SECONDS,
            )
        )

    def _run(self, name, statement, *values):
        with self._session(name) as session, session.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def execute(self, statement, *values):
        """Run one statement in a session of its own."""
        return self._run(self._name, statement.replace('"', "`"), *values)

    def age_records(self, seconds):
        self.execute(
            f"UPDATE {RECORDS} SET stored_at ="
            " DATE_SUB(stored_at, INTERVAL %s MICROSECOND)",
            round(seconds * 1e6),
        )

    @contextmanager
    def locked(self):
        """Whoever reads or writes the keys waits during the block."""
        with self._session(self._name) as session, session.cursor() as cursor:
            cursor.execute(f"LOCK TABLES {RECORDS} WRITE, {STATES} WRITE")
            yield
            cursor.execute("UNLOCK TABLES")

    def drop(self):
        self._run(None, f"DROP DATABASE {self._name}")
