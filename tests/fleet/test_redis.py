"""What is Redis's own: signed entries, a flush, and the database behind it."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.keys.fleet import LEASE
from django_oidc_rs.testing.signing import SigningKey

LIFETIME = 600

pytestmark = pytest.mark.parametrize("shared", ["redis"], indirect=True)


def edited(values):
    return values | {"lifetime": 3600.0}


@pytest.mark.parametrize(
    "signed",
    [{"key": "another"}, {"salt": "another"}],
    ids=["by somebody else", "for something else"],
)
def test_ss_07_a_poisoned_entry_is_fetched_again(fleet, issuer, shared, signed):
    """Whoever can write to the Redis plants no key and keeps none alive."""
    first, second = fleet.start(2)
    token = issuer.token()
    assert first.status(token) == 200
    fleet.settle()
    evil = SigningKey(key_id=issuer.keys[0].key_id)
    shared.edit_record(
        issuer.url,
        lambda values: (
            values
            | {"jwks": '{"keys":[' + str(evil.public_jwk()).replace("'", '"') + "]}"}
        ),
        **signed,
    )
    assert second.status(issuer.token(evil)) == 401
    assert second.status(token) == 200
    assert issuer.count() == 2


@pytest.mark.parametrize("text", ["", "{", "a:b:c", "\x00" * 99])
def test_ss_08_an_unparsable_entry_is_fetched_again(fleet, issuer, shared, text):
    first, second = fleet.start(2)
    token = issuer.token()
    assert first.status(token) == 200
    fleet.settle()
    shared.cache.set(shared.name(issuer.url, "record"), text, None)
    assert second.status(token) == 200
    fleet.settle()
    assert issuer.count() == 2
    assert fleet.start(1)[-1].status(token) == 200
    assert issuer.count() == 2


def test_ss_05_a_flushed_redis_and_an_issuer_that_is_down(fleet, issuer, shared):
    """What ``sync_oidc_keys`` left in the database serves."""
    (process,) = fleet.start(1)
    process.do("sync")
    shared.clear()
    issuer.status = 503
    fresh = fleet.start(1)[-1]
    assert fresh.status(issuer.token()) == 200


def test_ss_05_a_flushed_redis_is_filled_again(fleet, issuer, shared):
    fleet.start(2)
    token = issuer.token()
    assert fleet.statuses(token) == [200, 200]
    fleet.settle()
    shared.clear()
    fleet.pass_time(LIFETIME - 1)
    assert fleet.statuses(token) == [200, 200]
    issuer.await_count(2)
    fleet.settle()
    # At most one for each process that knew keys before.
    filled = issuer.count()
    assert filled <= 3
    assert fleet.start(1)[-1].status(token) == 200
    assert issuer.count() == filled


def test_a_lease_ends_by_the_servers_clock(fleet, issuer, shared):
    (process,) = fleet.start(1)
    with issuer.held():
        process.send("ask", tokens=[issuer.token()])
        issuer.await_count(1)
        left = shared.client.pttl(f":1:{shared.name(issuer.url, 'lease')}")
        assert 0 < left <= LEASE * 1000
    assert process.receive()[0]["status"] == 200
    fleet.settle()
    assert not shared.holder(issuer.url)
