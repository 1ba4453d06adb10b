"""Many first requests at once: the same tests for PostgreSQL and for SQLite.

``database`` is the fixture that makes an empty, migrated database the default one.
"""

from __future__ import annotations

import json

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models.signals import post_init, pre_save

from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.users import resolve_user
from django_oidc_rs.wiring import get_resource_server

from .databases import all_at_once, call, elsewhere, meanwhile, meeting, wsgi

FIRST_REQUESTS = 50
UPDATES = 20
USERS = {
    "FIELDS": {"email": "email", "first_name": "given_name"},
    "GROUPS": {"CLAIM": "roles", "MAP": {"even": "Even", "odd": "Odd"}},
}


def ask_all(api, count, *, path="/whoami/", **claims):
    """Ask ``count`` times at once; return the statuses and what the views saw."""
    raw = api.token(**claims)
    # The keys are fetched before, as in a process that runs.
    get_resource_server().validate(raw)
    handler = wsgi()
    answers = all_at_once(count, lambda number: call(path.format(number), raw, handler))
    return [status for status, _ in answers], [json.loads(body) for _, body in answers]


def assert_one_user(created, statuses, seen):
    assert statuses == [200] * FIRST_REQUESTS
    user = get_user_model().objects.get()
    assert {each["pk"] for each in seen} == {str(user.pk)}
    assert FederatedIdentity.objects.get().user == user
    assert len(created) == 1


class FirstRequests:
    """50 requests with the first token of one subject make one user."""

    def test_make_one_user(self, database, api, created):
        assert_one_user(created, *ask_all(api, FIRST_REQUESTS))

    def test_make_one_user_when_all_of_them_found_none(self, database, api, created):
        with meeting(pre_save, get_user_model(), FIRST_REQUESTS):
            answers = ask_all(api, FIRST_REQUESTS)
        assert_one_user(created, *answers)

    def test_make_one_user_with_fields_and_groups(self, database, serve, created):
        api = serve(USERS)
        with meeting(pre_save, get_user_model(), FIRST_REQUESTS):
            answers = ask_all(
                api, FIRST_REQUESTS, email="a@here.test", roles=["even", "odd"]
            )
        assert_one_user(created, *answers)
        user = get_user_model().objects.get()
        assert user.email == "a@here.test"
        assert user.groups.count() == 2

    def test_and_all_of_them_go_on_to_write(self, database, api, created):
        with meeting(pre_save, get_user_model(), FIRST_REQUESTS):
            answers = ask_all(api, FIRST_REQUESTS, path="/write/?name=note-{}")
        assert_one_user(created, *answers)
        assert Group.objects.count() == FIRST_REQUESTS

    def test_of_many_subjects_share_their_new_groups(self, database, serve):
        api = serve(USERS)
        raws = [
            api.token(f"user-{number}", roles=["odd", "even"])
            for number in range(UPDATES)
        ]
        get_resource_server().validate(raws[0])
        handler = wsgi()
        with meeting(pre_save, get_user_model(), UPDATES):
            answers = all_at_once(
                UPDATES, lambda number: call("/whoami/", raws[number], handler)
            )
        assert [status for status, _ in answers] == [200] * UPDATES
        assert get_user_model().objects.count() == UPDATES
        assert sorted(Group.objects.values_list("name", flat=True)) == ["Even", "Odd"]
        for group in Group.objects.all():
            assert group.user_set.count() == UPDATES


class Updates:
    """Tokens of one user, each with claims of its own, at once: the newest stands."""

    def test_the_newest_token_stands(self, database, serve, clock):
        api = serve(USERS)
        now = int(clock.now())
        api.user(email="first@here.test", iat=now - 1000)
        raws = [
            api.token(
                email=f"mail-{number}@here.test",
                given_name=f"Name {number}",
                roles=["odd" if number % 2 else "even"],
                iat=now - 100 + number,
            )
            for number in range(UPDATES)
        ]
        handler = wsgi()
        with meeting(post_init, get_user_model(), UPDATES):
            answers = all_at_once(
                UPDATES, lambda number: call("/whoami/", raws[number], handler)
            )
        assert [status for status, _ in answers] == [200] * UPDATES
        newest = UPDATES - 1
        user = get_user_model().objects.get()
        assert user.email == f"mail-{newest}@here.test"
        assert user.first_name == f"Name {newest}"
        assert [group.name for group in user.groups.all()] == ["Odd"]
        assert FederatedIdentity.objects.get().applied_at == now - 100 + newest

    def test_one_token_is_written_once(self, database, serve, clock):
        api = serve(USERS)
        api.user(email="first@here.test", iat=int(clock.now()) - 9)
        written = []

        def count(update_fields, **_keywords):
            written.append(update_fields)

        pre_save.connect(count, sender=get_user_model())
        try:
            with meeting(post_init, get_user_model(), UPDATES):
                statuses, seen = ask_all(api, UPDATES, email="new@here.test")
        finally:
            pre_save.disconnect(count, sender=get_user_model())
        assert statuses == [200] * UPDATES
        assert {each["email"] for each in seen} == {"new@here.test"}
        assert written == [frozenset(["email"])]


class Losers:
    """Who loses the race to create gets the winner's user."""

    def test_gets_the_winners_user(self, database, api, access_token, created):
        token = access_token(subject="alice")
        won = []
        with meanwhile(
            pre_save,
            get_user_model(),
            lambda: won.append(elsewhere(lambda: resolve_user(token))),
        ):
            user = resolve_user(token)
        assert [user] == won
        assert get_user_model().objects.get() == user
        assert len(created) == 1

    def test_applies_its_newer_claims(self, database, serve, access_token):
        serve(USERS)
        token = access_token(subject="alice", claims={"given_name": "Late"})
        quicker = access_token(subject="alice", claims={"given_name": "Quick"})
        with meanwhile(
            pre_save,
            get_user_model(),
            lambda: elsewhere(lambda: resolve_user(quicker)),
        ):
            user = resolve_user(token)
        assert user.first_name == "Late"
        assert get_user_model().objects.get().first_name == "Late"

    def test_is_refused_when_the_winners_user_is_gone(
        self, database, api, access_token, refusals
    ):
        raw = api.token()
        token = access_token(subject="alice")

        def create_and_delete():
            elsewhere(lambda: resolve_user(token))
            elsewhere(lambda: get_user_model().objects.all().delete())

        # The user name is free again, and the pair is not.
        get_resource_server().validate(raw)
        with meanwhile(pre_save, get_user_model(), create_and_delete):
            status, _ = call("/whoami/", raw, wsgi())
        assert status == 401
        assert refusals[-1].reason == "deleted_user"
        assert not get_user_model().objects.exists()
