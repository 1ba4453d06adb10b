"""Section M: the cache of verified tokens, with real keys and real settings."""

from __future__ import annotations

import pytest
from django.http import HttpResponse

from django_oidc_rs.core.errors import BadSignature, InvalidToken, UnknownKey
from django_oidc_rs.core.token_cache import MAX_LENGTH
from django_oidc_rs.decorators import access_token_required, scope_required
from django_oidc_rs.testing import FakeIssuer, install
from django_oidc_rs.wiring import get_resource_server

pytestmark = pytest.mark.django_db
OURS, THEIRS = "https://ours.test", "https://theirs.test"


class Site:
    """Two issuers whose tokens are kept, and views of several demands."""

    def __init__(self, clock, rf):
        from django_oidc_rs.conf import get_config

        self.clock, self.rf = clock, rf
        self.ours, self.theirs = (
            FakeIssuer(policy, clock=clock) for policy in get_config().issuers
        )

    @property
    def cache(self):
        return get_resource_server()._cache

    def ask(self, raw_token, guard=access_token_required):
        """Return the status that a view behind ``guard`` answers with."""
        request = self.rf.get("/", headers={"authorization": f"Bearer {raw_token}"})
        return guard(lambda request: HttpResponse("in"))(request).status_code


@pytest.fixture
def site(settings, clock, rf):
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {"ours": {"ISSUER": OURS}, "theirs": {"ISSUER": THEIRS}},
        "USERS": {"RESOLVER": "token_user"},
        "TOKEN_CACHE": {"SIZE": 100, "MAX_AGE": 600},
    }
    site = Site(clock, rf)
    with install(site.ours, site.theirs, clock=clock):
        yield site


def the_signature_is_verified_once(site):
    raw_token = site.ours.access_token()
    assert site.ask(raw_token) == 200
    (kept,) = site.cache._kept.values()
    assert site.ask(raw_token) == 200
    assert [*site.cache._kept.values()] == [kept]
    # What is kept is what answers: no other object is made of the token.
    server = get_resource_server()
    assert server.validate(raw_token) is kept.access_token


def each_view_makes_its_own_demands(site):
    raw_token = site.ours.access_token("alice", ["read"])
    for _ in range(2):
        assert site.ask(raw_token, scope_required("read")) == 200
        assert site.ask(raw_token, scope_required("write")) == 403
        assert site.ask(raw_token, scope_required("read", issuers=["theirs"])) == 403
    # The same claims of the other issuer are another token's, and its keys' matter.
    assert site.ask(site.theirs.access_token("alice", ["read"])) == 200
    assert len(site.cache) == 2


def a_withdrawn_key_ends_it(site):
    raw_token = site.ours.access_token()
    assert site.ask(raw_token) == site.ask(raw_token) == 200
    site.ours.rotate()
    # A token of the new key is what makes the process ask.
    site.clock.advance(31)
    assert site.ask(site.ours.access_token()) == 200
    assert site.ask(raw_token) == 401
    with pytest.raises((UnknownKey, BadSignature)):
        get_resource_server().validate(raw_token)


def bad_tokens_are_not_kept(site):
    good = site.ours.access_token()
    bad = f"{good[:-6]}AAAAAA"
    for _ in range(1000):
        with pytest.raises(InvalidToken):
            get_resource_server().validate(bad)
    assert len(site.cache) == 0
    assert site.ask(good) == 200
    assert site.ask(bad) == 401


def long_tokens_are_validated_and_not_kept(site):
    raw_token = site.ours.access_token(fill="x" * MAX_LENGTH)
    assert site.ask(raw_token) == site.ask(raw_token) == 200
    assert len(site.cache) == 0
    assert site.ask("x" * 16385) == 401


def only_digests_are_in_it(site):
    raw_token = site.ours.access_token()
    assert site.ask(raw_token) == 200
    (item,) = site.cache._kept.items()
    assert not any(
        part in f"{item!r} {item[1].access_token.claims!r}"
        for part in raw_token.split(".")
    )


CASES = {
    "VC-01": the_signature_is_verified_once,
    "VC-03": each_view_makes_its_own_demands,
    "VC-04": a_withdrawn_key_ends_it,
    "VC-05": bad_tokens_are_not_kept,
    "VC-06": long_tokens_are_validated_and_not_kept,
    "VC-07": only_digests_are_in_it,
}


@pytest.mark.parametrize("case", CASES)
def test_the_token_cache(case, site):
    CASES[case](site)
