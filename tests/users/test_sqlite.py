"""The races over a SQLite file, without ATOMIC_REQUESTS."""

from __future__ import annotations

import pytest

from . import races
from .databases import replacing_databases


@pytest.fixture
def database(django_db_blocker, sqlite_file, tmp_path):
    databases = {"default": sqlite_file(tmp_path / "database")}
    with replacing_databases(django_db_blocker, databases):
        yield


class TestFirstRequests(races.FirstRequests):
    pass


class TestUpdates(races.Updates):
    pass


class TestLosers(races.Losers):
    pass
