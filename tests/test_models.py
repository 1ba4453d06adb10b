"""What is stored: keys of pairs, deleted users, links, and complete migrations."""

import re
import runpy
import unicodedata

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import pre_delete
from django.test import modify_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs import models as our_models
from django_oidc_rs.models import (
    FederatedIdentity,
    IssuerRecord,
    RefreshState,
    client_key,
    identity_key,
    issuer_key,
)

ISSUER = "https://issuer.test"
HEX = re.compile(r"[0-9a-f]{64}")


@pytest.fixture
def alice(db):
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob")


def test_rows_are_shown_by_what_they_say():
    assert str(IssuerRecord(issuer=ISSUER)) == ISSUER
    assert str(RefreshState(state="{}")) == "{}"


def test_an_app_that_is_not_installed_is_told_so():
    """Everything a project imports of the package imports the models."""
    with (
        modify_settings(INSTALLED_APPS={"remove": ["django_oidc_rs"]}),
        pytest.raises(ImproperlyConfigured, match='Add "django_oidc_rs"'),
    ):
        runpy.run_path(our_models.__file__)


# The keys of pairs.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((ISSUER, "alice"), (ISSUER, "Alice")),
        ((ISSUER, "alice"), (ISSUER, "alice ")),
        ((ISSUER, "alice"), (ISSUER, " alice")),
        ((ISSUER, "alice"), (ISSUER + "/", "alice")),
        ((ISSUER, "alice"), (ISSUER.upper(), "alice")),
        ((ISSUER, "josé"), (ISSUER, unicodedata.normalize("NFD", "josé"))),
        ((ISSUER, "jose"), (ISSUER, "josé")),
        ((ISSUER, "ss"), (ISSUER, "ß")),
        ((ISSUER, "1"), (ISSUER, "01")),
        # Cut elsewhere, the same characters are another pair.
        (("https://a", "bc"), ("https://ab", "c")),
        (("https://a", "/b"), ("https://a/", "b")),
        (("a", "bc"), ("ab", "c")),
        (("a", ""), ("", "a")),
    ],
)
def test_pairs_that_differ_in_a_byte_have_other_keys(one, other):
    assert identity_key(*one) != identity_key(*other)
    assert client_key(*one) != client_key(*other)


def test_keys_are_digests():
    for key in (issuer_key(ISSUER), identity_key(ISSUER, "a"), client_key(ISSUER, "a")):
        assert HEX.fullmatch(key)
    # Stored for ever: another way to compute it would lose every user.
    assert identity_key("https://issuer.test", "alice") == (
        "7048c9cc253d39603b81125f2bfbce676e650f33458fc17a7c0178f18e3b2c2e"
    )


# Neither holds control characters: the parser and the subject's rule see to it.
_NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30
)


@given(_NAMES, _NAMES, _NAMES, _NAMES)
def test_a_client_is_never_an_identity(issuer, other, subject, client):
    keys = {
        client_key(issuer, client),
        client_key(issuer, subject),
        client_key(other, client),
    }
    assert identity_key(issuer, subject) not in keys
    assert identity_key(other, client) not in keys
    assert identity_key(issuer, client) not in keys


@given(_NAMES, _NAMES, _NAMES, _NAMES)
def test_equal_keys_are_equal_pairs(issuer, other, subject, another):
    same = (issuer, subject) == (other, another)
    assert (identity_key(issuer, subject) == identity_key(other, another)) is same


# Linking.


def test_link_ties_a_pair_to_a_user(alice):
    identity = FederatedIdentity.objects.link(ISSUER, "a", alice)
    identity.refresh_from_db()
    assert (identity.issuer, identity.subject) == (ISSUER, "a")
    assert identity.user == alice
    assert identity.key == identity_key(ISSUER, "a")
    assert (identity.applied, identity.applied_at) == ("", None)
    assert list(alice.federated_identities.all()) == [identity]


def test_link_moves_a_pair_and_forgets_what_was_applied(alice, bob):
    first = FederatedIdentity.objects.link(ISSUER, "a", alice)
    FederatedIdentity.objects.update(applied="x" * 64, applied_at=7)
    second = FederatedIdentity.objects.link(ISSUER, "a", bob)
    assert second.pk == first.pk
    second.refresh_from_db()
    assert (second.user, second.applied, second.applied_at) == (bob, "", None)
    assert FederatedIdentity.objects.count() == 1


def test_a_user_may_have_several_pairs(alice):
    FederatedIdentity.objects.link(ISSUER, "a", alice)
    FederatedIdentity.objects.link(ISSUER, "A", alice)
    FederatedIdentity.objects.link("https://other.test", "a", alice)
    assert alice.federated_identities.count() == 3


def test_of_takes_one_query_with_the_user(alice, django_assert_num_queries):
    FederatedIdentity.objects.link(ISSUER, "a", alice)
    with django_assert_num_queries(1):
        assert FederatedIdentity.objects.of(ISSUER, "a").user == alice
    with django_assert_num_queries(1):
        assert FederatedIdentity.objects.of(ISSUER, "A") is None


def test_a_pair_is_unique(alice, bob):
    FederatedIdentity.objects.link(ISSUER, "a", alice)
    twice = FederatedIdentity(
        key=identity_key(ISSUER, "a"), issuer=ISSUER, subject="a", user=bob
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        twice.save()


# Deleted users.


def _instance(user):
    user.delete()


def _queryset(user):
    User.objects.filter(pk=user.pk).delete()


def _queryset_of_all(_user):
    User.objects.exclude(username="bob").delete()


@pytest.mark.parametrize("delete", [_instance, _queryset, _queryset_of_all])
def test_a_deleted_user_stays_deleted(delete, alice, bob):
    FederatedIdentity.objects.link(ISSUER, "a", alice)
    FederatedIdentity.objects.link(ISSUER, "a2", alice)
    FederatedIdentity.objects.link(ISSUER, "b", bob)
    delete(alice)
    for subject in ("a", "a2"):
        identity = FederatedIdentity.objects.of(ISSUER, subject)
        assert (identity.user, identity.subject) == (None, "")
        assert identity.issuer == ISSUER
    kept = FederatedIdentity.objects.of(ISSUER, "b")
    assert (kept.user, kept.subject) == (bob, "b")


def test_deleting_with_listeners_forgets_the_subject_too(alice):
    FederatedIdentity.objects.link(ISSUER, "a", alice)

    def listener(**_kwargs):
        """Make Django load whole objects."""

    pre_delete.connect(listener, sender=FederatedIdentity)
    try:
        alice.delete()
    finally:
        pre_delete.disconnect(listener, sender=FederatedIdentity)
    identity = FederatedIdentity.objects.of(ISSUER, "a")
    assert (identity.user, identity.subject) == (None, "")


def test_deleting_many_users_forgets_every_subject(db):
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(1200))
    for user in users[::100]:
        FederatedIdentity.objects.link(ISSUER, user.username, user)
    User.objects.all().delete()
    left = FederatedIdentity.objects.all()
    assert left.count() == 12
    assert not left.exclude(subject="", user=None).exists()


def test_deleting_a_user_without_identity_writes_none(alice):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        alice.delete()
    assert not any(
        "UPDATE" in query["sql"] and "federatedidentity" in query["sql"]
        for query in queries
    )


def test_a_deleted_user_can_be_given_back(alice, bob):
    FederatedIdentity.objects.link(ISSUER, "a", alice)
    alice.delete()
    FederatedIdentity.objects.link(ISSUER, "a", bob)
    identity = FederatedIdentity.objects.of(ISSUER, "a")
    assert (identity.user, identity.subject) == (bob, "a")
    assert FederatedIdentity.objects.count() == 1


def test_deleting_an_identity_keeps_the_user(alice):
    FederatedIdentity.objects.link(ISSUER, "a", alice).delete()
    assert User.objects.filter(pk=alice.pk).exists()


# Names and migrations.


def test_names():
    identity = FederatedIdentity(issuer=ISSUER, subject="a")
    assert str(identity) == f"a @ {ISSUER}"
    identity.subject = ""
    assert str(identity) == f"(pair {identity.key[:12]}) @ {ISSUER}"
    assert str(IssuerRecord(issuer=ISSUER)) == ISSUER


def test_migrations_are_complete(db, capsys):
    # SystemExit, where a model has no migration.
    call_command("makemigrations", "django_oidc_rs", check=True, dry_run=True)
    assert "No changes" in capsys.readouterr().out


def test_migrations_can_be_undone(transactional_db):
    tables = {IssuerRecord._meta.db_table, FederatedIdentity._meta.db_table}
    call_command("migrate", "django_oidc_rs", "zero", verbosity=0)
    try:
        assert tables.isdisjoint(connection.introspection.table_names())
    finally:
        call_command("migrate", "django_oidc_rs", verbosity=0)
    assert tables <= set(connection.introspection.table_names())


def test_issuer_records_are_found_by_digest():
    key = IssuerRecord._meta.pk
    assert (key.name, key.max_length) == ("key", 64)
    assert isinstance(IssuerRecord._meta.get_field("issuer"), models.TextField)
