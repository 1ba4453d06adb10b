"""This process's own limits, and those of the fleet behind them."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.issuers import KeyPolicy
from django_oidc_rs.core.keys.fleet import LEASE, Verdict
from django_oidc_rs.core.keys.gate import ClosedGate, FleetGate

from .fakes import ISSUER, Store, make_policy


@pytest.fixture
def store(clock):
    return Store(clock)


@pytest.fixture
def gates(store):
    """Two processes on one store."""
    return [FleetGate(make_policy(), store=store, jitter=lambda: 0) for _ in range(2)]


@pytest.fixture
def gate(gates):
    return gates[0]


def ask(gate, clock, *, unknown_key=False):
    return gate.admit(clock.monotonic(), unknown_key=unknown_key)


def is_open(gate, clock, *, unknown_key=False):
    return gate.is_open(clock.monotonic(), unknown_key=unknown_key)


def test_one_at_a_time(gates, clock):
    one, two = gates
    assert ask(one, clock) is Verdict.GRANTED
    assert ask(two, clock) is Verdict.LEASED
    one.succeeded()
    assert ask(two, clock) is Verdict.GRANTED


def test_a_holder_that_was_killed_holds_nobody_up_for_long(gates, clock):
    one, two = gates
    ask(one, clock)
    clock.advance(LEASE)
    assert ask(two, clock) is Verdict.GRANTED


def test_who_stands_back_does_so_for_a_second(gate, clock):
    gate.stand_back(clock.monotonic())
    assert not is_open(gate, clock)
    assert is_open(gate, clock, unknown_key=True)
    assert gate.not_before == clock.monotonic() + 1
    clock.advance(1)
    assert is_open(gate, clock)


def test_a_failure_is_known_to_both(gates, clock):
    one, two = gates
    ask(one, clock)
    one.failed(clock.monotonic(), "tls")
    assert (one.failing, one.last_error) == (True, "tls")
    assert not two.failing
    assert ask(two, clock) is Verdict.BACKING_OFF
    assert (two.failing, two.last_error) == (True, "tls")
    assert one.not_before == two.not_before == clock.monotonic() + 1
    assert two.is_outage(clock.monotonic())


def test_the_second_failure_counts_on_from_the_first_in_another_process(gates, clock):
    one, two = gates
    ask(one, clock)
    one.failed(clock.monotonic(), "tls")
    clock.advance(1)
    assert ask(two, clock) is Verdict.GRANTED
    assert (two.failing, two.last_error) == (True, "tls")
    two.failed(clock.monotonic(), "timeout")
    assert two.not_before == clock.monotonic() + 2


def test_a_success_forgets_failures_everywhere(gates, clock):
    one, two = gates
    ask(one, clock)
    one.failed(clock.monotonic(), "tls")
    clock.advance(1)
    ask(two, clock)
    two.succeeded()
    assert (two.failing, two.last_error) == (False, "")
    assert ask(one, clock) is Verdict.GRANTED
    one.recovered()
    assert not one.failing


def test_the_budget_is_that_of_both_and_is_remembered(gates, store, clock):
    one, two = gates
    for gate in (one, two):
        assert ask(gate, clock, unknown_key=True) is Verdict.GRANTED
        gate.succeeded()
    assert is_open(one, clock, unknown_key=True)
    assert ask(one, clock, unknown_key=True) is Verdict.EXHAUSTED
    store.break_down()
    for _ in range(1000):
        assert not is_open(one, clock, unknown_key=True)
    assert is_open(one, clock)
    clock.advance(30)
    assert is_open(one, clock, unknown_key=True)


def test_ss_04_without_a_store_the_limits_of_the_process_apply(gate, store, clock):
    store.break_down()
    for _ in range(2):
        assert is_open(gate, clock, unknown_key=True)
        assert ask(gate, clock, unknown_key=True) is Verdict.GRANTED
        gate.succeeded()
    assert not is_open(gate, clock, unknown_key=True)
    assert ask(gate, clock) is Verdict.GRANTED
    gate.failed(clock.monotonic(), "tls")
    assert gate.not_before == clock.monotonic() + 1
    gate.failed(clock.monotonic(), "tls")
    assert gate.not_before == clock.monotonic() + 2


def test_a_store_that_breaks_during_the_fetch_changes_nothing(gate, store, clock):
    ask(gate, clock)
    store.break_down()
    gate.succeeded()
    assert not gate.failing


def test_what_was_settled_is_settled(gates, clock):
    """A crash after the end of a fetch takes nothing from who fetches now."""
    one, two = gates
    ask(one, clock)
    one.succeeded()
    ask(two, clock)
    one.failed(clock.monotonic(), "unexpected")
    assert ask(one, clock) is Verdict.LEASED


def test_keys_by_command_are_never_fetched(clock):
    gate = ClosedGate()
    now = clock.monotonic()
    assert not gate.is_open(now, unknown_key=False)
    assert not gate.is_open(now, unknown_key=True)
    assert gate.admit(now, unknown_key=True) is Verdict.BACKING_OFF
    gate.stand_back(now)
    gate.failed(now, "x")
    gate.recovered()
    gate.succeeded()
    assert (gate.failing, gate.last_error) == (False, "")
    assert gate.is_outage(now)


def test_the_cooldown_is_the_policys(store, clock):
    policy = make_policy(keys=KeyPolicy(cooldown=5))
    gate = FleetGate(policy, store=store, jitter=lambda: 0)
    for _ in range(2):
        ask(gate, clock, unknown_key=True)
        gate.succeeded()
    assert ask(gate, clock, unknown_key=True) is Verdict.EXHAUSTED
    clock.advance(5)
    assert ask(gate, clock, unknown_key=True) is Verdict.GRANTED
    assert store.admit(ISSUER, holder="x", cooldown=5).verdict is Verdict.LEASED
