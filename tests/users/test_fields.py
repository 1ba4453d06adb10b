"""FIELDS: what a claim may write, and when. DESIGN 7.4, A165."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.signals import post_init, pre_save

from django_oidc_rs.core.errors import UserRejected
from django_oidc_rs.models import FederatedIdentity, identity_key
from django_oidc_rs.testing.force import access_token as make_token
from django_oidc_rs.user_mapping import _cleaned, map_claims
from django_oidc_rs.user_settings import UserPolicy
from django_oidc_rs.users import resolve_user

from .conftest import ISSUER, PARTNER
from .databases import meanwhile

pytestmark = pytest.mark.django_db

User = get_user_model()
FIELDS = {"email": "email", "first_name": "given_name", "last_name": "family_name"}
LEFT = object()


@pytest.fixture
def mapping(serve):
    return serve({"FIELDS": FIELDS})


def only_user():
    return User.objects.get()


def test_fields_are_set_on_creation(mapping):
    mapping.user(email="a@here.test", given_name="Ada", family_name="L")
    user = only_user()
    assert (user.email, user.first_name, user.last_name) == ("a@here.test", "Ada", "L")


def test_fields_follow_later_tokens(mapping):
    mapping.user(email="a@here.test", given_name="Ada")
    mapping.user(email="b@here.test", given_name="Ada")
    user = only_user()
    assert (user.email, user.first_name) == ("b@here.test", "Ada")


def test_the_view_sees_what_was_written(mapping):
    assert mapping.user(email="a@here.test")["email"] == "a@here.test"
    assert mapping.user(email="b@here.test")["email"] == "b@here.test"


def test_existing_users_are_mapped_too(serve):
    api = serve({"RESOLVER": "existing_user", "FIELDS": FIELDS})
    user = User.objects.create_user("alice-here", "old@here.test")
    FederatedIdentity.objects.link(ISSUER, "alice", user)
    api.user(email="new@here.test")
    assert only_user().email == "new@here.test"


def test_a165_a_missing_claim_leaves_the_field(mapping):
    mapping.user(email="a@here.test", given_name="Ada")
    mapping.user()
    mapping.user(given_name="Augusta")
    user = only_user()
    assert (user.email, user.first_name) == ("a@here.test", "Augusta")


def test_fields_belong_to_an_issuer(serve):
    api = serve(default={"USERS": {"FIELDS": FIELDS}})
    api.user("alice", issuer="partner", email="a@here.test")
    assert only_user().email == ""


def test_nested_and_literal_claims(serve):
    api = serve(
        {"FIELDS": {"email": "scope.email", "first_name": "https://x.test/name.first"}}
    )
    api.user(**{"scope": {"email": "a@here.test"}, "https://x.test/name.first": "Ada"})
    user = only_user()
    assert (user.email, user.first_name) == ("a@here.test", "Ada")


# E-mail addresses the issuer does not vouch for


VERIFIED = [
    pytest.param({}, id="absent"),
    pytest.param({"email_verified": True}, id="true"),
]
UNVERIFIED = [
    pytest.param({"email_verified": False}, id="false"),
    pytest.param({"email_verified": None}, id="null"),
    pytest.param({"email_verified": "true"}, id="text"),
    pytest.param({"email_verified": 1}, id="one"),
    pytest.param({"email_verified": 1.0}, id="float"),
    pytest.param({"email_verified": [True]}, id="array"),
]
SHAPES = [
    pytest.param("email", lambda email, flags: {"email": email, **flags}, id="plain"),
    pytest.param(
        "scope.email",
        lambda email, flags: {"scope": {"email": email, **flags}},
        id="nested",
    ),
    pytest.param(
        "scope.email",
        lambda email, flags: {"scope": {"email": email}, **flags},
        id="nested-flag-on-top",
    ),
    pytest.param(
        "https://x.test/email",
        lambda email, flags: {
            "https://x.test/email": email,
            **{f"https://x.test/{name}": value for name, value in flags.items()},
        },
        id="namespaced",
    ),
    pytest.param("upn", lambda email, flags: {"upn": email, **flags}, id="other-name"),
]


def verified_or_not(path, claims, field="email"):
    policy = UserPolicy(fields={field: path})
    return dict(map_claims(make_token(claims=claims), policy).fields)


@pytest.mark.parametrize("flags", VERIFIED)
@pytest.mark.parametrize(("path", "shape"), SHAPES)
def test_a_verified_address_is_stored(serve, path, shape, flags):
    serve()
    claims = shape("a@here.test", flags)
    assert verified_or_not(path, claims) == {"email": "a@here.test"}


@pytest.mark.parametrize("flags", UNVERIFIED)
@pytest.mark.parametrize(("path", "shape"), SHAPES)
def test_a165_an_unverified_address_is_not_stored(serve, path, shape, flags):
    serve()
    assert verified_or_not(path, shape("a@here.test", flags)) == {}


def test_a165_both_flags_must_agree(serve):
    serve()
    claims = {"scope": {"email": "a@here.test", "email_verified": True}}
    assert verified_or_not("scope.email", claims)
    assert not verified_or_not("scope.email", {**claims, "email_verified": False})


def test_a165_an_address_is_one_in_other_fields_too(serve):
    serve()
    claims = {"email": "a@here.test"}
    assert verified_or_not("email", claims, "username") == {"username": "a@here.test"}
    claims["email_verified"] = False
    assert verified_or_not("email", claims, "username") == {}


def test_other_fields_do_not_ask(serve):
    serve()
    claims = {"given_name": "Ada", "email_verified": False}
    assert verified_or_not("given_name", claims, "first_name") == {"first_name": "Ada"}


def test_a165_an_unverified_address_replaces_nothing(mapping):
    mapping.user(email="a@here.test", given_name="Ada", email_verified=True)
    mapping.user(email="victim@here.test", given_name="Eve", email_verified=False)
    user = only_user()
    assert (user.email, user.first_name) == ("a@here.test", "Eve")


# Values a field refuses


BAD_NAMES = [
    pytest.param("x" * 151, id="too-long"),
    pytest.param("a\0b", id="nul"),
    pytest.param(None, id="null"),
    pytest.param(True, id="bool"),
    pytest.param(["Ada"], id="array"),
    pytest.param({"first": "Ada"}, id="object"),
]


def test_good_value(mapping):
    mapping.user(given_name="x" * 150)
    assert only_user().first_name == "x" * 150


@pytest.mark.parametrize("value", BAD_NAMES)
@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
def test_a_value_the_field_refuses_is_left_out_and_never_cut(serve, known, value):
    api = serve({"FIELDS": {"first_name": "person.name", "last_name": "family_name"}})
    if known:
        api.user(person={"name": "Ada"})
    api.user(person={"name": value}, family_name="L")
    user = only_user()
    assert user.first_name == ("Ada" if known else "")
    assert user.last_name == "L"


def decimal(**keywords):
    return models.DecimalField(**{"max_digits": 5, "decimal_places": 2, **keywords})


CHOICES = [("a", "A"), ("b", "B")]
DAY = datetime.date(2020, 2, 29)
NOON = datetime.datetime(2020, 2, 29, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (models.CharField(max_length=3), "abc", "abc"),
        (models.CharField(max_length=3), "abcd", LEFT),
        (models.CharField(max_length=3), 123, "123"),
        (models.CharField(max_length=3), 1234, LEFT),
        (models.CharField(max_length=9), True, LEFT),
        (models.CharField(max_length=9), "", LEFT),
        (models.CharField(max_length=9, blank=True), "", ""),
        (models.CharField(max_length=9), None, LEFT),
        (models.CharField(max_length=9), ("a",), LEFT),
        (models.CharField(max_length=9), {"a": 1}, LEFT),
        (models.CharField(max_length=9), "a\0", LEFT),
        (models.TextField(), "a\0", LEFT),
        (models.CharField(max_length=1, choices=CHOICES), "a", "a"),
        (models.CharField(max_length=1, choices=CHOICES), "c", LEFT),
        (models.SlugField(), "a-b", "a-b"),
        (models.SlugField(), "a b", LEFT),
        (models.EmailField(), "a@b.test", "a@b.test"),
        (models.EmailField(), "a@b.test\r\nBcc: x@y.test", LEFT),
        (models.EmailField(), "nobody", LEFT),
        (models.URLField(), "https://x.test/", "https://x.test/"),
        (models.URLField(), "javascript:alert(1)", LEFT),
        (models.BooleanField(), True, True),
        (models.BooleanField(), False, False),
        (models.BooleanField(), 1, True),
        (models.BooleanField(), 2, LEFT),
        (models.BooleanField(), "yes", LEFT),
        (models.BooleanField(null=True), "", LEFT),
        (models.IntegerField(), 7, 7),
        (models.IntegerField(), "7", 7),
        (models.IntegerField(), 7.0, 7),
        (models.IntegerField(), 7.5, LEFT),
        (models.IntegerField(), True, LEFT),
        (models.IntegerField(), "7.5", LEFT),
        (models.IntegerField(), 2**63, LEFT),
        (models.IntegerField(), -(10**300), LEFT),
        (models.SmallIntegerField(), 2**63, LEFT),
        (models.PositiveIntegerField(), -1, LEFT),
        (models.BigIntegerField(), 2**62, 2**62),
        (models.FloatField(), 1.5, 1.5),
        (models.FloatField(), "1.5", 1.5),
        (models.FloatField(), "nan", LEFT),
        (models.FloatField(), "-inf", LEFT),
        (models.FloatField(), 10**400, LEFT),
        (decimal(), 1.25, Decimal("1.25")),
        (decimal(), 1, Decimal(1)),
        (decimal(), "1.25", Decimal("1.25")),
        (decimal(), 1.234567, LEFT),
        (decimal(), "1.234", LEFT),
        (decimal(), 123456, LEFT),
        (decimal(), "NaN", LEFT),
        (decimal(), "1e999999999", LEFT),
        (models.DateField(), "2020-02-29", DAY),
        (models.DateField(), "2021-02-29", LEFT),
        (models.DateField(), 1600000000, LEFT),
        (models.DateTimeField(), 1600000000, LEFT),
        (models.DateTimeField(), "2020-02-29T12:00:00Z", NOON),
        (models.DateTimeField(), "2020-02-29T14:00:00+02:00", NOON),
        # In TIME_ZONE, which is America/Chicago here.
        (models.DateTimeField(), "2020-02-29T06:00:00", NOON),
        (models.DateTimeField(), "9999-12-31T23:59:59-14:00", LEFT),
        (models.DateTimeField(), "9999-12-31T23:59:59", LEFT),
        (models.DateTimeField(), "9999-12-31T00:00:00Z", LEFT),
        (models.DateTimeField(), "0001-01-01T00:00:00+14:00", LEFT),
        (models.DateTimeField(), "0001-01-01T23:00:00Z", LEFT),
        (models.TimeField(), 12, LEFT),
        (models.DurationField(), 12, LEFT),
        (models.DurationField(), "99999999999 00:00:00", LEFT),
        (models.DurationField(), "106751991 00:00:00", datetime.timedelta(106751991)),
        (models.DurationField(), "300000000 00:00:00", LEFT),
        (models.DurationField(), "-999999999 00:00:00", LEFT),
        (models.UUIDField(), "no-uuid", LEFT),
        (models.UUIDField(), -1, LEFT),
        (models.UUIDField(), 1.5, LEFT),
        (models.BinaryField(), "é", LEFT),
        (models.BinaryField(), "a", LEFT),
        (models.GenericIPAddressField(), "::1", "::1"),
        (models.GenericIPAddressField(), 1, LEFT),
    ],
)
def test_values_as_the_field_cleans_them(field, value, expected):
    cleaned = _cleaned(field, value)
    if expected is LEFT:
        assert cleaned is None
    else:
        assert cleaned == expected
        assert type(cleaned) is type(expected)


@pytest.mark.parametrize(
    "value", ["2020-02-29T12:00:00Z", "2020-02-29T06:00:00", "2020-02-29T06:00-06:00"]
)
def test_without_time_zones_moments_are_stored_in_the_local_one(settings, value):
    settings.USE_TZ = False
    assert _cleaned(models.DateTimeField(), value) == datetime.datetime(2020, 2, 29, 6)


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
@pytest.mark.parametrize(
    "value",
    [
        "2020-02-29T12:00:00Z",
        "2020-02-29T12:00:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_no_moment_is_a_500(serve, settings, known, use_tz, value):
    settings.USE_TZ = use_tz
    api = serve({"FIELDS": {"last_login": "seen"}})
    if known:
        api.user()
    for _ in range(2):
        api.user(seen=value)
    assert (only_user().last_login is None) is not value.startswith("2020")


# Unique fields


def test_user_conflict_on_creation(serve, refusals):
    api = serve({"FIELDS": {"username": "name"}})
    taken = User.objects.create_user("ada")
    assert api.ask(name="ada").status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert User.objects.get() == taken
    assert not FederatedIdentity.objects.exists()
    assert api.user(name="bea")["username"] == "bea"


def test_user_conflict_on_update(serve, refusals):
    api = serve({"FIELDS": {"username": "name", "email": "email"}})
    taken = User.objects.create_user("ada", "ada@here.test")
    mine = api.user(name="bea", email="bea@here.test")
    assert api.ask(name="ada", email="new@here.test").status_code == 401
    assert refusals[-1].reason == "user_conflict"
    user = User.objects.get(pk=mine["pk"])
    # All of it or nothing, and the refused token counts as not applied.
    assert (user.username, user.email) == ("bea", "bea@here.test")
    taken.refresh_from_db()
    assert (taken.username, taken.email) == ("ada", "ada@here.test")
    assert api.ask(name="ada", email="new@here.test").status_code == 401
    assert api.user(name="cia", email="new@here.test")["pk"] == mine["pk"]


@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
def test_what_the_projects_validation_refuses_is_a_conflict(mapping, refusals, known):
    if known:
        mapping.user(given_name="Bea")

    def refuse(instance, **_keywords):
        if instance.first_name == "Ada":
            raise ValidationError({"first_name": "Ada is banned"})

    pre_save.connect(refuse, sender=User)
    try:
        assert mapping.ask(given_name="Ada").status_code == 401
    finally:
        pre_save.disconnect(refuse, sender=User)
    assert refusals[-1].reason == "user_conflict"
    assert refusals[-1].detail == "'first_name'"
    assert User.objects.count() == known


def test_what_a_conflict_tells_the_log_and_the_caller(serve, refusals):
    api = serve({"FIELDS": {"username": "name"}})
    User.objects.create_user("ada")
    response = api.ask(name="ada")
    assert "username" in refusals[-1].detail
    assert b"ada" not in response.content
    assert "conflict" not in response["WWW-Authenticate"]


@pytest.mark.parametrize("prefix", ["oidc-", "OIDC-", "\uff4fidc-"])
def test_nobody_takes_the_name_of_somebody_who_has_not_come_yet(serve, prefix):
    api = serve(partner={"USERS": {"FIELDS": {"username": "name"}}})
    taken = prefix + identity_key(ISSUER, "victim")
    mallory = api.user("mallory", issuer="partner", name=taken)
    assert mallory["username"] == "oidc-" + identity_key(PARTNER, "mallory")
    assert api.user("victim")["username"] == "oidc-" + identity_key(ISSUER, "victim")


def test_other_fields_may_begin_like_our_names(serve):
    api = serve({"FIELDS": {"username": "name", "first_name": "given_name"}})
    assert (
        api.user(name="an-oidc-fan", given_name="oidc-x")["username"] == "an-oidc-fan"
    )
    assert only_user().first_name == "oidc-x"


def test_mapped_claims_do_not_show_what_they_hold(serve):
    serve()
    policy = UserPolicy(
        fields={"first_name": "name"}, groups_claim="roles", groups={"boss": "Bosses"}
    )
    mapped = map_claims(make_token(claims={"name": "Ada", "roles": ["boss"]}), policy)
    assert mapped.fields == {"first_name": "Ada"}
    assert mapped.groups == {"Bosses"}
    assert "Ada" not in repr(mapped)
    governed_alone = map_claims(make_token(claims={"name": "Eve"}), policy)
    assert repr(mapped) == repr(governed_alone)


# When it is written


def writes(captured):
    return [
        query["sql"]
        for query in captured.captured_queries
        if query["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")
    ]


def test_written_only_when_something_changed(mapping, django_assert_num_queries):
    mapping.user(email="a@here.test")
    for _ in range(2):
        with django_assert_num_queries(1):
            mapping.user(email="a@here.test")
    with django_assert_num_queries(5) as captured:
        # Look-up, savepoint, identity, user, release.
        mapping.user(email="b@here.test")
    assert len(writes(captured)) == 2
    with django_assert_num_queries(1):
        mapping.user(email="b@here.test", unrelated="claim")


def test_changes_in_the_admin_stand_until_the_claims_change(mapping):
    mapping.user(email="a@here.test")
    User.objects.update(email="admin-said@here.test")
    mapping.user(email="a@here.test")
    assert only_user().email == "admin-said@here.test"
    mapping.user(email="b@here.test")
    assert only_user().email == "b@here.test"


def test_only_mapped_columns_are_written(mapping):
    mapping.user(email="a@here.test")
    quicker = {"first_name": "Eve", "is_active": False}
    with meanwhile(post_init, User, lambda: User.objects.update(**quicker)):
        mapping.user(email="b@here.test")
    user = only_user()
    assert (user.email, user.first_name, user.is_active) == (
        "b@here.test",
        "Eve",
        False,
    )


def test_settings_that_change_apply_to_the_next_token(serve):
    api = serve({"FIELDS": {"first_name": "given_name"}})
    api.user(given_name="Ada", nickname="Countess")
    api = serve({"FIELDS": {"first_name": "nickname"}})
    api.user(given_name="Ada", nickname="Countess")
    assert only_user().first_name == "Countess"


# Which token is the newer one


@pytest.fixture
def now(clock):
    return int(clock.now())


def emails(api, *tokens):
    seen = []
    for email, issued_at in tokens:
        response = api.ask(email=f"{email}@here.test", iat=issued_at)
        assert response.status_code == 200
        seen.append(only_user().email[0])
    return "".join(seen)


def test_a_newer_token_overwrites(mapping, now):
    assert emails(mapping, ("a", now - 9), ("b", now - 5)) == "ab"


def test_an_older_token_does_not(mapping, now, django_assert_num_queries):
    assert emails(mapping, ("a", now - 9), ("b", now - 5), ("c", now - 7)) == "abb"
    with django_assert_num_queries(1):
        response = mapping.ask(email="c@here.test", iat=now - 7)
    # It is as good as ever for coming in.
    assert response.status_code == 200


def test_one_of_the_same_second_does(mapping, now):
    assert emails(mapping, ("a", now), ("b", now)) == "ab"


def test_numbers_with_and_without_a_fraction_compare(mapping, now):
    order = [("a", now - 9), ("b", now - 8.5), ("c", now - 8.75), ("d", now - 8)]
    assert emails(mapping, *order) == "abbd"
    assert emails(mapping, ("e", float(now - 8)), ("f", now - 8.0001)) == "ee"


def test_tokens_without_iat_follow_each_other(mapping):
    assert emails(mapping, ("a", None), ("b", None), ("a", None)) == "aba"


def test_a_token_without_iat_does_not_make_old_ones_new(mapping, now):
    order = [("a", now - 5), ("b", None), ("c", now - 7), ("d", now - 4)]
    assert emails(mapping, *order) == "abbd"


def test_after_a_token_without_iat_others_count(mapping, now):
    assert emails(mapping, ("a", None), ("b", now - 5), ("c", now - 7)) == "abb"


# Somebody is quicker


def token(name, issued_at):
    """Return a token that names its user ``name``."""
    import dataclasses

    made = make_token(subject="alice", claims={"given_name": name})
    return dataclasses.replace(made, issued_at=issued_at)


def test_a_newer_token_that_was_quicker_stands(mapping):
    resolve_user(token("First", 100))
    with meanwhile(post_init, User, lambda: resolve_user(token("Newest", 300))):
        user = resolve_user(token("Late", 200))
    assert only_user().first_name == "Newest"
    # The view may save what it got: that must not undo the newer token.
    assert user.first_name == "Newest"
    assert FederatedIdentity.objects.get().applied_at == 300


def test_an_older_token_that_was_quicker_does_not(mapping):
    resolve_user(token("First", 100))
    with meanwhile(post_init, User, lambda: resolve_user(token("Late", 200))):
        user = resolve_user(token("Newest", 300))
    assert only_user().first_name == user.first_name == "Newest"


def test_the_same_token_that_was_quicker_is_written_once(
    mapping, django_assert_num_queries
):
    resolve_user(token("First", 100))
    with (
        django_assert_num_queries(10) as captured,
        meanwhile(post_init, User, lambda: resolve_user(token("Again", 200))),
    ):
        user = resolve_user(token("Again", 200))
    assert user.first_name == "Again"
    assert len([sql for sql in writes(captured) if "auth_user" in sql]) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda: User.objects.all().delete(), "deleted_user"),
        (lambda: FederatedIdentity.objects.all().delete(), "deleted_user"),
    ],
    ids=["user-deleted", "identity-deleted"],
)
def test_a_deletion_that_was_quicker_stands(mapping, change, reason):
    resolve_user(token("First", 100))
    with (
        meanwhile(post_init, User, change),
        pytest.raises(UserRejected) as caught,
    ):
        resolve_user(token("Second", 200))
    assert caught.value.reason == reason


def test_a_link_that_was_quicker_stands(mapping):
    before = resolve_user(token("First", 100))
    other = User.objects.create_user("other")
    with meanwhile(
        post_init,
        User,
        lambda: FederatedIdentity.objects.link(ISSUER, "alice", other),
    ):
        assert resolve_user(token("Second", 200)) == other
    before.refresh_from_db()
    assert before.first_name == "First"


def test_an_inactivation_that_was_quicker_stands(mapping):
    resolve_user(token("First", 100))

    def quicker():
        resolve_user(token("Second", 300))
        User.objects.update(is_active=False)

    with (
        meanwhile(post_init, User, quicker),
        pytest.raises(UserRejected) as caught,
    ):
        resolve_user(token("Third", 200))
    assert caught.value.reason == "inactive_user"
