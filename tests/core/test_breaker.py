"""A dead endpoint is cheap for requests, a flood of tokens cheap for the endpoint."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.breaker import Breaker, FloodGuard, QuestionRefused
from django_oidc_rs.core.errors import IntrospectionUnavailable

from .builders import NOW


def refused(breaker, now):
    with pytest.raises(IntrospectionUnavailable) as caught:
        breaker.admit(now)
    return caught.value.retry_after


def opened(failures=1, now=NOW, jitter=0.0):
    """Return a breaker after so many failures in a row, and when it tries again."""
    breaker = Breaker(jitter=lambda: jitter)
    for _ in range(failures):
        now += breaker.failed(breaker.admit(now), now)
    return breaker, now


def test_a_closed_breaker_lets_everybody_through():
    breaker = Breaker(jitter=lambda: 0.0)
    for _ in range(100):
        breaker.admit(NOW)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)]
)
@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_after_failures_in_a_row_nobody_asks_for_a_while(failures, seconds, jitter):
    breaker = Breaker(jitter=lambda: jitter)
    now = float(NOW)
    for _ in range(failures):
        ticket = breaker.admit(now)
        at = now
        now += breaker.failed(ticket, now)
    pause = seconds * (1 + 0.2 * jitter)
    assert now - at == pytest.approx(pause)
    assert refused(breaker, at) == round(pause)
    assert refused(breaker, now - 0.01) == 1
    breaker.admit(now + 0.01)


@pytest.mark.parametrize(
    ("pause", "seconds"), [(0, 1), (30, 30), (72, 72), (3600, 72), (-5, 1)]
)
def test_the_endpoint_may_ask_for_a_longer_pause_within_limits(pause, seconds):
    breaker = Breaker(jitter=lambda: 0.0)
    assert breaker.failed(breaker.admit(NOW), NOW, pause=pause) == seconds


def test_one_request_at_a_time_tries_again():
    breaker, now = opened()
    breaker.admit(now)
    for _ in range(50):
        assert refused(breaker, now) == 1
    breaker.succeeded()
    for _ in range(50):
        breaker.admit(now)


def test_a_probe_that_never_reports_back_is_not_the_last_one():
    breaker, now = opened()
    breaker.admit(now)
    assert refused(breaker, now + 9.9) == 1
    breaker.admit(now + 10)


def test_a_failed_probe_leaves_room_for_the_next():
    breaker, now = opened()
    assert breaker.failed(breaker.admit(now), now) == 2
    assert refused(breaker, now + 1.9) == 1
    breaker.admit(now + 2)


def test_fifty_requests_that_waited_together_are_one_failure():
    breaker = Breaker(jitter=lambda: 0.0)
    tickets = [breaker.admit(NOW) for _ in range(50)]
    assert [breaker.failed(ticket, NOW) for ticket in tickets] == [1] * 50
    breaker.admit(NOW + 1)


def test_two_probes_that_fail_together_are_one_failure():
    breaker, now = opened()
    probes = [breaker.admit(now), breaker.admit(now + 10)]
    assert [breaker.failed(probe, now + 10) for probe in probes] == [2, 2]


def test_what_was_asked_before_the_outage_opens_nothing_after_it():
    breaker = Breaker(jitter=lambda: 0.0)
    late = breaker.admit(NOW)
    breaker.failed(breaker.admit(NOW), NOW)
    breaker.admit(NOW + 1)
    breaker.succeeded()
    breaker.failed(late, NOW + 2)
    for _ in range(2):
        breaker.admit(NOW + 2)


def test_what_was_asked_before_the_recovery_opens_nothing():
    breaker, now = opened()
    late = breaker.admit(now)
    breaker.admit(now + 10)
    breaker.succeeded()
    assert breaker.failed(late, now + 11) == 1
    for _ in range(2):
        breaker.admit(now + 11)


def test_a_success_begins_the_count_anew():
    breaker, now = opened(5)
    breaker.admit(now)
    breaker.succeeded()
    assert breaker.failed(breaker.admit(now), now) == 1


# The flood guard.


def unknown():
    return None


def active():
    return {"sub": "alice"}


def stopped(guard, digest="other", now=NOW):
    """Whether ``guard`` says no, and asks nothing then."""
    questions = []
    try:
        guard.count(digest, now, lambda: questions.append(digest))
    except IntrospectionUnavailable:
        return not questions
    return False


def spend(guard, number=200, now=NOW):
    for index in range(number):
        assert guard.count(f"bad{index}", now, unknown) is None


def test_inactive_tokens_cost_and_come_back_at_fifty_a_second():
    guard = FloodGuard()
    spend(guard)
    assert stopped(guard)
    assert not stopped(guard, now=NOW + 0.03125)
    assert stopped(guard, now=NOW + 0.03125)
    # Never more than there were, however long nobody came.
    spend(guard, now=NOW + 3600)
    assert stopped(guard, now=NOW + 3600)


def test_an_empty_budget_says_so():
    guard = FloodGuard()
    spend(guard)
    with pytest.raises(IntrospectionUnavailable) as caught:
        guard.count("other", NOW, unknown)
    assert caught.value.detail == "too many tokens that are not active"
    assert caught.value.retry_after == 1


def test_a_clock_that_runs_backwards_gives_nothing_back():
    guard = FloodGuard()
    spend(guard)
    assert stopped(guard, now=NOW - 3600)
    # And takes nothing away.
    assert not stopped(guard, now=NOW - 3599)


def test_active_tokens_cost_nothing():
    guard = FloodGuard()
    for index in range(300):
        assert guard.count(f"good{index}", NOW, active) == active()
    spend(guard, 199)
    # Nor do they give anything back.
    guard.count("new", NOW, active)
    spend(guard, 1)
    assert stopped(guard)


def test_who_was_active_lately_goes_on_in_a_flood():
    guard = FloodGuard()
    guard.count("good", NOW, active)
    spend(guard)
    assert guard.count("good", NOW, active) == active()
    # Then it is revoked: the next question costs as any other.
    assert guard.count("good", NOW, unknown) is None
    assert stopped(guard, "good")


def test_only_so_many_active_tokens_are_remembered():
    guard = FloodGuard()
    for index in range(4097):
        guard.count(f"good{index}", NOW, active)
    # Asked again, and so younger than the next.
    guard.count("good1", NOW, active)
    guard.count("one-more", NOW, active)
    spend(guard)
    assert [stopped(guard, f"good{index}") for index in (0, 2)] == [True, True]
    assert guard.count("good1", NOW, active) == active()


@pytest.mark.parametrize(
    "error", [IntrospectionUnavailable("down", retry_after=1), KeyboardInterrupt()]
)
def test_a_question_nobody_answered_is_given_back(error):
    guard = FloodGuard()

    def fail():
        raise error

    for _ in range(300):
        with pytest.raises(type(error)):
            guard.count("bad", NOW, fail)
    spend(guard)


def test_a_question_the_issuer_refuses_costs():
    # No breaker opens for it: free, it would be a flood without limits.
    guard = FloodGuard()

    def refuse():
        raise QuestionRefused("HTTP 400", retry_after=1)

    for _ in range(200):
        with pytest.raises(QuestionRefused):
            guard.count("bad", NOW, refuse)
    assert stopped(guard)
