"""What an issuer stumbles over once says little: it opens no breaker by itself."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.breaker import Breaker, RecentlyActive
from django_oidc_rs.core.errors import IntrospectionUnavailable


def down():
    """Return a breaker that is due for a probe at 2.0, after a failure at 0.0."""
    breaker = Breaker(jitter=lambda: 0)
    breaker.failed(breaker.admit(0), 0)
    return breaker


def test_a_probe_that_says_little_leaves_the_next_one_to_others():
    breaker = down()
    ticket = breaker.admit(2)
    with pytest.raises(IntrospectionUnavailable):
        breaker.admit(2)
    breaker.undecided(ticket)
    assert breaker.admit(2) == ticket


def test_a_late_answer_of_before_ends_nobodys_probe():
    breaker = Breaker(jitter=lambda: 0)
    late = breaker.admit(0)
    breaker.failed(breaker.admit(0), 0)
    breaker.admit(2)
    breaker.undecided(late)
    with pytest.raises(IntrospectionUnavailable):
        breaker.admit(2)


def shut(breaker, now):
    """Whether even a token that was active before is refused."""
    try:
        breaker.admit(now, known=True)
    except IntrospectionUnavailable:
        return True
    return False


def test_tokens_that_were_active_go_on_until_one_of_them_fails():
    breaker = Breaker(jitter=lambda: 0)
    breaker.failed(breaker.admit(0), 0, known=False)
    with pytest.raises(IntrospectionUnavailable):
        breaker.admit(0)
    assert not shut(breaker, 0)
    breaker.failed(breaker.admit(0, known=True), 0, known=True)
    assert shut(breaker, 0)
    # What else fails takes nothing of that back; only an answer does.
    breaker.failed(breaker.admit(9), 9, known=False)
    assert shut(breaker, 9)
    breaker.succeeded()
    breaker.failed(breaker.admit(9), 9, known=False)
    assert not shut(breaker, 9)


def test_a_failure_of_which_nothing_is_said_shuts_everybody_out():
    assert shut(down(), 0)


def test_the_memory_of_active_tokens_is_bounded():
    active = RecentlyActive()
    for number in range(5000):
        active.add(str(number))
        active.add("in use")
    assert len(active) == 4096
    assert "in use" in active
    assert "0" not in active
    active.discard("in use")
    active.discard("never there")
    assert "in use" not in active
