"""Machines: a TokenUser, and never a row. DESIGN 7.4, A85, A166."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_oidc_rs.models import FederatedIdentity, client_key

from .conftest import ISSUER

pytestmark = pytest.mark.django_db

User = get_user_model()

WAYS = [
    pytest.param({"subject": None}, {}, id="no-subject"),
    pytest.param({"subject": "test-client"}, {}, id="subject-is-the-client"),
    pytest.param(
        {"subject": "test-client@clients", "gty": "client-credentials"},
        {"MACHINE": {"gty": "client-credentials"}},
        id="MACHINE-by-value",
    ),
    pytest.param(
        {"subject": "f00", "preferred_username": "service-account-shop"},
        {"MACHINE": {"preferred_username": "service-account-*"}},
        id="MACHINE-by-pattern",
    ),
]
RESOLVERS = [
    "local_user",
    "existing_user",
    "token_user",
    "tests.users.resolvers.nobody",
]


@pytest.mark.parametrize("resolver", RESOLVERS)
@pytest.mark.parametrize(("claims", "issuer"), WAYS)
def test_a166_a_machine_is_let_in_and_is_no_row(
    serve, claims, issuer, resolver, created, django_assert_num_queries
):
    api = serve({"RESOLVER": resolver}, default=issuer)
    with django_assert_num_queries(0):
        seen = api.user(**claims)
    assert seen["kind"] == "TokenUser"
    assert seen["pk"] == client_key(ISSUER, "test-client")
    assert not User.objects.exists()
    assert not FederatedIdentity.objects.exists()
    assert created == []


@pytest.mark.parametrize(
    ("claims", "issuer"),
    [
        pytest.param({"subject": "alice"}, {}, id="subject"),
        pytest.param(
            {"subject": "alice", "gty": "password"},
            {"MACHINE": {"gty": "client-credentials"}},
            id="MACHINE-does-not-match",
        ),
        pytest.param(
            {"subject": "alice", "gty": "client-credentials", "client_id": None},
            {"MACHINE": {"gty": "client-credentials"}},
            id="no-client",
        ),
        pytest.param({"subject": "Test-Client"}, {}, id="other-case"),
    ],
)
def test_a_person_is_no_machine(serve, claims, issuer):
    api = serve(default=issuer)
    assert api.user(**claims)["kind"] == "User"
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("claims", "issuer"),
    [
        pytest.param({"subject": None, "client_id": None}, {}, id="neither"),
        pytest.param(
            {"subject": None, "sub": "alice"},
            {"SUBJECT_CLAIM": "scope.id"},
            id="elsewhere",
        ),
        pytest.param(
            {"subject": None, "gty": "x"},
            {"SUBJECT_CLAIM": "scope.id", "MACHINE": {"gty": "x"}},
            id="elsewhere-and-MACHINE",
        ),
    ],
)
def test_nobody_at_all_is_refused(serve, claims, issuer):
    api = serve(default=issuer)
    assert api.ask(**claims).status_code == 401
    assert not User.objects.exists()


def test_a85_a_client_named_like_a_subject_is_not_that_user(api):
    victim = api.user("admin", client_id="webapp")
    User.objects.update(is_superuser=True, is_staff=True)
    # The attacker registered a client of that name and asks for its own token.
    for claims in ({"subject": "admin"}, {"subject": None}):
        seen = api.user(client_id="admin", **claims)
        assert seen["kind"] == "TokenUser"
        assert seen["pk"] != victim["pk"]
        assert not seen["superuser"]
        assert not seen["staff"]
    assert User.objects.count() == 1
    assert api.user("admin", client_id="webapp")["pk"] == victim["pk"]


def test_a85_not_even_an_identity_linked_by_hand_makes_a_machine_a_user(api):
    user = User.objects.create_user("shop")
    FederatedIdentity.objects.link(ISSUER, "test-client", user)
    assert api.user("test-client")["kind"] == "TokenUser"


def test_machines_of_two_issuers_differ(api):
    ours = api.user(None)
    theirs = api.user(None, issuer="partner")
    assert ours["pk"] != theirs["pk"]
