"""Run by test_custom_users.py: a user model with an e-mail address for a name."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model

from django_oidc_rs.models import FederatedIdentity, identity_key

from .conftest import ISSUER
from .lookups import assert_same

pytestmark = pytest.mark.django_db

User = get_user_model()
FIELDS = {
    name: f"about.{name}"
    for name in (
        *("email", "nickname", "tier", "is_vip", "age", "balance", "score"),
        *("birthday", "seen", "shift", "karma"),
    )
}


@pytest.fixture
def mapping(serve):
    return serve(
        {"FIELDS": FIELDS, "GROUPS": {"CLAIM": "roles", "MAP": {"clerk": "Clerks"}}}
    )


def account():
    return User.objects.get()


def test_created_without_claims(api):
    seen = api.user("alice")
    user = account()
    assert isinstance(user.pk, uuid.UUID)
    assert seen["pk"] == str(user.pk)
    assert user.email == "oidc-" + identity_key(ISSUER, "alice")
    assert not user.has_usable_password()
    assert api.user("alice") == seen


def test_every_kind_of_field(mapping):
    about = {
        "email": "a@here.test",
        "nickname": "ada",
        "tier": "gold",
        "is_vip": True,
        "age": 36,
        "balance": 12.5,
        "score": 1.5,
        "birthday": "1815-12-10",
        "seen": "1852-11-27T12:00:00+01:00",
        "shift": "8:30:00",
        "karma": -1,
    }
    mapping.user(about=about, roles=["clerk"])
    user = account()
    assert {name: getattr(user, name) for name in FIELDS} == {
        **about,
        "balance": Decimal("12.5"),
        "birthday": datetime.date(1815, 12, 10),
        "seen": datetime.datetime(1852, 11, 27, 11, tzinfo=datetime.UTC),
        "shift": datetime.timedelta(hours=8, minutes=30),
    }
    assert [group.name for group in user.groups.all()] == ["Clerks"]


BAD = [
    ("email", "no-address"),
    ("email", ""),
    ("email", "a" * 250 + "@here.test"),
    ("nickname", "x" * 11),
    ("nickname", "a\0b"),
    ("nickname", ["ada"]),
    ("tier", "platinum"),
    ("tier", True),
    ("is_vip", "yes"),
    ("is_vip", 2),
    ("is_vip", None),
    ("age", -1),
    ("age", 10**30),
    ("age", 36.5),
    ("age", "many"),
    ("age", True),
    ("balance", 1.234),
    ("balance", 10**9),
    ("balance", "Infinity"),
    ("score", "nan"),
    ("score", 10**400),
    ("birthday", 0),
    ("birthday", "yesterday"),
    ("birthday", {"year": 1815}),
    ("seen", "9999-12-31T23:59:59-14:00"),
    ("seen", "0001-01-01T00:00:00+14:00"),
    ("shift", "300000000 00:00:00"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
def test_bad_values_are_left_out(mapping, known, name, value):
    good = {"email": "a@here.test", "nickname": "ada", "tier": "tin", "age": 36}
    good.pop(name, None)
    if known:
        mapping.user(about={})
    mapping.user(about={**good, name: value})
    user = account()
    for other, expected in good.items():
        assert getattr(user, other) == expected
    if name == "email":
        assert user.email.startswith("oidc-")
    else:
        assert getattr(user, name) == getattr(User(), name)


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"email": "taken@here.test"}, id="unique"),
        pytest.param({"nickname": "TAKEN"}, id="unique-function"),
        pytest.param({"age": 150}, id="check"),
        pytest.param({"karma": 2**63}, id="overflow"),
    ],
)
@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
def test_what_the_database_refuses_is_401(mapping, refusals, known, about):
    taken = User.objects.create(email="taken@here.test", nickname="taken")
    if known:
        mapping.user(about={"email": "a@here.test"})
    assert mapping.ask(about=about).status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert User.objects.count() == 1 + known
    assert not FederatedIdentity.objects.filter(user=taken).exists()
    assert FederatedIdentity.objects.count() == known


def test_a154_an_address_is_no_identity(mapping, refusals):
    """The user name is the address here, and still finds nobody."""
    admin = User.objects.create(email="admin@here.test", is_superuser=True)
    about = {"email": "admin@here.test", "email_verified": True}
    for issuer in ("default", "partner"):
        assert mapping.ask("mallory", issuer=issuer, about=about).status_code == 401
        assert refusals[-1].reason == "user_conflict"
    assert User.objects.get() == admin


@pytest.mark.parametrize("email", ["Admin@here.test", "ADMIN@here.test"])
def test_a155_case_variants_are_somebody_else(mapping, email):
    admin = User.objects.create(email="admin@here.test", is_superuser=True)
    seen = mapping.user("mallory", about={"email": email})
    assert seen["pk"] != str(admin.pk)
    assert not seen["superuser"]


def test_a155_look_alikes_are_refused(mapping, refusals):
    admin = User.objects.create(email="admin@here.test", is_superuser=True)
    full_width = "\uff41dmin@here.test"
    assert mapping.ask("mallory", about={"email": full_width}).status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert User.objects.get() == admin


def test_an_unverified_address_is_not_stored_as_the_name(mapping):
    mapping.user(about={"email": "a@here.test", "email_verified": False})
    assert account().email.startswith("oidc-")


def test_deleted_and_relinked(mapping):
    mapping.user(about={"email": "a@here.test"})
    User.objects.all().delete()
    assert mapping.ask(about={"email": "a@here.test"}).status_code == 401
    again = User.objects.create(email="again@here.test")
    FederatedIdentity.objects.link(ISSUER, "alice", again)
    assert mapping.user(about={"email": "b@here.test"})["pk"] == str(again.pk)
    assert account().email == "b@here.test"


def test_every_column_is_read_as_the_orm_reads_it(api):
    api.user("alice")
    User.objects.update(
        balance=Decimal("12.50"),
        birthday=datetime.date(1815, 12, 10),
        seen=datetime.datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=datetime.UTC),
        shift=datetime.timedelta(hours=8, microseconds=1),
        extras={"a": [1, None, {"b": "ü"}]},
    )
    user = assert_same(identity_key(ISSUER, "alice")).user
    assert type(user.pk) is uuid.UUID
    assert user.extras == {"a": [1, None, {"b": "ü"}]}
    assert user.balance == Decimal("12.50")
