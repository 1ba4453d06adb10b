"""Which user a token stands for: resolvers, identity, refusals. DESIGN 7.4."""

from __future__ import annotations

import unicodedata

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, UserManager
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models.signals import pre_save
from django.test import AsyncClient

from django_oidc_rs.core.errors import InvalidToken, UserRejected
from django_oidc_rs.models import FederatedIdentity, identity_key
from django_oidc_rs.testing import SigningKey
from django_oidc_rs.testing.force import access_token as make_token
from django_oidc_rs.users import needs_database, resolve_user

from .conftest import ISSUER, PARTNER

pytestmark = pytest.mark.django_db

User = get_user_model()
RESOLVERS = "tests.users.resolvers"
VIEWS = ["/whoami/", "/anyone/", "/plain/", "/aplain/", "/page/"]


def link(user, subject="alice", issuer=ISSUER):
    return FederatedIdentity.objects.link(issuer, subject, user)


@pytest.fixture
def alice(db):
    user = User.objects.create_user("alice-here")
    link(user)
    return user


# local_user


def test_first_request_creates_the_user_and_its_identity(api, created):
    seen = api.user("alice")
    user = User.objects.get()
    identity = FederatedIdentity.objects.get()
    assert seen["pk"] == str(user.pk)
    assert (identity.issuer, identity.subject) == (ISSUER, "alice")
    assert identity.user == user
    assert identity.key == identity_key(ISSUER, "alice")
    assert created == [identity]


def test_created_user_is_nobody_special(api):
    api.user("alice")
    user = User.objects.get()
    assert not user.has_usable_password()
    assert user.is_active
    assert not user.is_staff
    assert not user.is_superuser
    assert user.last_login is None
    assert not user.groups.exists()
    assert user.get_username() == "oidc-" + identity_key(ISSUER, "alice")


def test_known_user_is_found_again_with_one_query(
    api, created, django_assert_num_queries
):
    first = api.user("alice")
    with django_assert_num_queries(1):
        assert api.user("alice") == first
    assert User.objects.count() == 1
    assert len(created) == 1


def test_linked_user_is_found_with_one_query(api, alice, django_assert_num_queries):
    # The first request of an hour writes that there was one.
    with django_assert_num_queries(2):
        assert api.user("alice")["pk"] == str(alice.pk)
    with django_assert_num_queries(1):
        assert api.user("alice")["pk"] == str(alice.pk)
    assert User.objects.count() == 1


def test_user_name_is_stable_when_the_user_is_made_anew(api):
    name = api.user("alice")["username"]
    FederatedIdentity.objects.all().delete()
    User.objects.all().delete()
    assert api.user("alice")["username"] == name


def test_create_off_finds_and_does_not_create(serve, alice, refusals):
    api = serve({"CREATE": False})
    assert api.user("alice")["pk"] == str(alice.pk)
    assert api.ask("bob").status_code == 401
    assert refusals[-1].reason == "unknown_user"
    assert User.objects.count() == 1
    assert FederatedIdentity.objects.count() == 1


def test_existing_user_finds_and_does_not_create(serve, alice, refusals):
    api = serve({"RESOLVER": "existing_user"})
    assert api.user("alice")["pk"] == str(alice.pk)
    assert api.ask("bob").status_code == 401
    assert refusals[-1].reason == "unknown_user"
    assert User.objects.count() == 1


def test_token_user_needs_no_query(serve, alice, django_assert_num_queries):
    api = serve({"RESOLVER": "token_user"})
    with django_assert_num_queries(0):
        seen = api.user("alice")
    assert seen["kind"] == "TokenUser"
    assert seen["pk"] == identity_key(ISSUER, "alice")
    assert User.objects.count() == 1


def test_settings_of_an_issuer_override_key_by_key(serve, alice):
    api = serve(
        {"CREATE": True, "FIELDS": {"email": "email"}},
        partner={"USERS": {"CREATE": False}},
    )
    link(alice, "al", PARTNER)
    assert api.user("bob")["email"] == ""
    assert api.ask("bob", issuer="partner").status_code == 401
    # What the issuer does not override still stands.
    assert api.user("al", issuer="partner", email="a@b.test")["email"] == "a@b.test"


def test_one_issuer_may_have_users_and_another_none(serve, django_assert_num_queries):
    api = serve(partner={"USERS": {"RESOLVER": "token_user"}})
    assert api.user("alice")["kind"] == "User"
    with django_assert_num_queries(0):
        assert api.user("alice", issuer="partner")["kind"] == "TokenUser"


# A resolver of the project's own


def test_own_resolver_returns_the_user(serve):
    api = serve({"RESOLVER": f"{RESOLVERS}.by_subject"})
    user = User.objects.create_user("own-alice")
    assert api.user("alice")["pk"] == str(user.pk)
    assert not FederatedIdentity.objects.exists()


@pytest.mark.parametrize(
    ("resolver", "reason"),
    [
        ("by_subject", "unknown_user"),
        ("nobody", "unknown_user"),
        ("anonymous", "inactive_user"),
        ("no_user_at_all", "inactive_user"),
        ("refusing", "project_rule"),
    ],
)
def test_own_resolver_may_refuse(serve, refusals, resolver, reason):
    api = serve({"RESOLVER": f"{RESOLVERS}.{resolver}"})
    response = api.ask("alice")
    assert response.status_code == 401
    assert 'error="invalid_token"' in response["WWW-Authenticate"]
    assert refusals[-1].reason == reason
    assert not User.objects.exists()


def test_own_resolver_does_not_lift_inactive(serve, refusals):
    api = serve({"RESOLVER": f"{RESOLVERS}.by_subject"})
    User.objects.create_user("own-alice", is_active=False)
    assert api.ask("alice").status_code == 401
    assert refusals[-1].reason == "inactive_user"


def test_mistake_in_an_own_resolver_is_no_acceptance(serve):
    api = serve({"RESOLVER": f"{RESOLVERS}.broken"})
    api.client.raise_request_exception = False
    assert api.ask("alice", path="/anyone/").status_code == 500


# Refused tokens leave nothing behind


def test_good_token_of_the_same_kind_creates(api):
    assert api.ask("alice").status_code == 200
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"aud": "https://other.test"}, id="other-audience"),
        pytest.param({"iss": "https://evil.test"}, id="untrusted-issuer"),
        pytest.param({"iss": PARTNER}, id="other-issuers-name"),
        pytest.param({"at_hash": "x"}, id="id-token"),
        pytest.param({"cnf": {"jkt": "x"}}, id="bound-to-a-key"),
        pytest.param({"sub": ""}, id="A157-empty"),
        pytest.param({"sub": "  "}, id="A157-blank"),
        pytest.param({"sub": "a\0b"}, id="A157-nul"),
        pytest.param({"sub": "a" * 256}, id="A157-long"),
        pytest.param({"sub": "a\x1b[31m"}, id="A157-control"),
        pytest.param({"sub": "a\u202eb"}, id="A157-bidi"),
        pytest.param({"sub": "a\ud800"}, id="A157-lone-surrogate"),
        pytest.param({"sub": 7}, id="A157-number"),
        pytest.param({"sub": ["alice"]}, id="A157-array"),
    ],
)
@pytest.mark.parametrize("path", ["/whoami/", "/anyone/"])
def test_no_row_for_a_refused_token(api, created, path, claims):
    assert api.ask("alice", path=path, **claims).status_code == 401
    assert not User.objects.exists()
    assert not FederatedIdentity.objects.exists()
    assert created == []


def test_no_row_for_a_forged_signature(api):
    forger = SigningKey(key_id=api.issuers["default"].key.key_id)
    api.issuers["default"].key = forger
    assert api.ask("alice").status_code == 401
    assert not User.objects.exists()


# Identity is the pair


def test_a153_same_subject_of_two_issuers_is_two_users(api):
    ours = api.user("alice")
    theirs = api.user("alice", issuer="partner")
    assert ours["pk"] != theirs["pk"]
    assert api.user("alice") == ours
    assert User.objects.count() == 2


def test_a153_two_issuers_share_a_user_only_by_a_link(api, alice):
    assert api.user("alice", issuer="partner")["pk"] != str(alice.pk)
    link(alice, "al", PARTNER)
    assert api.user("al", issuer="partner")["pk"] == str(alice.pk)


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "admin@here.test", "email_verified": True},
        {"preferred_username": "admin"},
        {"username": "admin", "name": "admin", "upn": "admin"},
        {"sub": "admin"},
    ],
    ids=["email", "preferred_username", "others", "subject"],
)
@pytest.mark.parametrize("fields", [{}, {"email": "email"}], ids=["plain", "mapped"])
def test_a154_nobody_is_found_by_email_or_name(serve, fields, claims):
    api = serve({"FIELDS": fields})
    admin = User.objects.create_superuser("admin", "admin@here.test")
    seen = api.user("mallory", issuer="partner", **claims)
    assert seen["pk"] != str(admin.pk)
    assert not seen["superuser"]
    assert not FederatedIdentity.objects.filter(user=admin).exists()
    assert User.objects.get(username="admin") == admin


# Cyrillic a, Cyrillic i, an accent; full-width and mathematical letters.
ADMINS = ["ADMIN", "admin ", "\u0430dmin", "adm\u0456n", "a\u0301dmin"]
LOOK_ALIKES = [
    "admin",
    "\uff41\uff44\uff4d\uff49\uff4e",
    "\U0001d41a\U0001d41d\U0001d426\U0001d422\U0001d427",
]


@pytest.mark.parametrize("name", [*ADMINS, *LOOK_ALIKES], ids=ascii)
@pytest.mark.parametrize("claim", ["preferred_username", "email"])
def test_a155_variants_of_a_taken_name_are_other_users(serve, claim, name):
    api = serve({"FIELDS": {"first_name": claim}})
    admin = User.objects.create_superuser("admin", "admin@here.test")
    seen = api.user("mallory", **{claim: name})
    assert seen["pk"] != str(admin.pk)
    assert seen["username"].startswith("oidc-")


@pytest.mark.parametrize("name", LOOK_ALIKES, ids=ascii)
def test_a155_a_mapped_name_that_is_taken_is_refused(serve, refusals, name):
    api = serve({"FIELDS": {"username": "preferred_username"}})
    admin = User.objects.create_superuser("admin", "admin@here.test")
    assert api.ask("mallory", preferred_username=name).status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert User.objects.get() == admin
    assert not FederatedIdentity.objects.exists()


@pytest.mark.parametrize("name", ["ADMIN", "\u0430dmin", "a\u0301dmin"], ids=ascii)
def test_a155_a_mapped_name_that_differs_is_somebody_else(serve, name):
    api = serve({"FIELDS": {"username": "preferred_username"}})
    admin = User.objects.create_superuser("admin", "admin@here.test")
    seen = api.user("mallory", preferred_username=name)
    assert seen["pk"] != str(admin.pk)
    assert seen["username"] == unicodedata.normalize("NFKC", name)
    assert not seen["superuser"]


def test_a158_subjects_are_compared_byte_for_byte(api):
    subjects = [
        "ål",
        unicodedata.normalize("NFD", "ål"),
        "Ål",
        "al",
        "AL",
        "al ",
        " al",
        "al\u00a0",
        "a\u200bl",
        "\uff41l",
        "al" + "x" * 253,
        "al" + "x" * 252,
        "😀" * 255,
    ]
    users = [api.user(subject)["pk"] for subject in subjects]
    assert len(set(users)) == len(subjects)
    assert [api.user(subject)["pk"] for subject in subjects] == users
    assert User.objects.count() == len(subjects)


HOSTILE = {
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "groups": ["Admins"],
    "roles": ["Admins"],
    "user_permissions": [1],
    "id": 1,
    "pk": 1,
    "password": "pbkdf2_sha256$1$a$b",
    "username": "root",
}


@pytest.mark.parametrize(
    "users",
    [
        pytest.param({}, id="nothing-mapped"),
        pytest.param(
            {
                "FIELDS": {"first_name": "given_name"},
                "GROUPS": {"CLAIM": "job", "MAP": {"clerk": "Clerks"}},
            },
            id="other-claims-mapped",
        ),
    ],
)
@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
def test_a159_privileges_are_not_a_claims_to_give(serve, users, known):
    admins = Group.objects.create(name="Admins")
    root = User.objects.create_superuser("root", password="secret")
    api = serve(users)
    if known:
        api.user("alice")
    seen = api.user("alice", job="clerk", **HOSTILE)
    user = User.objects.get(pk=seen["pk"])
    assert user != root
    assert not user.is_staff
    assert not user.is_superuser
    assert user.is_active
    assert admins not in user.groups.all()
    assert not user.user_permissions.exists()
    assert not user.has_usable_password()
    root.refresh_from_db()
    assert root.check_password("secret")


# Inactive and deleted users


@pytest.mark.parametrize("path", VIEWS)
def test_an_active_user_is_let_in(api, alice, path):
    assert api.ask("alice", path=path).status_code == 200


@pytest.mark.parametrize("path", VIEWS)
def test_a161_an_inactive_user_is_refused_whatever_the_view_looks_at(
    api, alice, refusals, path
):
    alice.is_active = False
    alice.save()
    response = api.ask("alice", path=path)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response["WWW-Authenticate"]
    assert refusals[-1].reason == "inactive_user"
    alice.refresh_from_db()
    assert not alice.is_active


@pytest.mark.parametrize("path", ["/unresolved/", "/plain-unresolved/"])
def test_a_view_may_leave_the_user_unresolved(
    api, alice, path, django_assert_num_queries
):
    User.objects.update(is_active=False)
    with django_assert_num_queries(0):
        assert api.user("alice", path=path)["kind"] == "TokenUser"


def test_nothing_is_written_to_an_inactive_user(serve, alice):
    User.objects.update(is_active=False)
    api = serve({"FIELDS": {"email": "email"}})
    assert api.ask("alice", email="new@here.test").status_code == 401
    alice.refresh_from_db()
    assert alice.email == ""


@pytest.mark.parametrize(
    "delete",
    [
        lambda: User.objects.get().delete(),
        lambda: User.objects.all().delete(),
    ],
    ids=["instance", "queryset"],
)
@pytest.mark.parametrize("path", VIEWS)
def test_a_deleted_user_stays_deleted(api, refusals, created, path, delete):
    api.user("alice")
    delete()
    assert api.ask("alice", path=path).status_code == 401
    assert refusals[-1].reason == "deleted_user"
    assert not User.objects.exists()
    assert len(created) == 1
    identity = FederatedIdentity.objects.get()
    assert identity.user is None
    assert identity.subject == ""
    assert "alice" not in str(identity)


class ActiveStaff(UserManager):
    """As projects write it, to leave out who was deleted softly."""

    def get_queryset(self):
        return super().get_queryset().filter(is_staff=True)


@pytest.mark.parametrize("path", VIEWS)
def test_a_user_the_default_manager_hides_is_refused(
    api, alice, refusals, monkeypatch, path
):
    manager = ActiveStaff()
    manager.model = User
    monkeypatch.setitem(vars(User._meta), "default_manager", manager)
    assert api.ask("alice", path=path).status_code == 401
    assert refusals[-1].reason == "hidden_user"
    User.objects.update(is_staff=True)
    assert api.ask("alice", path=path).status_code == 200


def test_a_deleted_user_leaves_none_of_its_subjects(api, alice):
    link(alice, "al", PARTNER)
    other = User.objects.create_user("bob-here")
    link(other, "bob")
    alice.delete()
    left = FederatedIdentity.objects.filter(user=None)
    assert [identity.subject for identity in left] == ["", ""]
    assert api.user("bob")["pk"] == str(other.pk)


def test_a_deleted_user_can_be_relinked(api, alice):
    alice.delete()
    assert api.ask("alice").status_code == 401
    again = User.objects.create_user("alice-again")
    identity = link(again)
    assert identity.subject == "alice"
    assert api.user("alice")["pk"] == str(again.pk)
    assert FederatedIdentity.objects.count() == 1


def test_relinking_takes_the_claims_of_the_next_token(serve, alice):
    api = serve({"FIELDS": {"email": "email"}})
    api.user("alice", email="a@here.test")
    again = User.objects.create_user("alice-again")
    link(again)
    # An older token, because the new user has seen none.
    earlier = int(api.issuers["default"].clock.now()) - 100
    api.user("alice", email="a@here.test", iat=earlier)
    again.refresh_from_db()
    assert again.email == "a@here.test"


def test_a_deleted_identity_never_finds_its_user_by_name(api, refusals):
    api.user("alice")
    FederatedIdentity.objects.all().delete()
    assert api.ask("alice").status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert User.objects.count() == 1
    assert not FederatedIdentity.objects.exists()


# The rest of the request


def test_a167_no_session_is_created(api):
    for path in VIEWS:
        response = api.ask("alice", path=path)
        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
        assert not response.cookies
    assert not Session.objects.exists()
    assert User.objects.get().last_login is None


def test_async_views_get_the_same_user(api, alice, django_assert_num_queries):
    client = AsyncClient()
    raw = api.token("alice")
    for path, key in (("/aplain/", "pk"), ("/auser/", "pk")):
        with django_assert_num_queries(1):
            response = async_to_sync(client.get)(
                path, headers={"authorization": f"Bearer {raw}"}
            )
        assert response.status_code == 200
        assert response.json()[key] == str(alice.pk)
    assert response.json()["same"] is True


def test_async_views_create_and_refuse(api):
    client = AsyncClient()

    def ask(subject):
        headers = {"authorization": f"Bearer {api.token(subject)}"}
        return async_to_sync(client.get)("/aplain/", headers=headers)

    assert ask("alice").status_code == 200
    User.objects.update(is_active=False)
    assert ask("alice").status_code == 401


async def test_async_views_need_no_database_for_token_users(serve):
    api = serve({"RESOLVER": "token_user"})
    response = await AsyncClient().get(
        "/aplain/", headers={"authorization": f"Bearer {api.token('alice')}"}
    )
    assert response.json()["kind"] == "TokenUser"


def test_created_users_are_announced_once_and_listeners_cannot_break_it(api, created):
    from django_oidc_rs.signals import identity_created

    def broken(**_keywords):
        raise LookupError

    identity_created.connect(broken)
    try:
        for _ in range(3):
            api.user("alice")
    finally:
        identity_created.disconnect(broken)
    assert [identity.subject for identity in created] == ["alice"]


@pytest.mark.django_db(transaction=True)
def test_a_user_is_announced_when_it_is_there_to_stay(api, created):
    """ATOMIC_REQUESTS undoes what a refused request did, and pks are used again."""
    token = make_token(subject="alice")
    for _ in range(2):
        with transaction.atomic():
            resolve_user(token)
            transaction.set_rollback(True)
    assert created == []
    with transaction.atomic():
        resolve_user(token)
        assert created == []
    assert [identity.subject for identity in created] == ["alice"]


@pytest.mark.parametrize(
    ("resolver", "keywords", "needs"),
    [
        ("local_user", {}, True),
        ("existing_user", {}, True),
        (f"{RESOLVERS}.nobody", {}, True),
        ("token_user", {}, False),
        ("local_user", {"subject": None}, False),
    ],
)
def test_needs_database(serve, resolver, keywords, needs):
    serve({"RESOLVER": resolver})
    assert needs_database(make_token(**keywords)) is needs


def test_neither_subject_nor_machine_is_nobody(api):
    token = make_token(subject=None, is_machine=False)
    with pytest.raises(UserRejected) as caught:
        resolve_user(token)
    assert caught.value.reason == "unknown_user"
    assert not User.objects.exists()


def test_refusals_are_the_tokens(api):
    User.objects.create(username="oidc-" + identity_key(ISSUER, "alice"))
    with pytest.raises(InvalidToken) as caught:
        resolve_user(make_token(subject="alice"))
    assert caught.value.status == 401
    assert caught.value.code == "user_rejected"
    assert caught.value.reason == "user_conflict"


def test_a_column_that_nobody_fills_is_the_projects_mistake(api):
    """It must be loud, and not look like a bad token."""

    def forget(sender, instance, **_keywords):
        instance.first_name = None

    pre_save.connect(forget, sender=User)
    try:
        with pytest.raises(IntegrityError):
            resolve_user(make_token(subject="alice"))
    finally:
        pre_save.disconnect(forget, sender=User)
    assert not User.objects.exists()
    assert not FederatedIdentity.objects.exists()
    assert resolve_user(make_token(subject="alice")).pk
