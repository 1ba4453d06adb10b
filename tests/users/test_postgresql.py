"""The races over PostgreSQL, with and without ATOMIC_REQUESTS; and what is its own.

``DJANGO_OIDC_RS_POSTGRESQL`` holds the URL of a server where databases may be created.
"""

from __future__ import annotations

import math
import secrets
import unicodedata
from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection, models, transaction
from django.db.models.signals import pre_save

from django_oidc_rs import last_use
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.user_mapping import _cleaned
from django_oidc_rs.users import resolve_user

from . import lookups, races
from .databases import (
    elsewhere,
    meanwhile,
    migrate,
    postgresql_settings,
    postgresql_url,
    replacing_databases,
)

User = get_user_model()


@pytest.fixture(scope="session")
def server():
    """Return a function that runs one statement outside every test's database."""
    url = postgresql_url()
    import psycopg

    def execute(statement):
        with psycopg.connect(url, autocommit=True, connect_timeout=60) as session:
            session.execute(statement)

    return url, execute


@pytest.fixture(scope="session")
def template(server, django_db_blocker):
    """The name of a migrated database to copy."""
    url, execute = server
    name = f"oidc_rs_{secrets.token_hex(8)}"
    execute(f"CREATE DATABASE {name}")
    try:
        databases = {"default": postgresql_settings(url, name)}
        with replacing_databases(django_db_blocker, databases):
            migrate()
        yield name
    finally:
        execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def make_database(server, template, django_db_blocker):
    url, execute = server

    @contextmanager
    def make_database(**settings):
        name = f"oidc_rs_{secrets.token_hex(8)}"
        execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            databases = {"default": postgresql_settings(url, name, **settings)}
            with replacing_databases(django_db_blocker, databases):
                yield
        finally:
            execute(f"DROP DATABASE {name} WITH (FORCE)")

    return make_database


@pytest.fixture(params=[False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def database(request, make_database):
    with make_database(ATOMIC_REQUESTS=request.param):
        yield


@pytest.fixture
def plain_database(make_database):
    with make_database():
        yield


class TestFirstRequests(races.FirstRequests):
    pass


class TestUpdates(races.Updates):
    pass


class TestLosers(races.Losers):
    pass


def test_it_is_postgresql(plain_database):
    assert connection.vendor == "postgresql"


def test_a_losers_transaction_goes_on(plain_database, api, access_token):
    """What it wrote before and what it writes after are kept."""
    token = access_token(subject="alice")
    with transaction.atomic():
        Group.objects.create(name="before")
        with meanwhile(pre_save, User, lambda: elsewhere(lambda: resolve_user(token))):
            user = resolve_user(token)
        Group.objects.create(name="after")
    assert User.objects.get() == user
    assert Group.objects.count() == 2


@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
def test_a_refused_users_transaction_goes_on(
    plain_database, serve, access_token, known
):
    serve({"FIELDS": {"username": "name"}})
    User.objects.create_user("ada")
    if known:
        resolve_user(access_token(subject="alice", claims={"name": "bea"}))
    token = access_token(subject="alice", claims={"name": "ada"})
    with transaction.atomic():
        with pytest.raises(Exception, match="user_conflict"):
            resolve_user(token)
        Group.objects.create(name="after")
    assert Group.objects.count() == 1
    assert User.objects.count() == 1 + known
    assert FederatedIdentity.objects.count() == known


@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
def test_a_table_narrower_than_its_model_is_no_500(
    plain_database, serve, refusals, known
):
    api = serve({"FIELDS": {"first_name": "given_name"}})
    if known:
        api.user(given_name="Ada")
    before = list(User.objects.values())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auth_user ALTER first_name TYPE varchar(5)")
    assert api.ask(given_name="Augusta").status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert list(User.objects.values()) == before
    assert FederatedIdentity.objects.count() == known
    assert api.ask(given_name="Eve").status_code == 200


def test_the_log_is_not_told_whose_value_it_was(plain_database, serve, refusals):
    api = serve({"FIELDS": {"username": "name"}})
    User.objects.create_user("ada-lovelace")
    assert api.ask(name="ada-lovelace").status_code == 401
    assert "auth_user_username_key" in refusals[-1].detail
    assert "ada-lovelace" not in refusals[-1].detail


def test_a_request_that_is_undone_leaves_no_user_behind(make_database, api):
    """Under ATOMIC_REQUESTS a later failure undoes all; the next one starts anew."""
    api.client.raise_request_exception = False
    with make_database(ATOMIC_REQUESTS=True):
        assert api.ask(path="/write/").status_code == 500
        assert not User.objects.exists()
        assert not FederatedIdentity.objects.exists()
        assert api.ask(path="/write/?name=note").status_code == 200
        assert User.objects.count() == FederatedIdentity.objects.count() == 1


def test_a158_subjects_are_compared_byte_for_byte(plain_database, api):
    subjects = ["ål", unicodedata.normalize("NFD", "ål"), "al", "AL", "al ", "😀" * 255]
    users = [api.user(subject)["pk"] for subject in subjects]
    assert len(set(users)) == len(subjects)
    assert [api.user(subject)["pk"] for subject in subjects] == users


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (models.SmallIntegerField(), 40000),
        (models.IntegerField(), 2**31),
        (models.PositiveSmallIntegerField(), -1),
        (models.BigIntegerField(), 2**63),
    ],
)
def test_integers_the_column_cannot_hold_are_left_out(plain_database, field, value):
    assert _cleaned(field, value) is None


@pytest.mark.parametrize(
    "value", ["9999-12-31T23:59:59-14:00", "9999-12-31T12:00:00Z", "0001-01-01T12:00Z"]
)
def test_moments_that_cannot_be_read_back_are_left_out(plain_database, serve, value):
    """One such row would fail every query that comes across it."""
    api = serve({"FIELDS": {"last_login": "seen"}})
    for _ in range(2):
        api.user(seen=value)
    assert [user.last_login for user in User.objects.all()] == [None]


def test_a_deleted_user_leaves_no_subject(plain_database, api):
    api.user("alice")
    User.objects.all().delete()
    identity = FederatedIdentity.objects.get()
    assert (identity.user, identity.subject) == (None, "")
    assert api.ask("alice").status_code == 401


def test_a_database_that_is_read_only_refuses_nobody(database, api, monkeypatch):
    monkeypatch.setattr(last_use, "_not_before", -math.inf)
    user = User.objects.create_user("alice-here")
    FederatedIdentity.objects.link("https://issuer.test", "alice", user)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    for _ in range(2):
        assert api.ask("alice").status_code == 200
    assert FederatedIdentity.objects.get().last_used_at is None
    monkeypatch.setattr(last_use, "_not_before", -math.inf)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
    assert api.ask("alice").status_code == 200
    assert FederatedIdentity.objects.get().last_used_at


def test_a_compiled_query_serves_every_connection(database):
    lookups.assert_same_in_every_thread()
