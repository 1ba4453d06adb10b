"""What the fleet agrees on: pure functions of a state and the store's clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_oidc_rs.core.keys.fleet import (
    LEASE,
    Admission,
    FleetState,
    Outcome,
    Verdict,
    admit,
    settle,
)

NOW = 1_800_000_000.0
EMPTY = FleetState()


def ask(state, now=NOW, *, holder="one", cooldown=None):
    return admit(state, now, holder=holder, cooldown=cooldown)


def test_the_first_who_asks_may_fetch():
    state, answer = ask(EMPTY)
    assert answer == Admission(Verdict.GRANTED)
    assert (state.holder, state.lease_until) == ("one", NOW + LEASE)


@pytest.mark.parametrize("holder", ["one", "two"])
def test_nobody_else_may_until_the_lease_ends(holder):
    state, _ = ask(EMPTY)
    after, answer = ask(state, NOW + 4, holder=holder)
    assert (after, answer) == (state, Admission(Verdict.LEASED, LEASE - 4))
    after, answer = ask(state, NOW + LEASE, holder=holder)
    assert answer.verdict is Verdict.GRANTED
    assert after.holder == holder


def test_a_success_ends_lease_and_failures():
    state = replace(ask(EMPTY)[0], failures=4, error="tls", spent=(NOW,))
    assert settle(state, NOW, holder="one", outcome=Outcome()) == FleetState(
        spent=(NOW,)
    )


def test_a_failure_ends_the_lease_and_makes_all_wait():
    state = settle(
        ask(EMPTY)[0], NOW, holder="one", outcome=Outcome(error="tls", jitter=0.5)
    )
    assert state.failures == 1
    after, answer = ask(state, NOW + 0.1, holder="two")
    assert after == state
    assert answer.verdict is Verdict.BACKING_OFF
    assert answer.pause == pytest.approx(1.0)
    assert (answer.failures, answer.error) == (1, "tls")
    assert ask(state, NOW + 1.1)[1] == Admission(Verdict.GRANTED, 0, 1, "tls")


def test_the_pauses_double():
    state, pauses = EMPTY, []
    for _ in range(8):
        state, _ = ask(replace(state, lease_until=0, not_before=0))
        state = settle(state, NOW, holder="one", outcome=Outcome(error="x"))
        pauses.append(state.not_before - NOW)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_who_does_not_hold_the_lease_says_how_the_issuer_does():
    """Or fetches that take longer than a lease would never count as failures."""
    state, _ = ask(EMPTY, holder="slow")
    state, _ = ask(state, NOW + LEASE, holder="quick")
    now = NOW + LEASE
    assert settle(state, now, holder="slow", outcome=Outcome()) == state
    failing = replace(state, failures=3, error="tls", not_before=now + 4)
    assert settle(failing, now, holder="", outcome=Outcome()) == state
    after = settle(state, now, holder="slow", outcome=Outcome(error="timeout"))
    assert after == replace(state, failures=1, error="timeout", not_before=now + 1)
    assert ask(after, now)[1].verdict is Verdict.LEASED
    assert settle(after, now, holder="quick", outcome=Outcome()) == EMPTY


def test_two_fetches_for_unknown_keys_in_any_cooldown():
    state, verdicts = EMPTY, []
    for second in range(0, 90, 5):
        state, answer = ask(state, NOW + second, cooldown=30)
        if answer.verdict is Verdict.GRANTED:
            state = settle(state, NOW + second, holder="one", outcome=Outcome())
        verdicts.append(answer.verdict is Verdict.GRANTED)
    granted = [second * 5 for second, verdict in enumerate(verdicts) if verdict]
    assert granted == [0, 5, 30, 35, 60, 65]


def test_an_exhausted_budget_tells_how_long():
    state = FleetState(spent=(NOW - 20, NOW - 10))
    after, answer = ask(state, cooldown=30)
    assert (after, answer) == (state, Admission(Verdict.EXHAUSTED, 10))


def test_jc_10_the_budget_stops_no_routine_fetch():
    state, answer = ask(FleetState(spent=(NOW, NOW)))
    assert answer.verdict is Verdict.GRANTED
    assert state.spent == (NOW, NOW)


@pytest.mark.parametrize(
    "state",
    [
        FleetState(holder="x", lease_until=NOW + LEASE + 6),
        FleetState(failures=1, not_before=NOW + 72 + 6),
        FleetState(spent=(NOW + 6, NOW + 7)),
    ],
    ids=["lease", "pause", "budget"],
)
def test_ss_09_a_clock_that_jumped_back_blocks_nobody(state):
    assert ask(state, cooldown=30)[1].verdict is Verdict.GRANTED


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (FleetState(holder="x", lease_until=NOW + LEASE + 1), Verdict.LEASED),
        (FleetState(failures=1, not_before=NOW + 73), Verdict.BACKING_OFF),
        (FleetState(spent=(NOW + 1, NOW + 2)), Verdict.EXHAUSTED),
    ],
    ids=["lease", "pause", "budget"],
)
def test_a_statement_that_began_before_what_it_reads_is_no_jump(state, verdict):
    """A slow statement of one process sees what another wrote after it began."""
    assert ask(state, cooldown=30)[1].verdict is verdict


def test_a_year_of_failures_overflows_nothing():
    state = FleetState(holder="one", failures=10**6)
    after = settle(state, NOW, holder="one", outcome=Outcome(error="x", jitter=1))
    assert (after.failures, after.not_before) == (1000, NOW + 72)


def test_a_state_survives_the_store():
    state = FleetState(
        holder="x",
        lease_until=1.5,
        spent=(1.0, 2.0),
        failures=3,
        error="tls",
        not_before=9.0,
    )
    assert FleetState.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        EMPTY.to_json().replace("0", '"x"'),
        EMPTY.to_json().replace('"failures":0', '"failures":1e999'),
        EMPTY.to_json().replace('"spent":[]', '"spent":5'),
    ],
)
def test_ss_08_an_edited_state_counts_as_none(text):
    assert FleetState.from_json(text) == EMPTY
