"""When an identity was last used: known to the hour, and never at a token's expense."""

from __future__ import annotations

import logging
import math
import sqlite3
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_oidc_rs import last_use
from django_oidc_rs.models import FederatedIdentity

from .conftest import ISSUER
from .databases import replacing_databases, sqlite_settings

User = get_user_model()
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def nothing_failed_before(monkeypatch):
    monkeypatch.setattr(last_use, "_not_before", -math.inf)


@pytest.fixture
def alice(db):
    user = User.objects.create_user("alice-here")
    FederatedIdentity.objects.link(ISSUER, "alice", user)
    return user


def last_used():
    return FederatedIdentity.objects.get().last_used_at


def used(ago):
    """Let the last use be so long ago; return when that was."""
    at = None if ago is None else timezone.now() - ago
    FederatedIdentity.objects.update(last_used_at=at)
    return at


def is_now(moment):
    return abs(timezone.now() - moment) < MINUTE


# The rule.


def test_creation_is_use(db, api, django_assert_num_queries):
    with CaptureQueriesContext(connection) as queries:
        api.user("alice")
    assert [query for query in queries if query["sql"].startswith("UPDATE")] == []
    assert is_now(last_used())
    with django_assert_num_queries(1):
        api.user("alice")


@pytest.mark.parametrize(
    "ago", [None, 61 * MINUTE, timedelta(days=900), -61 * MINUTE], ids=str
)
def test_the_first_request_of_an_hour_is_two_queries(
    api, alice, django_assert_num_queries, ago
):
    used(ago)
    with django_assert_num_queries(2):
        api.user("alice")
    assert is_now(last_used())
    for _ in range(3):
        with django_assert_num_queries(1):
            api.user("alice")


@pytest.mark.parametrize("ago", [0 * MINUTE, 59 * MINUTE, -59 * MINUTE], ids=str)
def test_within_the_hour_nothing_is_written(api, alice, django_assert_num_queries, ago):
    at = used(ago)
    with django_assert_num_queries(1):
        api.user("alice")
    assert last_used() == at


@pytest.mark.parametrize("path", ["/whoami/", "/anyone/", "/plain/", "/aplain/"])
def test_every_way_in_counts(api, alice, path):
    api.user("alice", path=path)
    assert is_now(last_used())


def test_existing_user_counts(serve, alice):
    serve({"RESOLVER": "existing_user"}).user("alice")
    assert is_now(last_used())


@pytest.mark.parametrize(
    "users",
    [{"RESOLVER": "token_user"}, {"RESOLVER": "tests.users.resolvers.by_subject"}],
    ids=["token_user", "own"],
)
def test_other_resolvers_do_not(serve, alice, users):
    User.objects.create_user("own-alice")
    serve(users).user("alice")
    assert last_used() is None


@pytest.mark.parametrize("path", ["/unresolved/", "/plain-unresolved/"])
def test_a_view_without_user_does_not(api, alice, path, django_assert_num_queries):
    with django_assert_num_queries(0):
        api.user("alice", path=path)
    assert last_used() is None


def test_a_refused_user_does_not(api, alice):
    User.objects.update(is_active=False)
    assert api.ask("alice").status_code == 401
    assert last_used() is None


def test_a_bad_token_does_not(api, alice):
    assert api.ask("alice", exp=1).status_code == 401
    assert last_used() is None


def test_who_comes_second_writes_nothing(alice, django_capture_on_commit_callbacks):
    identity = FederatedIdentity.objects.get()
    at = used(5 * MINUTE)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        last_use.note_use(identity, using=lambda: "default", issuer_alias="default")
    assert len(callbacks) == 1
    assert last_used() == at


def test_where_times_are_naive(settings, api, alice, django_assert_num_queries):
    settings.USE_TZ = False
    for expected in (2, 1):
        with django_assert_num_queries(expected):
            api.user("alice")
    assert abs(timezone.now() - last_used()) < MINUTE


def test_a_test_case_sees_one_query(api, alice, django_assert_num_queries):
    """Its transaction is never committed, so projects' own counts stand."""
    headers = {"authorization": f"Bearer {api.token('alice')}"}
    for _ in range(2):
        with django_assert_num_queries(1):
            assert Client().get("/whoami/", headers=headers).status_code == 200


# What must not become a refusal.


@pytest.fixture
def database(django_db_blocker, sqlite_file, tmp_path):
    """Return ``database(**settings)``: a file with Alice in it, as the default one."""
    with ExitStack() as stack:

        def database(*, name=None, **settings):
            path = tmp_path / "database"
            entry = sqlite_file(path)
            with replacing_databases(django_db_blocker, {"default": entry}):
                user = User.objects.create_user("alice-here")
                FederatedIdentity.objects.link(ISSUER, "alice", user)
            entry = sqlite_settings(name.format(path) if name else path, **settings)
            stack.enter_context(
                replacing_databases(django_db_blocker, {"default": entry})
            )
            return path

        yield database


def warnings(caplog):
    return [
        (record.levelno, record.reason, record.issuer_alias)
        for record in caplog.records
        if getattr(record, "reason", "") == "last_use_not_written"
    ]


ONE_WARNING = [(logging.WARNING, "last_use_not_written", "default")]


def test_a_database_that_is_read_only(database, api, caplog, monkeypatch):
    database(name="file:{}?mode=ro", OPTIONS={"uri": True})
    for _ in range(3):
        assert api.ask("alice").status_code == 200
    assert last_used() is None
    # It is asked once a minute, not by every request.
    assert warnings(caplog) == ONE_WARNING
    monkeypatch.setattr(last_use, "_not_before", -math.inf)
    assert api.ask("alice").status_code == 200
    assert warnings(caplog) == ONE_WARNING * 2


@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def test_a_database_that_is_locked(database, api, caplog, monkeypatch, atomic):
    path = database(OPTIONS={"timeout": 0.01}, ATOMIC_REQUESTS=atomic)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert api.ask("alice").status_code == 200
    assert warnings(caplog) == ONE_WARNING
    other.close()
    assert api.ask("alice").status_code == 200
    assert last_used() is None
    monkeypatch.setattr(last_use, "_not_before", -math.inf)
    assert api.ask("alice").status_code == 200
    assert is_now(last_used())


def test_it_is_written_after_the_requests_transaction(database, api, caplog):
    database(ATOMIC_REQUESTS=True)
    with connection.execute_wrapper(after_the_transaction):
        assert api.ask("alice").status_code == 200
    assert is_now(last_used())
    assert warnings(caplog) == []


def after_the_transaction(execute, sql, params, many, context):
    if sql.startswith("UPDATE"):
        assert not context["connection"].in_atomic_block
    return execute(sql, params, many, context)


def test_a_view_that_is_rolled_back_is_no_use(database, api):
    database(ATOMIC_REQUESTS=True)
    api.client.raise_request_exception = False
    assert api.ask("alice", path="/write/").status_code == 500
    assert last_used() is None
    assert api.ask("alice", path="/write/?name=note").status_code == 200
    assert is_now(last_used())


def test_transactions_by_hand(database, api, caplog):
    database(AUTOCOMMIT=False)
    for _ in range(2):
        assert api.ask("alice").status_code == 200
    assert last_used() is None
    assert warnings(caplog) == ONE_WARNING
