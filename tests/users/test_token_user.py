"""TokenUser: what Django and REST framework ask of a user, without a table."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache

from django_oidc_rs.models import client_key, identity_key
from django_oidc_rs.testing.force import access_token as make_token
from django_oidc_rs.token_user import TokenUser

from .conftest import ISSUER


@pytest.fixture
def person():
    return TokenUser(make_token(subject="alice"))


@pytest.fixture
def machine():
    return TokenUser(make_token(subject=None, client_id="shop"))


def test_person_is_known_by_its_identity_key(person):
    key = identity_key(ISSUER, "alice")
    assert person.pk == person.id == person.username == key
    assert person.get_username() == str(person) == key


@pytest.mark.parametrize(
    "keywords",
    [
        {"subject": None, "client_id": "shop"},
        {"subject": "shop", "client_id": "shop"},
        {"subject": "shop@clients", "client_id": "shop", "is_machine": True},
        {"subject": None, "client_id": "shop", "is_machine": False},
    ],
    ids=["no-subject", "equal", "MACHINE", "no-subject-no-machine"],
)
def test_machine_is_known_by_its_client_key(keywords):
    assert TokenUser(make_token(**keywords)).pk == client_key(ISSUER, "shop")


def test_keys_never_meet():
    keys = {
        identity_key(ISSUER, "shop"),
        client_key(ISSUER, "shop"),
        identity_key(ISSUER + "/", "shop"),
        identity_key(ISSUER, "Shop"),
        client_key(ISSUER, ""),
    }
    assert len(keys) == 5


@pytest.mark.parametrize("name", ["person", "machine"])
def test_is_in_and_is_nobody_special(name, request):
    user = request.getfixturevalue(name)
    assert user.is_authenticated is True
    assert user.is_active is True
    assert user.is_anonymous is False
    assert user.is_staff is False
    assert user.is_superuser is False
    assert not isinstance(user, AnonymousUser)


def test_has_no_groups_and_no_permissions(machine, django_assert_num_queries):
    """No query either: the database is not even allowed here."""
    assert list(machine.groups.all()) == []
    assert not machine.groups.filter(name="Admins").exists()
    assert not machine.user_permissions.exists()
    assert machine.get_user_permissions() == set()
    assert machine.get_group_permissions() == set()
    assert machine.get_all_permissions() == set()
    assert not machine.has_perm("auth.add_user")
    assert not machine.has_perm("auth.add_user", object())
    assert not machine.has_perms(["auth.add_user"])
    assert not machine.has_perms([])
    assert not machine.has_module_perms("auth")


async def test_has_no_permissions_in_async_views(machine):
    assert await machine.aget_user_permissions() == set()
    assert await machine.aget_group_permissions() == set()
    assert await machine.aget_all_permissions() == set()
    assert not await machine.ahas_perm("auth.add_user")
    assert not await machine.ahas_perms(["auth.add_user"])
    assert not await machine.ahas_perms([])
    assert not await machine.ahas_module_perms("auth")


def test_asks_no_authentication_backend(machine, settings):
    """ModelBackend and others would take its key for a user's."""
    settings.AUTHENTICATION_BACKENDS = ["tests.users.test_token_user.Generous"]
    assert not machine.has_perm("auth.add_user")
    assert machine.get_all_permissions() == set()
    assert not machine.has_module_perms("auth")


class Generous:
    def has_perm(self, user, perm, obj=None):
        return True

    def has_module_perms(self, user, app_label):
        return True

    def get_all_permissions(self, user, obj=None):
        return {"auth.add_user"}


def test_offers_what_djangos_users_offer():
    """Code that gets AnonymousUser or a user gets this too."""
    writing = {"save", "delete", "set_password", "check_password"}
    expected = {
        name
        for name, _value in inspect.getmembers(AnonymousUser)
        if not name.startswith("_") and name not in writing
    }
    assert expected <= set(dir(TokenUser(make_token())))


def test_equality_and_hash():
    first, again = TokenUser(make_token()), TokenUser(make_token(scopes=["a"]))
    other = TokenUser(make_token(subject="bob"))
    assert first == again
    assert hash(first) == hash(again)
    assert first != other
    assert first != first.pk
    assert first != AnonymousUser()
    assert first != get_user_model()()
    assert len({first, again, other}) == 2


def test_survives_pickle_and_copy(person):
    for twin in (pickle.loads(pickle.dumps(person)), copy.deepcopy(person)):
        assert twin == person
        assert twin.access_token == person.access_token


def test_does_not_tell_what_the_token_says(person):
    assert "alice" not in str(person)
    assert "alice" not in repr(person)


def test_throttles_tell_machines_apart(api, django_assert_num_queries):
    cache.clear()

    def ask(client_id, issuer="default"):
        path = "/throttled/"
        return api.ask(None, path=path, client_id=client_id, issuer=issuer).status_code

    assert ask("shop") == 200
    assert ask("shop") == 429
    assert ask("mill") == 200
    assert ask("shop", "partner") == 200
    cache.clear()


def test_templates_can_ask(api):
    response = api.ask(None, path="/page/")
    assert response.json() == {"text": "in0"}


@pytest.mark.parametrize("path", ["/aplain/", "/auser/"])
def test_async_views_see_it(api, path):
    from django.test import AsyncClient

    headers = {"authorization": f"Bearer {api.token(None)}"}
    response = async_to_sync(AsyncClient().get)(path, headers=headers)
    assert response.status_code == 200
    assert response.json()["pk"] == client_key(ISSUER, "test-client")


def test_repr_tells_principals_apart_and_nothing_more():
    one = TokenUser(make_token(subject="alice"))
    other = TokenUser(make_token(subject="bob"))
    assert repr(one) == f"<TokenUser {one.pk}>" != repr(other)
    assert "alice" not in repr(one)
