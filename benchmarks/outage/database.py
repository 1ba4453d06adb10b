"""The database of a fleet: a SQLite file, or one of a PostgreSQL server's.

``DJANGO_OIDC_RS_POSTGRESQL`` holds the URL of a server where databases may be created.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["RECORDS", "STATES", "Database", "make_database", "postgresql_url"]

RECORDS = "django_oidc_rs_issuerrecord"
STATES = "django_oidc_rs_refreshstate"
_TIMES = ("lease_until", "not_before")


class Database(ABC):
    """Where one fleet's processes share keys; it can be made to fail."""

    settings: dict[str, Any]
    """The entry of ``DATABASES``."""

    @abstractmethod
    def copy(self, folder: Path) -> Database:
        """Return a database of its own with the same tables and rows."""

    @abstractmethod
    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; parameters are written ``?``."""

    @abstractmethod
    def unreachable(self) -> contextlib.AbstractContextManager[None]:
        """Nobody can connect during the block."""

    @abstractmethod
    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Whoever reads or writes the keys waits during the block."""

    def age(self, seconds: float) -> None:
        """Move what is stored into the past: the database's own clock stays right."""
        self._age_records(seconds)
        for key, text in self.execute(f"SELECT key, state FROM {STATES}"):
            state = json.loads(text or "{}")
            if state:
                state |= {name: state[name] - seconds for name in _TIMES}
                state["spent"] = [at - seconds for at in state["spent"]]
                self.execute(
                    f"UPDATE {STATES} SET state = ?, version = version + 1"
                    " WHERE key = ?",
                    json.dumps(state),
                    key,
                )

    @abstractmethod
    def _age_records(self, seconds: float) -> None: ...

    @abstractmethod
    def drop(self) -> None:
        """Remove it."""


class SqliteDatabase(Database):
    """A file."""

    def __init__(self, path: Path) -> None:
        """Keep the path; the first connection makes the file."""
        self._path = path
        self.settings = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(path),
        }

    def copy(self, folder: Path) -> Database:
        """Return a copy of the file in ``folder``."""
        path = folder / "db.sqlite3"
        shutil.copy(self._path, path)
        return SqliteDatabase(path)

    @contextmanager
    def _session(self) -> Iterator[sqlite3.Connection]:
        session = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            yield session
        finally:
            session.close()

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement."""
        with self._session() as session:
            return session.execute(statement, values).fetchall()

    def _age_records(self, seconds: float) -> None:
        self.execute(
            f"UPDATE {RECORDS} SET stored_at ="
            " strftime('%Y-%m-%d %H:%M:%f', stored_at, ?)",
            f"-{seconds:f} seconds",
        )

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Put a folder where the file is."""
        aside = self._path.with_suffix(".aside")
        self._path.rename(aside)
        self._path.mkdir()
        try:
            yield
        finally:
            self._path.rmdir()
            aside.rename(self._path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that excludes readers too."""
        with self._session() as session:
            session.execute("BEGIN EXCLUSIVE")
            try:
                yield
            finally:
                session.execute("ROLLBACK")

    def drop(self) -> None:
        """Leave it to whoever removes the folder."""


class PostgresqlDatabase(Database):
    """A database of a server."""

    def __init__(self, url: str, name: str | None = None) -> None:
        """Make a database of the server at ``url``, or take the one named."""
        from psycopg.conninfo import conninfo_to_dict

        self._url = url
        self._name = name or f"outage_{secrets.token_hex(8)}"
        if name is None:
            self._administer(f"CREATE DATABASE {self._name}")
        parts = conninfo_to_dict(url)
        self.settings = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self._name,
            "HOST": str(parts.get("host", "")),
            "PORT": str(parts.get("port", "")),
            "USER": str(parts.get("user", "")),
            "PASSWORD": str(parts.get("password", "")),
            "OPTIONS": {"connect_timeout": 5},
        }

    def _administer(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self._url, autocommit=True, connect_timeout=10) as session:
            for statement in statements:
                session.execute(statement)

    def copy(self, folder: Path) -> Database:
        """Return a copy made by the server."""
        name = f"outage_{secrets.token_hex(8)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {self._name}")
        return PostgresqlDatabase(self._url, name)

    @contextmanager
    def _session(self) -> Iterator[Any]:
        import psycopg

        with psycopg.connect(
            self._url, dbname=self._name, autocommit=True, connect_timeout=10
        ) as session:
            yield session

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement."""
        with self._session() as session:
            cursor = session.execute(statement.replace("?", "%s"), values)
            return list(cursor.fetchall()) if cursor.description else []

    def _age_records(self, seconds: float) -> None:
        self.execute(
            f"UPDATE {RECORDS} SET stored_at = stored_at - ? * interval '1 second'",
            seconds,
        )

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Let nobody in, and those who are, out."""
        self._administer(
            f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{self._name}'",
        )
        try:
            yield
        finally:
            self._administer(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the tables' strongest lock."""
        with self._session() as session, session.transaction():
            session.execute(f"LOCK TABLE {RECORDS}, {STATES} IN ACCESS EXCLUSIVE MODE")
            yield

    def drop(self) -> None:
        """Remove it, whoever is connected."""
        self._administer(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")


def postgresql_url() -> str:
    """Return the server's URL, or an empty string: SQLite."""
    return os.environ.get("DJANGO_OIDC_RS_POSTGRESQL", "")


def make_database(folder: Path) -> Database:
    """Return a new database without tables."""
    url = postgresql_url()
    return PostgresqlDatabase(url) if url else SqliteDatabase(folder / "db.sqlite3")
