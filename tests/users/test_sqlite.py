"""The races over a SQLite file; with ATOMIC_REQUESTS, those without a meeting."""

from __future__ import annotations

import pytest

from . import races
from .databases import replacing_databases


@pytest.fixture
def database(django_db_blocker, sqlite_file, tmp_path):
    databases = {"default": sqlite_file(tmp_path / "database")}
    with replacing_databases(django_db_blocker, databases):
        yield


def test_with_atomic_requests_transactions_must_be_immediate(
    django_db_blocker, sqlite_file, tmp_path, api, created
):
    entry = sqlite_file(tmp_path / "database")
    entry["ATOMIC_REQUESTS"] = True
    entry["OPTIONS"]["transaction_mode"] = "IMMEDIATE"
    with replacing_databases(django_db_blocker, {"default": entry}):
        races.assert_one_user(created, *races.ask_all(api, races.FIRST_REQUESTS))


class TestFirstRequests(races.FirstRequests):
    pass


class TestUpdates(races.Updates):
    pass


class TestLosers(races.Losers):
    pass
