"""A read replica that lags behind: two databases, joined by a router alone."""

from __future__ import annotations

import shutil

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.users import resolve_user

from .conftest import ISSUER
from .databases import replacing_databases

User = get_user_model()
ALIASES = ("default", "replica")
USERS = {
    "FIELDS": {"email": "email"},
    "GROUPS": {"CLAIM": "roles", "MAP": {"clerk": "Clerks", "boss": "Bosses"}},
}


@pytest.fixture
def replica(settings, django_db_blocker, sqlite_file, tmp_path):
    """Return a function that lets the replica catch up."""
    databases = {alias: sqlite_file(tmp_path / alias) for alias in ALIASES}
    with replacing_databases(django_db_blocker, databases):
        settings.DATABASE_ROUTERS = ["tests.users.routers.PrimaryReplica"]

        def replicate():
            for alias in ALIASES:
                connections[alias].close()
            shutil.copyfile(tmp_path / "default", tmp_path / "replica")

        yield replicate


def on(alias, model=User):
    return model.objects.using(alias)


def test_unknown_to_both_is_created_on_the_primary(replica, api, created):
    seen = api.user("alice")
    assert str(on("default").get().pk) == seen["pk"]
    assert on("default", FederatedIdentity).count() == 1
    assert not on("replica").exists()
    assert len(created) == 1


def test_known_to_the_primary_alone_is_found_there(replica, api, created):
    first = api.user("alice")
    assert api.user("alice") == first
    assert on("default").count() == 1
    assert len(created) == 1


@pytest.mark.parametrize(
    "users", [{"RESOLVER": "existing_user"}, {"CREATE": False}], ids=str
)
def test_known_to_the_primary_alone_is_known_to_every_resolver(replica, serve, users):
    api = serve(users)
    user = User.objects.using("default").create(username="alice-here")
    FederatedIdentity.objects.link(ISSUER, "alice", user)
    assert not on("replica", FederatedIdentity).exists()
    assert api.user("alice")["pk"] == str(user.pk)
    assert api.ask("bob").status_code == 401


def test_known_to_the_replica_costs_one_query_there(replica, api):
    first = api.user("alice")
    replica()
    with (
        CaptureQueriesContext(connections["default"]) as on_primary,
        CaptureQueriesContext(connections["replica"]) as on_replica,
    ):
        assert api.user("alice") == first
    assert len(on_primary) == 0
    assert len(on_replica) == 1


def test_the_last_use_is_written_to_the_primary(replica, api):
    user = User.objects.using("default").create(username="alice-here")
    FederatedIdentity.objects.link(ISSUER, "alice", user)
    replica()
    api.user("alice")
    assert on("replica", FederatedIdentity).get().last_used_at is None
    first = on("default", FederatedIdentity).get().last_used_at
    api.user("alice")
    assert on("default", FederatedIdentity).get().last_used_at == first
    replica()
    with CaptureQueriesContext(connections["default"]) as on_primary:
        api.user("alice")
    assert len(on_primary) == 0


def test_what_changed_is_written_to_the_primary(replica, serve):
    api = serve(USERS)
    api.user("alice", email="a@here.test", roles=["clerk"])
    replica()
    api.user("alice", email="b@here.test", roles=["boss"])
    user = on("default").get()
    assert user.email == "b@here.test"
    assert [group.name for group in user.groups.using("default")] == ["Bosses"]
    assert on("replica").get().email == "a@here.test"
    assert not on("replica", Group).filter(name="Bosses").exists()


def test_groups_alone_are_written_to_the_primary(replica, serve):
    api = serve({"GROUPS": USERS["GROUPS"]})
    api.user("alice", roles=["clerk"])
    replica()
    api.user("alice", roles=["boss"])
    groups = on("default", Group).filter(user__isnull=False)
    assert [group.name for group in groups] == ["Bosses"]


def test_a_lagging_replica_makes_no_old_claims_new(replica, serve, clock):
    api = serve(USERS)
    now = int(clock.now())
    api.user("alice", email="a@here.test", iat=now - 9)
    replica()
    api.user("alice", email="c@here.test", iat=now - 5)
    # Between what the replica and what the primary know.
    seen = api.user("alice", email="b@here.test", iat=now - 7)
    assert on("default").get().email == "c@here.test"
    assert seen["email"] == "c@here.test"


def test_a_deletion_the_replica_has_not_seen_stands(replica, serve, refusals):
    api = serve(USERS)
    api.user("alice", email="a@here.test")
    replica()
    on("default").get().delete()
    assert api.ask("alice", email="b@here.test").status_code == 401
    assert refusals[-1].reason == "deleted_user"


def test_users_are_announced_by_the_database_they_live_in(
    replica, settings, api, access_token, created
):
    settings.DATABASE_ROUTERS = ["tests.users.routers.Elsewhere"]
    token = access_token(subject="alice")
    with transaction.atomic(using="replica"):
        resolve_user(token)
        transaction.set_rollback(True, using="replica")
    assert created == []
    with transaction.atomic(using="default"):
        resolve_user(token)
        assert len(created) == 1
    assert on("replica").get() == created[0].user


def test_the_suites_own_database_is_back(db):
    assert set(connections) == {"default"}
    call_command("migrate", "--check", verbosity=0)
