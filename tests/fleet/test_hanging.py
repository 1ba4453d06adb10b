"""A store that hangs: a locked table, a Redis that pauses. Limits are the real ones."""

from __future__ import annotations

import time

import pytest

from django_oidc_rs.testing.signing import SigningKey

LIFETIME = 600
SOON = 0.9
"""Seconds: less than a look at the store may take, so nobody waited for one."""
FIRST = 5.0
"""Seconds: the store is given up on, and the keys are fetched."""


def only(name):
    """Try one store, where the others could not make a difference."""
    return pytest.mark.parametrize("shared", [name], indirect=True)


def warmed(fleet, issuer):
    (process,) = fleet.start(1, patient=False)
    token = issuer.token()
    # Once more where this machine was so busy that the store seemed to hang.
    while process.status(token) != 200:
        process.do("pass_time", seconds=2)
    process.do("settle")
    return process, token


def until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@only("mariadb")
def test_ss_03_known_keys_serve_and_nobody_waits(fleet, issuer, shared):
    process, token = warmed(fleet, issuer)
    with shared.hung():
        # The next look at the store is due, and hangs.
        process.do("pass_time", seconds=16)
        answers = process.ask(*[token] * 10)
        assert [answer["status"] for answer in answers] == [200] * 10
        assert max(answer["took"] for answer in answers) < SOON


def test_ss_04_the_first_wait_has_a_bound(fleet, issuer, shared):
    (process,) = fleet.start(1, patient=False)
    token = issuer.token()
    with shared.hung():
        first, second = process.ask(token, token)
        assert first["status"] == 200
        assert first["took"] < FIRST
        assert second["status"] == 200
        assert second["took"] < SOON
        assert issuer.count() == 1
    process.do("settle")
    assert process.status(token) == 200


def test_ss_03_jc_23_a_removed_key_is_gone_all_the_same(fleet, issuer, shared):
    """A lifetime passes; what the issuer says counts, not what cannot be read."""
    process, withdrawn = warmed(fleet, issuer)
    new = SigningKey()
    issuer.keys = [new]
    with shared.hung():
        process.do("pass_time", seconds=LIFETIME - 1)
        process.ask(withdrawn)
        issuer.await_count(2, seconds=FIRST)
        until(lambda: process.status(withdrawn) == 401, FIRST)
        (answer,) = process.ask(issuer.token(new))
        assert answer["status"] == 200
        assert answer["took"] < SOON


@only("postgresql")
def test_ss_04_jc_11_a_flood_is_two_fetches_of_this_process(fleet, issuer, shared):
    """Where the fleet cannot be asked, the limits of the process apply."""
    process, good = warmed(fleet, issuer)
    before = issuer.count()
    with shared.hung():
        process.do("pass_time", seconds=2)
        statuses = [a["status"] for a in process.ask(*issuer.forgeries(20))]
        assert set(statuses) <= {401, 503}
        assert issuer.count() - before <= 2
        (answer,) = process.ask(good)
        assert answer["status"] == 200
        assert answer["took"] < SOON


@only("mariadb")
def test_ss_04_what_could_not_be_stored_is_stored_later(fleet, issuer, shared):
    first, second = fleet.start(2, patient=False)
    with shared.hung():
        assert first.status(issuer.token()) == 200
    first.do("settle")
    first.do("pass_time", seconds=LIFETIME - 1)
    assert first.status(issuer.token()) == 200
    issuer.await_count(2)
    first.do("settle")
    assert second.status(issuer.token()) == 200
    assert issuer.count() <= 3
