"""GROUPS: claim values mirrored into groups. DESIGN 7.4, A160."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError
from django.db.models.signals import m2m_changed

from django_oidc_rs.models import FederatedIdentity

pytestmark = pytest.mark.django_db

User = get_user_model()
GROUPS = {
    "CLAIM": "realm_access.roles",
    "MAP": {"clerk": "Clerks", "boss": "Bosses", "chief": "Bosses"},
}


@pytest.fixture
def mirrored(serve):
    """Return a function: roles of the next token -> the user's groups."""
    api = serve({"GROUPS": GROUPS})

    def mirrored(*roles, **claims):
        claims = claims or {"realm_access": {"roles": list(roles)}}
        pk = api.user("alice", **claims)["pk"]
        return sorted(User.objects.get(pk=pk).groups.values_list("name", flat=True))

    return mirrored


def test_groups_are_made_and_mirrored(mirrored):
    assert mirrored("clerk", "boss") == ["Bosses", "Clerks"]
    assert mirrored("clerk") == ["Clerks"]
    assert mirrored("boss") == ["Bosses"]
    assert mirrored() == []
    assert Group.objects.count() == 2


def test_groups_that_exist_are_used(mirrored):
    clerks = Group.objects.create(name="Clerks")
    assert mirrored("clerk") == ["Clerks"]
    assert User.objects.get().groups.get() == clerks


def test_two_values_may_mean_one_group(mirrored):
    assert mirrored("boss", "chief") == ["Bosses"]
    assert mirrored("chief") == ["Bosses"]


def test_groups_outside_the_table_are_left_alone(mirrored):
    mirrored("clerk")
    User.objects.get().groups.add(Group.objects.create(name="Volunteers"))
    assert mirrored("boss") == ["Bosses", "Volunteers"]
    assert mirrored() == ["Volunteers"]


@pytest.mark.parametrize(
    "claims",
    [
        {"realm_access": {}},
        {"realm_access": None},
        {"realm_access": {"roles": None}},
        {"realm_access": {"roles": []}},
        {"realm_access": {"roles": "clerks"}},
        {"realm_access": {"roles": "CLERK"}},
        {"realm_access": {"roles": "clerk boss"}},
        {"realm_access": {"roles": ["cler", "clerk ", "Clerks", "Admins"]}},
        {"realm_access": {"roles": {"clerk": True}}},
        {"realm_access": {"roles": True}},
        {"realm_access": {"roles": 1}},
        {"realm_access": {"roles": [["clerk"], {"clerk": 1}, 1, None, True]}},
        {"realm_access": ["clerk"]},
        {"roles": ["clerk"]},
        {"groups": ["Clerks"]},
    ],
    ids=str,
)
def test_no_group_without_the_exact_value(mirrored, claims):
    assert mirrored("clerk") == ["Clerks"]
    assert mirrored(**claims) == []


def test_a_claim_of_one_string(mirrored):
    assert mirrored(realm_access={"roles": "clerk"}) == ["Clerks"]


def test_other_values_beside_it_do_no_harm(mirrored):
    assert mirrored(realm_access={"roles": [7, None, ["x"], "clerk"]}) == ["Clerks"]


def test_a160_the_table_belongs_to_an_issuer(serve):
    api = serve(default={"USERS": {"GROUPS": GROUPS}})
    roles = {"realm_access": {"roles": ["boss"]}}
    api.user("mallory", issuer="partner", **roles)
    assert not User.objects.get().groups.exists()
    assert not Group.objects.exists()


def test_existing_users_are_mirrored_too(serve):
    api = serve({"RESOLVER": "existing_user", "GROUPS": GROUPS})
    user = User.objects.create_user("alice-here")
    user.groups.add(Group.objects.create(name="Bosses"))
    FederatedIdentity.objects.link("https://issuer.test", "alice", user)
    api.user("alice", realm_access={"roles": ["clerk"]})
    assert [group.name for group in user.groups.all()] == ["Clerks"]


def test_written_only_when_something_changed(serve, django_assert_num_queries):
    api = serve({"GROUPS": GROUPS})
    api.user("alice", realm_access={"roles": ["clerk", "boss"]})
    for roles in (["clerk", "boss"], ["boss", "clerk", "other"]):
        with django_assert_num_queries(1):
            api.user("alice", realm_access={"roles": roles})


def test_a_group_taken_away_by_hand_stays_away_until_the_claim_changes(mirrored):
    mirrored("clerk", "boss")
    User.objects.get().groups.clear()
    assert mirrored("clerk", "boss") == []
    assert mirrored("clerk") == ["Clerks"]


def test_an_older_token_gives_no_group_back(serve, clock):
    api = serve({"GROUPS": GROUPS})
    now = int(clock.now())
    boss = {"realm_access": {"roles": ["boss"]}}
    api.user("alice", iat=now - 9, **boss)
    api.user("alice", iat=now - 5)
    api.user("alice", iat=now - 7, **boss)
    assert not User.objects.get().groups.exists()


def test_a_smaller_table_takes_nothing_outside_it(serve):
    roles = {"realm_access": {"roles": ["clerk", "boss"]}}
    serve({"GROUPS": GROUPS}).user("alice", **roles)
    table = {"CLAIM": "realm_access.roles", "MAP": {"clerk": "Clerks"}}
    serve({"GROUPS": table}).user("alice")
    assert [group.name for group in User.objects.get().groups.all()] == ["Bosses"]


@pytest.mark.parametrize("known", [False, True], ids=["created", "known"])
def test_all_of_it_or_nothing(serve, refusals, known):
    """A failure half-way leaves no field, no group and no identity behind."""
    api = serve({"GROUPS": GROUPS, "FIELDS": {"first_name": "given_name"}})
    if known:
        api.user("alice", given_name="Ada", realm_access={"roles": ["clerk"]})
    before = list(User.objects.values())

    def fail(action, **_keywords):
        if action == "post_add":
            raise IntegrityError("no more members")

    m2m_changed.connect(fail, sender=User.groups.through)
    try:
        response = api.ask(
            "alice", given_name="Eve", realm_access={"roles": ["boss", "clerk"]}
        )
    finally:
        m2m_changed.disconnect(fail, sender=User.groups.through)
    assert response.status_code == 401
    assert refusals[-1].reason == "user_conflict"
    assert list(User.objects.values()) == before
    assert FederatedIdentity.objects.count() == len(before)
    names = Group.objects.filter(user__isnull=False).values_list("name", flat=True)
    assert list(names) == (["Clerks"] if known else [])
    # The next request tries again, and now it works.
    api.user("alice", given_name="Eve", realm_access={"roles": ["boss", "clerk"]})
    assert User.objects.get().groups.count() == 2
