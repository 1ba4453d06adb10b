"""Run by test_custom_users.py: a user model that asks for more than we can know."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError

from django_oidc_rs.models import FederatedIdentity, identity_key

from .conftest import ISSUER

pytestmark = pytest.mark.django_db

User = get_user_model()
JOINED = {"joined": "2020-01-01"}


@pytest.fixture
def mapping(serve):
    return serve({"FIELDS": {"joined": "joined"}})


def test_a_column_that_nobody_fills_is_loud(api):
    """A mistake of the project: 500 and a traceback, and not the caller's fault."""
    with pytest.raises(IntegrityError, match="joined"):
        api.ask("alice")
    assert not User.objects.exists()
    assert not FederatedIdentity.objects.exists()


@pytest.mark.parametrize("joined", [None, 0, "soon"])
def test_a_column_that_a_claim_should_have_filled_is_401(mapping, refusals, joined):
    assert mapping.ask("alice", joined=joined).status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert "joined" in refusals[-1].detail
    assert not User.objects.exists()
    assert not FederatedIdentity.objects.exists()


def test_users_that_start_inactive_wait_for_somebody(mapping, refusals):
    for _ in range(2):
        assert mapping.ask("alice", **JOINED).status_code == 401
        assert refusals[-1].reason == "inactive_user"
    assert User.objects.count() == 1
    User.objects.update(is_active=True)
    response = mapping.ask("alice", **JOINED, path="/anyone/")
    assert response.status_code == 200


def test_a_short_name_is_cut_and_still_nobody_elses(mapping, refusals):
    mapping.ask("alice", **JOINED)
    user = User.objects.get()
    assert user.login == ("oidc-" + identity_key(ISSUER, "alice"))[:20]
    FederatedIdentity.objects.all().delete()
    # As if another pair had the same first digits.
    assert mapping.ask("alice", **JOINED).status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert User.objects.get() == user
