"""Run by test_custom_users.py: users deleted softly, and validated by every save."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db.models.signals import post_init

from django_oidc_rs.models import FederatedIdentity, identity_key
from django_oidc_rs.users import resolve_user

from .conftest import ISSUER
from .databases import meanwhile, replacing_databases

pytestmark = pytest.mark.django_db

User = get_user_model()
VIEWS = ["/whoami/", "/anyone/", "/plain/", "/aplain/"]


@pytest.fixture
def mapping(serve):
    return serve({"FIELDS": {"name": "name", "team": "team", "born": "born"}})


# Who the default manager hides.


def test_everybody_else_comes_in(api, django_assert_num_queries):
    seen = api.user("alice")
    assert User.objects.get().name == "oidc-" + identity_key(ISSUER, "alice")
    # Another manager may show more than the row: it has the last word.
    with django_assert_num_queries(2):
        assert api.user("alice") == seen


@pytest.mark.parametrize("path", VIEWS)
def test_a_hidden_user_is_refused(api, refusals, path):
    seen = api.user("alice")
    User.everybody.update(deleted=True)
    response = api.ask("alice", path=path)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response["WWW-Authenticate"]
    assert refusals[-1].reason == "hidden_user"
    assert User.everybody.count() == 1
    User.everybody.update(deleted=False)
    assert api.user("alice") == seen


def test_a_hidden_users_claims_are_not_written(mapping):
    mapping.user("alice", team="red")
    User.everybody.update(deleted=True)
    assert mapping.ask("alice", team="blue").status_code == 401
    assert User.everybody.get().team == "red"


def test_a_user_hidden_meanwhile_is_refused(mapping, refusals, access_token):
    mapping.user("alice", team="red")
    identities = FederatedIdentity.objects

    def quicker():
        identities.update(applied="by another request")
        identities.update(applied_at=9_999_999_999)
        User.everybody.update(deleted=True)

    with meanwhile(post_init, User, quicker):
        assert mapping.ask("alice", team="blue").status_code == 401
    assert refusals[-1].reason == "hidden_user"


def test_the_user_is_the_managers_own(mapping, access_token):
    resolve_user(access_token(subject="alice", claims={"team": "red"}))
    user = resolve_user(access_token(subject="alice", claims={"team": "blue"}))
    assert user.identities == 1
    assert (user.team, User.objects.get().team) == ("blue", "blue")


def test_somebody_without_user_is_no_hidden_one(api, refusals):
    api.user("alice")
    User.everybody.all().delete()
    assert api.ask("alice").status_code == 401
    assert refusals[-1].reason == "deleted_user"


def test_the_manager_asks_where_the_identity_was_read(
    settings, django_db_blocker, sqlite_file, access_token, tmp_path, serve
):
    """A replica that lags behind knows neither of them yet."""
    serve()
    databases = {
        alias: sqlite_file(tmp_path / alias) for alias in ("default", "replica")
    }
    with replacing_databases(django_db_blocker, databases):
        settings.DATABASE_ROUTERS = ["tests.users.routers.PrimaryReplica"]
        first = resolve_user(access_token(subject="alice"))
        assert resolve_user(access_token(subject="alice")) == first


# A save that validates.


@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
@pytest.mark.parametrize(
    ("claims", "detail"),
    [({"name": "taken"}, "'name'"), ({"team": "banned"}, "''")],
    ids=["a-field", "no-field"],
)
def test_what_validation_refuses_is_401(mapping, refusals, known, claims, detail):
    taken = User.objects.create(name="taken", password="!")
    if known:
        mapping.user("alice", team="red")
    response = mapping.ask("alice", **claims)
    assert response.status_code == 401
    assert refusals[-1].reason == "user_conflict"
    # Names of fields, and never values.
    assert refusals[-1].detail == detail
    assert User.objects.count() == 1 + known
    assert not FederatedIdentity.objects.filter(user=taken).exists()
    assert mapping.user("alice", name="free", team="blue")["username"] == "free"


def test_a_loser_gets_the_winners_user(api, access_token, created):
    token = access_token(subject="alice")
    won = []
    with meanwhile(post_init, User, lambda: won.append(resolve_user(token))):
        user = resolve_user(token)
    assert [user] == won
    assert User.objects.get() == user
