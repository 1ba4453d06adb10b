"""The unknown-``kid`` budget and the failure backoff."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.keys.limits import Backoff, Budget


def test_two_fetches_in_any_cooldown():
    budget = Budget(cooldown=30)
    assert budget.available(0)
    budget.spend(0)
    assert budget.available(10)
    budget.spend(10)
    assert not budget.available(10)
    assert not budget.available(29.9)
    assert budget.available(30)
    budget.spend(30)
    assert not budget.available(39.9)
    assert budget.available(40)


def test_the_pause_doubles_up_to_a_minute():
    backoff = Backoff(jitter=lambda: 0)
    pauses = []
    for _ in range(9):
        backoff.failed(100)
        pauses.append(backoff.not_before - 100)
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 1.0), (1.0, 1.2)])
def test_the_pause_is_longer_by_a_fifth_at_most(jitter, pause):
    backoff = Backoff(jitter=lambda: jitter)
    backoff.failed(0)
    assert backoff.not_before == pytest.approx(pause)


def test_a_years_outage_overflows_nothing():
    backoff = Backoff(jitter=lambda: 1.0)
    for _ in range(5000):
        backoff.failed(0)
    assert backoff.not_before == pytest.approx(72)


def test_a_success_forgets_all_failures():
    backoff = Backoff(jitter=lambda: 0)
    assert not backoff.failing
    backoff.failed(0)
    backoff.failed(0)
    assert backoff.failing
    backoff.succeeded()
    assert not backoff.failing
    assert backoff.not_before < 0
    backoff.failed(0)
    assert backoff.not_before == pytest.approx(1)


def test_an_old_failure_says_nothing_of_now():
    backoff = Backoff(jitter=lambda: 0)
    assert not backoff.is_outage(0)
    backoff.failed(0)
    assert backoff.is_outage(0)
    assert backoff.is_outage(60.9)
    assert not backoff.is_outage(61)


def test_what_others_have_spent_is_remembered():
    budget = Budget(cooldown=30)
    budget.exhausted(until=7)
    assert not budget.available(6.9)
    assert budget.available(7)


def test_what_others_have_met_is_taken_over():
    backoff = Backoff(jitter=lambda: 0)
    backoff.adopt(failures=3, until=50)
    assert backoff.failing
    assert backoff.not_before == 50
    backoff.failed(50)
    assert backoff.not_before == 50 + 8
