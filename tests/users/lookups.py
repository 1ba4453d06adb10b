"""What ``find_identity`` gives, held against what the ORM gives."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from django_oidc_rs.identity_lookup import FoundIdentity, find_identity
from django_oidc_rs.models import FederatedIdentity, identity_key

from .databases import all_at_once, elsewhere


def assert_same(key):
    """Return what is found, the same down to the types of all fields."""
    found = find_identity(key, using="default")
    identity = FederatedIdentity.objects.select_related("user").get(key=key)
    assert found == FoundIdentity(
        identity.pk,
        identity.applied,
        identity.applied_at,
        identity.last_used_at,
        identity.user,
        "default",
    )
    if found.user is not None:
        assert columns(found.user) == columns(identity.user)
        state, expected = found.user._state, identity.user._state
        assert (state.db, state.adding) == (expected.db, expected.adding)
        assert not found.user.get_deferred_fields()
    return found


def columns(user):
    """Return every column's value with its type."""
    return {
        field.attname: (type(getattr(user, field.attname)), vars(user)[field.attname])
        for field in type(user)._meta.concrete_fields
    }


def assert_same_in_every_thread():
    """Ask on connections of this thread, of one that ends, and of several at once."""
    user = get_user_model()(username="alice")
    user.last_login = user.date_joined
    elsewhere(user.save)
    issuer, subject = "https://issuer.test", "alice"
    elsewhere(lambda: FederatedIdentity.objects.link(issuer, subject, user))
    key = identity_key(issuer, subject)
    assert elsewhere(lambda: assert_same(key).user) == user
    assert all_at_once(3, lambda _: assert_same(key).user.pk) == [user.pk] * 3
    assert assert_same(key).user == user
