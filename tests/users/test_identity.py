"""FederatedIdentity's manager: look-ups and links by the pair."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from django_oidc_rs.models import FederatedIdentity, identity_key

from .conftest import ISSUER, PARTNER

pytestmark = pytest.mark.django_db

User = get_user_model()
objects = FederatedIdentity.objects


@pytest.fixture
def user(db):
    return User.objects.create_user("alice-here")


def test_of_finds_the_pair_and_its_user_in_one_query(user, django_assert_num_queries):
    objects.link(ISSUER, "alice", user)
    with django_assert_num_queries(1):
        assert objects.of(ISSUER, "alice").user == user


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        (PARTNER, "alice"),
        (ISSUER + "/", "alice"),
        (ISSUER.upper(), "alice"),
        (ISSUER, "Alice"),
        (ISSUER, "alice "),
        (ISSUER, ""),
        ("", "alice"),
    ],
)
def test_of_finds_nothing_but_the_pair(user, issuer, subject):
    objects.link(ISSUER, "alice", user)
    assert objects.of(issuer, subject) is None


def test_the_key_alone_decides(user):
    """Not the columns for display, whatever stands in them."""
    objects.create(key=identity_key(PARTNER, "x"), issuer=ISSUER, subject="alice")
    assert objects.of(ISSUER, "alice") is None


def test_a_pair_stands_once(user):
    objects.link(ISSUER, "alice", user)
    with pytest.raises(IntegrityError), transaction.atomic():
        objects.create(
            key=identity_key(ISSUER, "alice"), issuer=ISSUER, subject="alice"
        )


def test_link_moves_the_pair_and_forgets_what_was_applied(user):
    identity = objects.link(ISSUER, "alice", user)
    objects.update(applied="digest", applied_at=7)
    other = User.objects.create_user("other")
    moved = objects.link(ISSUER, "alice", other)
    moved.refresh_from_db()
    assert moved.pk == identity.pk
    assert moved.user == other
    assert (moved.applied, moved.applied_at) == ("", None)
    assert not user.federated_identities.exists()


def test_a_user_may_have_several_pairs(user):
    objects.link(ISSUER, "alice", user)
    objects.link(PARTNER, "al", user)
    assert user.federated_identities.count() == 2


def test_text_names_the_pair(user):
    assert str(objects.link(ISSUER, "alice", user)) == f"alice @ {ISSUER}"
