"""Useless answers, lifetimes and discovery, as two processes see them."""

from __future__ import annotations

import pytest

from django_oidc_rs.testing.signing import SigningKey

from .counterparts import RECORDS

LIFETIME = 600
METADATA = "/.well-known/openid-configuration"

# Which store it is makes no difference to what is never stored.
pytestmark = pytest.mark.parametrize("shared", ["postgresql"], indirect=True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, b"null", id="JC-21-S null"),
        pytest.param(200, b'{"keys":[null]}', id="JC-21-S no key"),
        pytest.param(200, b"<html>", id="JC-21-S no JSON"),
        pytest.param(200, b'{"keys":[]}', id="JC-22-S an empty set"),
        pytest.param(302, None, id="JC-24-S a redirect"),
        pytest.param(200, b" " * 2_000_000 + b"{}", id="JC-25-S two megabytes"),
        pytest.param(500, None, id="JC-05-S an error"),
    ],
)
def test_a_useless_answer_takes_nothing_away(fleet, issuer, shared, status, body):
    fleet.start(2)
    good = issuer.token()
    assert fleet.statuses(good) == [200, 200]
    issuer.status, issuer.body = status, body
    fleet.pass_time(LIFETIME - 1)
    assert fleet.statuses(good) == [200, 200]
    issuer.await_count(2)
    fleet.settle()
    # One attempt and a pause for all, and nothing for others to read.
    assert issuer.count() == 2
    assert shared.server.execute(f"SELECT version FROM {RECORDS}") == [(1,)]


@pytest.mark.parametrize(
    ("max_age", "lifetime"),
    [
        pytest.param(1, 300, id="JC-31-S below the least"),
        pytest.param(1200, 1200, id="JC-31-S between"),
        pytest.param(10**6, 3600, id="JC-31-S above the most"),
    ],
)
def test_the_lifetime_is_the_same_for_who_did_not_fetch(
    fleet, issuer, max_age, lifetime
):
    fetched, read = fleet.start(2)
    issuer.max_age = max_age
    good = issuer.token()
    assert fetched.status(good) == 200
    fleet.settle()
    assert read.status(good) == 200
    fleet.pass_time(lifetime * 0.7)
    assert read.status(good) == 200
    fleet.settle()
    assert issuer.count() == 1
    fleet.pass_time(lifetime * 0.29)
    assert read.status(good) == 200
    issuer.await_count(2)


def test_di_13_a_failed_discovery_is_one_attempt_and_no_success(fleet, issuer):
    fleet.start(2)
    issuer.metadata_status = 500
    good = issuer.token()
    assert fleet.statuses(*[good] * 5, at_once=True) == [503] * 10
    assert issuer.count(METADATA) == 1
    assert issuer.count() == 0
    issuer.metadata_status = 200
    fleet.pass_time(80)
    assert fleet.statuses(good) == [200, 200]


def test_mi_06_keys_in_settings_beside_discovered_ones(fleet, issuer):
    key = SigningKey()
    static = {"ISSUER": "https://static.test", "JWKS": {"keys": [key.public_jwk()]}}
    fleet.start(2, others={"static": static})
    token = issuer.token(key, iss="https://static.test")
    assert fleet.statuses(token) == [200, 200]
    assert issuer.count(METADATA) == issuer.count() == 0
    assert fleet.statuses(issuer.token()) == [200, 200]
    # MI-03: neither signs for the other.
    assert fleet.statuses(issuer.token(key)) == [401, 401]
    stranger = issuer.token(iss="https://static.test")
    assert fleet.statuses(stranger) == [401, 401]


@pytest.mark.parametrize("header", ["exp", "aud", "iss"])
def test_jc_13_s_garbage_asks_nobody(fleet, issuer, header):
    """A token that is worthless anyway, of a key nobody knows."""
    fleet.start(2)
    assert fleet.statuses(issuer.token()) == [200, 200]
    worthless = {"exp": 1, "aud": "other", "iss": "https://evil.test"}[header]
    token = issuer.token(SigningKey(), **{header: worthless})
    assert fleet.statuses(token) == [401, 401]
    assert issuer.count() == 1


def test_jc_15_s_a_key_id_used_again_is_seen_with_the_next_set(fleet, issuer):
    """Same kid, other key: refused without a fetch, accepted once it is due."""
    fleet.start(2)
    old = issuer.keys[0]
    assert fleet.statuses(issuer.token()) == [200, 200]
    new = SigningKey(key_id=old.key_id)
    issuer.keys = [new]
    assert fleet.statuses(issuer.token(new)) == [401, 401]
    assert issuer.count() == 1
    fleet.pass_time(LIFETIME - 1)
    fleet.statuses(issuer.token(new))
    issuer.await_count(2)
    fleet.settle()
    fleet.pass_time(16)
    fleet.statuses(issuer.token(new))
    fleet.settle()
    assert fleet.statuses(issuer.token(new)) == [200, 200]
    assert fleet.statuses(issuer.token(old)) == [401, 401]
