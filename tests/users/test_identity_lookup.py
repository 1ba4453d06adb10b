"""The compiled query: what it gives is what the ORM gives, wherever it is asked."""

from __future__ import annotations

import types
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from django.test import override_settings
from django.utils import timezone

from django_oidc_rs import identity_lookup
from django_oidc_rs.identity_lookup import find_identity
from django_oidc_rs.models import FederatedIdentity, identity_key

from . import lookups
from .conftest import ISSUER
from .databases import replacing_databases

pytestmark = pytest.mark.django_db
KEY = identity_key(ISSUER, "alice")


@pytest.fixture
def identity():
    user = get_user_model().objects.create(
        username="alice",
        first_name="Ünïcode",
        last_login=datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC),
    )
    identity = FederatedIdentity.objects.link(ISSUER, "alice", user)
    identity.applied, identity.applied_at = "a" * 64, 1.5
    identity.last_used_at = timezone.now()
    identity.save()
    return identity


def test_what_is_found_is_what_the_orm_finds(identity, django_assert_num_queries):
    for _ in range(2):
        lookups.assert_same(KEY)
        with django_assert_num_queries(1):
            find_identity(KEY, using="default")


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_moments_follow_the_settings(identity, use_tz, zone):
    lookups.assert_same(KEY)
    with override_settings(USE_TZ=use_tz, TIME_ZONE=zone):
        user = lookups.assert_same(KEY).user
        assert timezone.is_aware(user.last_login) is use_tz
    assert timezone.is_aware(lookups.assert_same(KEY).user.last_login)


def test_a_connection_keeps_the_converters_of_the_newest_statement(identity):
    for _ in range(2):
        identity_lookup._forget()
        lookups.assert_same(KEY)
        statement, _converters = vars(connections["default"])[
            identity_lookup._ATTRIBUTE
        ]
        assert statement is identity_lookup._statements["default", connection.vendor]


def test_nobody_is_found(identity):
    assert find_identity(identity_key(ISSUER, "Alice"), using="default") is None


def test_of_a_deleted_user_the_row_is_found(identity):
    identity.user.delete()
    found = lookups.assert_same(KEY)
    assert found.user is found.visible_user() is None


def test_a_user_whose_row_is_missing_is_none(identity):
    """As where somebody deleted it with the database's own tools."""
    with transaction.atomic(), connection.constraint_checks_disabled():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_oidc_rs_federatedidentity SET user_id = 4711")
        assert lookups.assert_same(KEY).user is None
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "model",
    [
        types.SimpleNamespace(_meta=types.SimpleNamespace(proxy=True, parents={})),
        types.SimpleNamespace(_meta=types.SimpleNamespace(proxy=False, parents={1: 1})),
    ],
    ids=["proxy", "inherited"],
)
def test_user_models_in_several_parts_go_by_the_orm(identity, monkeypatch, model):
    monkeypatch.setattr(identity_lookup, "get_user_model", lambda: model)
    assert by_orm()


def test_other_databases_go_by_the_orm(identity, monkeypatch):
    monkeypatch.setattr(identity_lookup, "_VENDORS", frozenset())
    assert by_orm()


def test_columns_in_another_order_go_by_the_orm(identity, monkeypatch):
    monkeypatch.setattr(
        identity_lookup, "_OURS", ("id", "applied", "user_id", "applied_at")
    )
    assert by_orm()


def test_a_percent_sign_in_a_name_goes_by_the_orm(identity, monkeypatch):
    """The statement's one parameter has a name, which is put in by a format."""
    with connection.cursor() as cursor:
        cursor.execute('ALTER TABLE auth_user RENAME COLUMN first_name TO "per%cent"')
    field = get_user_model()._meta.get_field("first_name")
    monkeypatch.setattr(field, "column", "per%cent")
    assert by_orm()


def by_orm():
    """Whether ``KEY`` is found, and nobody else, without a compiled statement."""
    identity_lookup._forget()
    try:
        assert identity_lookup.find_identity("nobody", using="default") is None
        lookups.assert_same(KEY)
        return identity_lookup._statements == {("default", connection.vendor): None}
    finally:
        identity_lookup._forget()


def test_a_statement_serves_every_connection(django_db_blocker, sqlite_file, tmp_path):
    databases = {"default": sqlite_file(tmp_path / "database")}
    with replacing_databases(django_db_blocker, databases):
        lookups.assert_same_in_every_thread()
