"""The refresh policy, row by row. The IDs are those of the table of cases."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import replace

import pytest

from django_oidc_rs.core.errors import KeysUnavailable
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.core.issuers import KeyPolicy
from django_oidc_rs.core.keys import KeysPending, Outcome, StoreError, Verdict, ring
from django_oidc_rs.core.keys.fleet import LEASE

from .fakes import (
    ISSUER,
    JWKS_URI,
    Hand,
    Network,
    Process,
    Shifted,
    Store,
    Threads,
    in_thread,
    jwks,
    make_policy,
    until,
)

LIFETIME = 600.0
AHEAD = 480.0
STALE = 86400.0


@pytest.fixture
def network():
    return Network("a")


@pytest.fixture
def process(network, clock):
    return Process(network, clock=clock)


@pytest.fixture
def no_wait_ends(monkeypatch):
    """Who waits goes on when told to, or the test does not end."""
    monkeypatch.setattr(ring, "_WAIT_FOR_KEY", 1e6)
    monkeypatch.setattr(ring, "_WAIT_FOR_FIRST", 1e6)
    monkeypatch.setattr(ring, "_WAIT_WHEN_IDLE", 1e6)


def stored_by(process: Process):
    """What the process published."""
    return process.store.load(ISSUER)


def unavailable(call) -> int:
    """Assert that nobody can tell now; return after how many seconds to ask again."""
    with pytest.raises(KeysUnavailable) as caught:
        call()
    return caught.value.retry_after


class TestLifetime:
    def test_ks_02_a_cold_process_fetches_once(self, process, network):
        assert process.names() == ["a"]
        assert network.hits == 1
        assert process.reports == [None]

    def test_ks_01_a_known_key_costs_nothing(self, process, network, clock):
        process.names()
        loads = process.store.loads
        for _ in range(100):
            assert process.find("a")
        clock.advance(14.9)
        assert process.names() == ["a"]
        assert (network.hits, process.store.loads) == (1, loads)

    @pytest.mark.parametrize(("jitter", "seconds"), [(0, 432), (0.5, 480), (1, 528)])
    def test_jc_04_a_refresh_ahead_makes_nobody_wait(
        self, network, clock, jitter, seconds
    ):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=spawn, jitter=jitter)
        with pytest.raises(KeysPending):
            process.names(wait=False)
        spawn.run()
        clock.advance(seconds - 0.1)
        process.names()
        spawn.run()
        assert network.hits == 1
        clock.advance(0.2)
        network.serve("b")
        for _ in range(20):
            assert process.names() == ["a"]
        assert len(spawn.waiting) == 1
        assert network.hits == 1
        spawn.run()
        assert process.names() == ["b"]
        assert network.hits == 2

    def test_jc_03_after_an_idle_lifetime_one_fetch_and_the_new_set(
        self, process, network, clock
    ):
        process.names()
        network.serve("b")
        clock.advance(LIFETIME)
        assert process.names() == ["b"]
        assert process.names() == ["b"]
        assert network.hits == 2

    def test_a130_an_idle_process_does_not_serve_a_withdrawn_key(self, network, clock):
        process = Process(network, clock=clock, spawn=in_thread)
        process.names()
        network.serve("b")
        clock.advance(LIFETIME)
        assert process.names() == ["b"]

    def test_jc_31_the_answer_sets_the_lifetime(self, process, network, clock):
        network.headers = {"cache-control": "max-age=3600"}
        process.names()
        clock.advance(3600 * 0.8 - 0.1)
        process.names()
        assert network.hits == 1
        clock.advance(0.2)
        process.names()
        assert network.hits == 2

    def test_jc_31_no_store_is_no_fetch_per_request(self, process, network, clock):
        network.headers = {"cache-control": "no-store"}
        for _ in range(50):
            process.names()
        clock.advance(239)
        process.names()
        assert network.hits == 1

    def test_a_304_makes_the_set_fresh_again(self, process, network, clock):
        network.headers = {"etag": '"1"'}
        process.names()
        clock.advance(AHEAD)
        process.names()
        assert network.sent == [{}, {"If-None-Match": '"1"'}]

    def test_after_a_failure_the_fetch_is_not_conditional(
        self, process, network, clock
    ):
        network.headers = {"etag": '"1"'}
        process.names()
        network.fail()
        clock.advance(AHEAD)
        process.names()
        network.serve("a")
        clock.advance(2)
        process.names()
        assert network.sent[-1] == {}


class TestStaleness:
    def test_jc_05_a_failed_refresh_ahead_harms_nobody(self, process, network, clock):
        process.names()
        network.fail()
        clock.advance(AHEAD)
        asked = []
        for _ in range(60):
            assert process.names() == ["a"]
            asked.append(network.hits)
            clock.advance(1)
        # One at 0, then after 1.1, 2.2, 4.4, 8.8, 17.6 and not yet 35.2 more.
        assert [asked.index(hits) for hits in range(2, 8)] == [0, 2, 5, 10, 19, 37]
        assert network.hits == 7
        assert process.reports[1:] == ["timeout"] * 6

    def test_jc_16_known_keys_outlive_the_issuers_outage(self, process, network, clock):
        process.names()
        network.fail("status", 500)
        clock.advance(LIFETIME + STALE - 1)
        assert process.names() == ["a"]
        assert process.find("a")

    def test_jc_17_a131_and_die_in_the_end(self, process, network, clock):
        process.names()
        network.fail("status", 500)
        clock.advance(LIFETIME + STALE)
        assert unavailable(process.names) == 2
        assert unavailable(lambda: process.find("a")) == 2

    def test_jc_17_stale_serving_may_be_off(self, network, clock):
        policy = KeyPolicy(stale_if_error=0)
        process = Process(network, clock=clock, keys=policy)
        process.names()
        network.fail("status", 500)
        clock.advance(LIFETIME - 1)
        assert process.names() == ["a"]
        clock.advance(1)
        unavailable(process.names)
        network.serve("a")
        clock.advance(70)
        assert process.names() == ["a"]

    def test_during_an_outage_nobody_waits_for_stale_keys(self, network, clock):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=spawn)
        with pytest.raises(KeysPending):
            process.names(wait=False)
        spawn.run()
        network.fail()
        clock.advance(LIFETIME - 1)
        for _ in range(3):
            assert process.names(wait=False) == ["a"]
            spawn.run()
            clock.advance(5)
        # Stale for nine seconds now; the last failure is young enough to be believed.
        assert network.hits == 4
        for _ in range(3):
            assert process.names(wait=False) == ["a"]
        assert len(spawn.waiting) == 1

    def test_an_idle_process_asks_before_it_serves_stale_keys(self, network, clock):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=spawn)
        with pytest.raises(KeysPending):
            process.names(wait=False)
        spawn.run()
        clock.advance(LIFETIME)
        with pytest.raises(KeysPending):
            process.names(wait=False)
        spawn.run()
        assert process.names(wait=False) == ["a"]
        assert network.hits == 2

    def test_jc_29_and_serves_them_when_the_answer_is_late(self, network, clock):
        process = Process(network, clock=clock)
        process.names()
        clock.advance(LIFETIME)
        process.ring._runway._spawn = lambda work: clock.advance(2)
        assert process.names() == ["a"]
        assert network.hits == 1

    def test_the_hour_old_failure_of_an_idle_process_is_no_outage(
        self, process, network, clock
    ):
        process.names()
        network.fail()
        clock.advance(AHEAD)
        process.names()
        network.serve("b")
        clock.advance(3600)
        assert process.names() == ["b"]

    def test_jc_23_a_withdrawn_key_is_gone_at_once(self, process, network, clock):
        network.serve("a", "b")
        process.names()
        network.serve("b")
        clock.advance(AHEAD)
        process.names()
        assert process.names() == ["b"]
        assert not process.find("a")

    @pytest.mark.parametrize(
        "code", ["redirect", "too_large", "timeout", "tls", "content_type"]
    )
    def test_jc_24_25_a_failed_transfer_keeps_the_old_set(
        self, process, network, clock, code
    ):
        process.names()
        network.fail(code)
        clock.advance(AHEAD)
        process.names()
        assert process.reports == [None, code]
        assert process.names() == ["a"]
        assert stored_by(process).version == 1

    BODIES = {
        "no JSON": (b"<html>", "not_json"),
        "null": (b"null", "not_json"),
        "{}": (b"{}", "no_keys_array"),
        "keys null": (b'{"keys":null}', "no_keys_array"),
        "a null key": (b'{"keys":[null]}', "no_usable_key"),
        "JC-22 A127 empty": (b'{"keys":[]}', "no_usable_key"),
        "JC-22 none usable": (b'{"keys":[{"kty":"EC"}]}', "no_usable_key"),
    }

    @pytest.mark.parametrize(("body", "code"), BODIES.values(), ids=BODIES)
    def test_jc_21_a_useless_answer_is_a_failure(
        self, process, network, clock, body, code
    ):
        process.names()
        network.answer = body
        clock.advance(AHEAD)
        process.names()
        assert process.reports == [None, code]
        assert process.names() == ["a"]
        # A failure, so nobody can tell whether another key is good.
        unavailable(lambda: process.find("b"))


class TestColdStart:
    def test_jc_19_an_outage_is_not_hammered(self, process, network, clock):
        network.fail("connect")
        for _ in range(10):
            assert unavailable(process.names) == 2
        # One attempt and its immediate retry.
        assert network.hits == 2

    def test_the_pause_is_told(self, process, network, clock):
        network.fail()
        told = []
        for _ in range(8):
            told.append(unavailable(process.names))
            clock.advance(told[-1])
        assert told == [2, 3, 5, 9, 18, 36, 66, 66]
        assert network.hits == 8

    def test_the_pause_told_has_a_bound(self, network, clock):
        network.fail()
        process = Process(network, clock=clock, jitter=1.0)
        for _ in range(9):
            told = unavailable(process.names)
            clock.advance(72)
        assert told == 72

    def test_stored_keys_serve_while_the_issuer_is_down(self, process, network, clock):
        process.names()
        network.fail("connect")
        clock.advance(3600)
        second = Process(network, clock=clock, store=process.store)
        assert second.names() == ["a"]
        assert second.find("a")

    def test_stored_keys_past_use_do_not(self, process, network, clock):
        process.names()
        network.fail("connect")
        clock.advance(LIFETIME + STALE)
        second = Process(network, clock=clock, store=process.store)
        unavailable(second.names)

    def test_fresh_stored_keys_need_no_network(self, process, network, clock):
        process.names()
        clock.advance(AHEAD - 1)
        second = Process(network, clock=clock, store=process.store)
        assert second.names() == ["a"]
        assert network.hits == 1

    @pytest.mark.usefixtures("no_wait_ends")
    def test_stored_keys_to_be_refreshed_ahead_make_nobody_wait(
        self, process, network, clock
    ):
        process.names()
        clock.advance(AHEAD)
        release = threading.Event()
        network.answer = lambda: release.wait() and jwks("b")
        second = Process(network, clock=clock, store=process.store, spawn=in_thread)
        first = iter([lambda: until(second.is_awaited)])
        process.store.before_load = lambda: next(first, bool)()
        threads = Threads()
        threads.start(second.names)
        assert threads.join() == [["a"]]
        release.set()
        until(lambda: second.names() == ["b"])

    def test_keys_that_somebody_stores_during_the_pause_are_found(
        self, process, network, clock
    ):
        network.fail()
        for _ in range(5):
            unavailable(process.names)
            clock.advance(10)
        unavailable(process.names)
        other = Process(Network("a"), clock=clock)
        other.names()
        process.store.publish(stored_by(other), replacing=0)
        unavailable(process.names)
        clock.advance(1)
        assert process.names() == ["a"]

    def test_during_the_pause_the_store_is_read_once_a_second(
        self, process, network, clock
    ):
        network.fail()
        for _ in range(4):
            unavailable(process.names)
            clock.advance(16)
        unavailable(process.names)
        loads = process.store.loads
        for _ in range(40):
            unavailable(process.names)
            clock.advance(0.1)
        assert process.store.loads - loads == 3
        assert network.hits == 5

    def test_jc_29_a_late_answer_is_503(self, network, clock):
        process = Process(network, clock=clock, spawn=lambda work: clock.advance(6))
        assert unavailable(process.names) == 1

    def test_jc_29_a_late_answer_does_not_keep_stored_keys_from_serving(
        self, process, network, clock
    ):
        process.names()
        clock.advance(3600)

        def late():
            clock.advance(6)
            release.wait()
            return FetchError("timeout")

        release = threading.Event()
        network.answer = late
        second = Process(network, clock=clock, store=process.store, spawn=in_thread)
        assert second.names() == ["a"]
        release.set()
        until(lambda: second.ring._runway.flight is None)

    @pytest.mark.usefixtures("no_wait_ends")
    def test_an_issuer_that_is_down_holds_four_workers_at_most(self, network, clock):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=spawn)
        network.fail()
        threads = Threads()
        for _ in range(6):
            threads.start(process.names)
        until(
            lambda: (
                process.ring._runway.flight and process.ring._runway.flight.waiters == 6
            )
        )
        spawn.run()
        assert [type(error) for error in threads.join()] == [KeysUnavailable] * 6
        clock.advance(2)
        threads = Threads()
        for _ in range(4):
            threads.start(process.names)
        until(
            lambda: (
                process.ring._runway.flight and process.ring._runway.flight.waiters == 4
            )
        )
        fifth = Threads()
        fifth.start(process.names)
        (refused,) = fifth.join()
        assert refused.retry_after == 1
        network.serve("a")
        spawn.run()
        assert threads.join() == [["a"]] * 4


class TestUnknownKid:
    def test_jc_06_the_request_that_finds_the_new_key_succeeds(
        self, process, network, clock
    ):
        process.names()
        network.serve("a", "b")
        assert process.find("b")
        assert network.hits == 2
        assert process.find("b")
        assert network.hits == 2

    def test_jc_06_a_cold_process_that_misses_a_key_asks_again(self, process, network):
        answers = [jwks("a"), jwks("a", "b")]
        network.answer = lambda: answers.pop(0)
        assert process.find("b")

    def test_jc_07_jc_09_an_exhausted_budget_is_401_and_no_fetch(
        self, process, network, clock
    ):
        process.names()
        for number in range(20):
            assert not process.find(f"random {number}")
        assert network.hits == 3

    def test_a128_two_per_cooldown(self, process, network, clock):
        process.names()
        hits = []
        for _ in range(90):
            process.find("random")
            hits.append(network.hits)
            clock.advance(1)
        assert hits[0] == 2
        assert hits[29] == 3
        assert hits[30] == 4
        assert hits[59] == 5
        assert hits[-1] == 7

    def test_the_cooldown_is_a_setting(self, network, clock):
        process = Process(network, clock=clock, keys=KeyPolicy(cooldown=5))
        process.names()
        for _ in range(5):
            process.find("random")
        assert network.hits == 3
        clock.advance(5)
        process.find("random")
        assert network.hits == 4

    def test_a_rotation_after_an_attackers_random_kid_is_seen(self, process, network):
        process.names()
        assert not process.find("random")
        network.serve("b")
        assert process.find("b")

    def test_jc_10_an_exhausted_budget_does_not_delay_a_refresh(
        self, process, network, clock
    ):
        process.names()
        clock.advance(AHEAD - 1)
        process.find("random")
        process.find("random")
        assert network.hits == 3
        network.serve("b")
        clock.advance(AHEAD + 1)
        process.find("random")
        process.find("random")
        clock.advance(LIFETIME)
        assert process.names() == ["b"]

    def test_jc_10_a_refresh_that_is_due_costs_nothing_of_the_budget(
        self, process, network, clock
    ):
        process.names()
        clock.advance(AHEAD)
        process.ring._runway._spawn = Hand()
        process.names()
        process.ring._runway._spawn.run()
        assert network.hits == 2
        clock.advance(LIFETIME)
        process.ring._runway._spawn = lambda work: work()
        for _ in range(5):
            process.find("random")
        # One that was due, two of the budget.
        assert network.hits == 5

    def test_jc_11_jc_12_ten_thousand_kids_cost_two_fetches_and_no_memory(
        self, process, network, clock
    ):
        process.names()

        def size():
            owners = (process.ring, process.ring._local, process.ring._source)
            return [
                len(value)
                for owner in owners
                for value in vars(owner).values()
                if hasattr(value, "__len__")
            ]

        before = size()
        for number in range(10_000):
            assert not process.find(f"kid {number}")
        assert network.hits == 3
        assert process.store.loads <= 6
        assert size() == before
        assert len(process.ring._gate._budget._spent) == 2

    def test_jc_11_a_kid_that_was_missing_is_found_once_it_is_published(
        self, process, network, clock
    ):
        process.names()
        for _ in range(100):
            assert not process.find("b")
        network.serve("a", "b")
        clock.advance(30)
        assert process.find("b")

    def test_jc_18_during_an_outage_nobody_can_tell(self, process, network, clock):
        process.names()
        network.fail("status", 500)
        for _ in range(20):
            assert unavailable(lambda: process.find("b")) == 2
        assert network.hits == 2
        assert process.names() == ["a"]
        clock.advance(10)
        assert unavailable(lambda: process.find("b")) == 3

    def test_jc_18_an_exhausted_budget_after_failures_is_no_401(
        self, process, network, clock
    ):
        process.names()
        network.fail()
        for _ in range(3):
            unavailable(lambda: process.find("b"))
            clock.advance(5)
        assert network.hits == 3
        network.serve("b")
        unavailable(lambda: process.find("b"))
        clock.advance(20)
        assert process.find("b")

    def test_a129_a_failed_search_evicts_nothing(self, process, network, clock):
        process.names()
        network.fail("status", 500)
        unavailable(lambda: process.find("b"))
        assert process.names() == ["a"]
        assert stored_by(process).version == 1

    @pytest.mark.usefixtures("no_wait_ends")
    def test_at_most_four_wait_and_the_others_are_503(self, network, clock):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=lambda work: work())
        process.names()
        process.ring._runway._spawn = spawn
        network.serve("b")
        threads = Threads()
        for _ in range(4):
            threads.start(lambda: process.find("b"))
        until(
            lambda: (
                process.ring._runway.flight and process.ring._runway.flight.waiters == 4
            )
        )
        others = Threads()
        for wait in (True, False) * 3:
            others.start(lambda wait=wait: process.find("b", wait=wait))
        assert [refused.retry_after for refused in others.join()] == [1] * 6
        # A known key is nobody's concern.
        assert process.find("a")
        spawn.run()
        assert threads.join() == [True] * 4
        assert network.hits == 2

    def test_waiting_ends_after_two_seconds(self, process, network, clock):
        process.names()
        process.ring._runway._spawn = lambda work: clock.advance(2)
        assert unavailable(lambda: process.find("b")) == 1
        assert process.ring._runway.flight.waiters == 0

    @pytest.mark.usefixtures("no_wait_ends")
    def test_who_boards_late_waits_for_a_flight_of_its_own(
        self, process, network, clock
    ):
        """A flight under way may have set out before the key was published."""
        process.names()
        spawn = Hand()
        process.ring._runway._spawn = spawn
        threads = Threads()
        threads.start(lambda: process.find("random"))
        until(lambda: spawn.waiting)
        threads.start(lambda: process.find("b"))
        until(lambda: process.ring._runway.flight.waiters == 2)
        spawn.run()
        until(lambda: spawn.waiting)
        network.serve("a", "b")
        spawn.run()
        assert sorted(threads.join()) == [False, True]
        assert network.hits == 3

    @pytest.mark.usefixtures("no_wait_ends")
    def test_a_failed_flight_of_somebody_else_is_503(self, process, network, clock):
        process.names()
        spawn = Hand()
        process.ring._runway._spawn = spawn
        network.fail()
        threads = Threads()
        for _ in range(2):
            threads.start(lambda: process.find("b"))
        until(
            lambda: (
                process.ring._runway.flight and process.ring._runway.flight.waiters == 2
            )
        )
        spawn.run()
        assert [type(error) for error in threads.join()] == [KeysUnavailable] * 2
        assert network.hits == 2

    def test_a_flight_that_lands_between_two_looks_is_seen(
        self, process, network, clock
    ):
        """The budget is gone then, but the key is there: no 401."""
        process.names()
        process.find("random")
        network.serve("a", "b")

        def wanted(keys):
            found = bool(keys.matching("b", "ES256"))
            if not found:
                assert process.find("b")
            return found

        snapshot = process.ring.snapshot_with(wanted, wait=True)
        assert snapshot.keys.knows("b")
        assert network.hits == 3

    @pytest.mark.usefixtures("no_wait_ends")
    def test_a_slow_store_does_not_delay_who_found_the_key(self, network, clock):
        release = threading.Event()
        store = Store(clock)
        process = Process(network, clock=clock, store=store, spawn=in_thread)
        process.names()
        until(lambda: process.ring._runway.flight is None)
        store.before_publish = release.wait
        network.answer = lambda: until(process.is_awaited) or jwks("a", "b")
        threads = Threads()
        threads.start(lambda: process.find("b"))
        assert threads.join() == [True]
        assert process.ring._runway.flight is not None
        looks = []

        def wanted(keys):
            looks.append(keys)
            return keys.knows("c")

        threads = Threads()
        threads.start(lambda: process.ring.snapshot_with(wanted, wait=True))
        until(lambda: process.ring._runway.flight.waiters == 1)
        network.serve("a", "b", "c")
        store.before_publish = lambda: None
        release.set()
        (found,) = threads.join()
        assert found.keys.knows("c")
        # Nobody spun while the set was stored.
        assert len(looks) <= 3
        until(lambda: process.ring._runway.flight is None)
        assert stored_by(process).version == 3


class TestWithoutWaiting:
    def test_the_first_keys(self, network, clock):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=spawn)
        for _ in range(3):
            with pytest.raises(KeysPending):
                process.names(wait=False)
        assert len(spawn.waiting) == 1
        spawn.run()
        assert process.names(wait=False) == ["a"]

    def test_nobody_is_sent_to_wait_for_what_is_late_already(self, network, clock):
        """An issuer that hangs: each request would cost an event loop a thread."""
        spawn = Hand()
        process = Process(network, clock=clock, spawn=spawn)
        with pytest.raises(KeysPending):
            process.names(wait=False)
        spawn.run()
        clock.advance(LIFETIME)
        with pytest.raises(KeysPending):
            process.names(wait=False)
        clock.advance(0.03)
        for _ in range(3):
            assert process.names(wait=False) == ["a"]
        assert len(spawn.waiting) == 1

    def test_an_unknown_kid_is_not_paid_for_twice(self, network, clock):
        process = Process(network, clock=clock)
        process.names()
        for _ in range(2):
            with pytest.raises(KeysPending):
                process.find("random", wait=False)
            assert not process.find("random", wait=True)
        assert network.hits == 3
        # No waiting where nothing can be found out.
        assert not process.find("random", wait=False)

    def test_a_known_key(self, process):
        process.names()
        assert process.find("a", wait=False)

    @pytest.mark.usefixtures("no_wait_ends")
    def test_a_key_that_somebody_is_fetching(self, process, network):
        process.names()
        spawn = Hand()
        process.ring._runway._spawn = spawn
        network.serve("b")
        threads = Threads()
        threads.start(lambda: process.find("b"))
        until(lambda: spawn.waiting)
        with pytest.raises(KeysPending):
            process.find("b", wait=False)
        spawn.run()
        assert threads.join() == [True]
        assert process.find("b", wait=False)

    @pytest.mark.usefixtures("no_wait_ends")
    def test_jc_28_a_caller_that_goes_away_leaves_the_flight_alone(
        self, network, clock
    ):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=spawn)
        with pytest.raises(KeysPending):
            process.names(wait=False)
        threads = Threads()
        threads.start(process.names)
        until(lambda: process.ring._runway.flight.waiters == 1)
        spawn.run()
        assert threads.join() == [["a"]]
        assert network.hits == 1

    def test_where_no_thread_runs_the_answer_is_there_at_once(self, process):
        assert process.names(wait=False) == ["a"]


class TestConcurrency:
    @pytest.mark.usefixtures("no_wait_ends")
    def test_jc_01_fifty_cold_requests_fetch_once(self, network, clock):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=spawn)
        threads = Threads()
        for _ in range(50):
            threads.start(process.names)
        until(
            lambda: (
                process.ring._runway.flight
                and process.ring._runway.flight.waiters == 50
            )
        )
        assert len(spawn.waiting) == 1
        spawn.run()
        assert threads.join() == [["a"]] * 50
        assert network.hits == 1

    @pytest.mark.usefixtures("no_wait_ends")
    def test_jc_01_fifty_cold_requests_with_real_threads(self, network, clock):
        gate = threading.Barrier(50)
        process = Process(network, clock=clock, spawn=in_thread)
        threads = Threads()
        for _ in range(50):
            threads.start(lambda: gate.wait() is not None and process.names())
        assert threads.join() == [["a"]] * 50
        assert network.hits == 1

    @pytest.mark.usefixtures("no_wait_ends")
    def test_jc_03_fifty_requests_at_the_end_of_the_lifetime_fetch_once(
        self, network, clock
    ):
        spawn = Hand()
        process = Process(network, clock=clock, spawn=lambda work: work())
        process.names()
        process.ring._runway._spawn = spawn
        clock.advance(LIFETIME)
        network.serve("b")
        threads = Threads()
        for _ in range(50):
            threads.start(process.names)
        until(
            lambda: (
                process.ring._runway.flight
                and process.ring._runway.flight.waiters == 50
            )
        )
        spawn.run()
        assert threads.join() == [["b"]] * 50
        assert network.hits == 2

    def test_jc_27_an_answer_under_way_keeps_others_from_setting_out(
        self, network, clock
    ):
        """One flight at a time: an old answer cannot arrive after a newer one."""
        spawn = Hand()
        process = Process(network, clock=clock, spawn=lambda work: work())
        process.names()
        process.ring._runway._spawn = spawn
        clock.advance(AHEAD)
        process.names()
        process.names()
        with pytest.raises(KeysPending):
            process.find("b", wait=False)
        assert len(spawn.waiting) == 1


class TestStore:
    def test_jc_01_s_the_second_process_needs_no_fetch(self, process, network, clock):
        process.names()
        second = Process(network, clock=clock, store=process.store)
        assert second.names() == ["a"]
        assert second.find("a")
        assert network.hits == 1

    def test_ss_01_an_unknown_kid_is_looked_up_in_the_store_first(
        self, process, network, clock
    ):
        second = Process(network, clock=clock, store=process.store)
        process.names()
        second.names()
        clock.advance(2)
        network.serve("b")
        assert process.find("b")
        assert second.find("b")
        assert network.hits == 2
        # The budget is that of both.
        for _ in range(3):
            second.find("random")
        assert network.hits == 3

    def test_ss_01_a_change_in_the_store_that_lacks_the_key_is_not_the_last_word(
        self, process, network, clock
    ):
        second = Process(network, clock=clock, store=process.store)
        process.names()
        second.names()
        clock.advance(2)
        network.serve("b")
        assert process.find("b")
        network.serve("b", "c")
        assert second.find("c")
        assert network.hits == 3

    def test_a_change_reaches_every_process_within_15_seconds(
        self, process, network, clock
    ):
        second = Process(network, clock=clock, store=process.store)
        process.names()
        second.names()
        network.serve("b")
        process.find("b")
        clock.advance(14.9)
        second.names()
        assert second.names() == ["a"]
        clock.advance(0.1)
        second.names()
        assert second.names() == ["b"]
        assert network.hits == 2

    def test_the_store_is_read_every_15_seconds(self, process, network, clock):
        process.names()
        loads = process.store.loads
        for _ in range(90):
            process.names()
            clock.advance(1)
        assert process.store.loads - loads == 5

    def test_on_a_miss_the_store_is_read_once_a_second(self, process, network, clock):
        process.names()
        process.find("random")
        process.find("random")
        loads = process.store.loads
        for _ in range(29):
            process.find("random")
            process.find("random")
            clock.advance(0.5)
        assert process.store.loads - loads == 14
        assert network.hits == 3

    def test_ss_02_the_same_version_is_no_change(self, process, network, clock):
        process.names()
        process.store.put(replace(stored_by(process)))
        snapshot = process.ring.snapshot(wait=True)
        clock.advance(15)
        process.names()
        assert process.ring.snapshot(wait=True) is snapshot

    def test_ss_03_keys_outlive_the_stores_outage(self, process, network, clock):
        process.names()
        process.store.break_down()
        for _ in range(10):
            clock.advance(LIFETIME)
            assert process.names() == ["a"]
        network.serve("b")
        assert process.find("b")

    @pytest.mark.parametrize("error", [StoreError("down"), RuntimeError("broken")])
    def test_ss_04_without_a_store_a_cold_process_asks_the_issuer(
        self, process, network, error
    ):
        process.store.load_error = process.store.publish_error = error
        assert process.names() == ["a"]
        for _ in range(5):
            process.find("random")
        assert network.hits == 3

    def test_ss_03_without_store_and_issuer_503(self, process, network):
        process.store.break_down()
        network.fail()
        unavailable(process.names)

    def test_a_store_that_comes_back_is_written(self, process, network, clock):
        process.store.break_down()
        process.names()
        process.store.load_error = process.store.publish_error = None
        assert stored_by(process) is None
        clock.advance(AHEAD)
        process.names()
        assert stored_by(process).version == 1

    def test_ss_05_a_flushed_store_is_filled_again(self, process, network, clock):
        process.names()
        clock.advance(AHEAD)
        process.names()
        assert stored_by(process).version == 2
        process.store.flush()
        clock.advance(AHEAD)
        assert process.names() == ["a"]
        assert stored_by(process).version == 1

    def test_a_row_made_anew_counts_although_its_version_is_lower(
        self, process, network, clock
    ):
        process.names()
        clock.advance(AHEAD)
        process.names()
        process.store.flush()
        clock.advance(20)
        other = Process(Network("b"), clock=clock, store=process.store)
        other.names()
        process.names()
        assert process.names() == ["b"]

    def test_a_replica_that_lags_takes_nothing_back(self, process, network, clock):
        process.names()
        old = stored_by(process)
        network.serve("b")
        clock.advance(AHEAD)
        process.names()
        new = stored_by(process)
        assert new.version == 2
        network.fail()
        process.store.put(old)
        clock.advance(15)
        process.names()
        assert process.names() == ["b"]
        process.store.put(new)
        clock.advance(15)
        process.names()
        assert process.names() == ["b"]

    def test_a_row_made_anew_counts_where_the_one_before_was_unusable(
        self, process, network, clock
    ):
        process.names()
        good = stored_by(process)
        process.store.put(replace(good, version=9, jwks="{"))
        network.fail()
        second = Process(network, clock=clock, store=process.store)
        unavailable(second.names)
        process.store.put(good)
        clock.advance(1)
        assert second.names() == ["a"]

    def test_stored_validators_make_the_next_fetch_conditional(
        self, process, network, clock
    ):
        network.headers = {"etag": '"1"'}
        process.names()
        second = Process(network, clock=clock, store=process.store)
        second.names()
        clock.advance(AHEAD)
        second.names()
        assert network.sent == [{}, {"If-None-Match": '"1"'}]

    POISON = {
        "SS-08 no JSON": {"jwks": "not JSON"},
        "SS-08 empty": {"jwks": ""},
        "SS-07 no usable key": {"jwks": '{"keys":[{"kty":"oct","k":"AAAA"}]}'},
        "SS-07 of another issuer": {"issuer": "https://other.test"},
        "SS-07 from another address": {"jwks_uri": "https://old.test/jwks"},
    }

    @pytest.mark.parametrize("fields", POISON.values(), ids=POISON)
    def test_ss_07_ss_08_a_poisoned_row_counts_as_none(
        self, process, network, clock, fields, caplog
    ):
        process.names()
        poisoned = replace(stored_by(process), version=9, **fields)
        process.store._records[ISSUER] = poisoned
        second = Process(network, clock=clock, store=process.store)
        assert second.names() == ["a"]
        assert network.hits == 2
        assert stored_by(process).version == 10
        assert [record.reason for record in caplog.records] == ["store_unusable"]
        # The process that knows keys keeps them.
        clock.advance(15)
        assert process.names() == ["a"]

    @pytest.mark.parametrize("lifetime", [math.nan, math.inf, -1.0, 0.0, 1e12])
    def test_ss_07_an_edited_lifetime_does_not_keep_keys_alive(
        self, process, network, clock, lifetime
    ):
        process.names()
        process.store.put(replace(stored_by(process), version=9, lifetime=lifetime))
        second = Process(network, clock=clock, store=process.store)
        assert second.names() == ["a"]
        network.serve("b")
        clock.advance(301)
        assert second.names() == ["b"]

    def test_ss_09_clocks_two_minutes_apart_cause_no_storm(
        self, process, network, clock
    ):
        process.names()
        for seconds in (-120.0, 120.0):
            stored = stored_by(process)
            skewed = replace(
                stored,
                fetched_at=stored.fetched_at + seconds,
                version=stored.version + 1,
            )
            process.store.put(skewed)
            second = Process(network, clock=clock, store=process.store)
            assert second.names() == ["a"]
        assert network.hits == 1

    def test_ss_10_issuers_do_not_touch_each_other(self, process, network, clock):
        process.names()
        other = Process(
            Network("b"), clock=clock, store=process.store, issuer="https://other.test"
        )
        other.names()
        other.find("random")
        assert stored_by(process).version == 1
        assert other.names() == ["b"]
        assert process.names() == ["a"]

    def test_jc_27_s_who_publishes_first_wins_everywhere(self, network, clock):
        """A's old answer arrives after B published the new set."""
        store = Store(clock)
        slow = Process(Network("old"), clock=clock, store=store)
        fast = Process(Network("new"), clock=clock, store=store)

        def overtaken():
            clock.advance(LEASE)
            fast.names()
            return jwks("old")

        slow.network.answer = overtaken
        assert slow.names() == ["new"]
        stored = store.load(ISSUER)
        assert stored.version == 1
        assert stored.digest == fast.ring.snapshot(wait=True).digest

    def test_jc_27_s_waiters_do_not_wait_for_who_wins(self, network, clock):
        store = Store(clock)
        process = Process(network, clock=clock, store=store)
        process.names()
        network.serve("b")
        seen = []
        store.before_publish = lambda: seen.append(process.names(wait=False))
        process.find("b")
        assert seen == [["b"]]

    def test_a_published_set_is_the_base_of_the_next(self, process, network, clock):
        for version in (1, 2, 3):
            process.names()
            assert stored_by(process).version == version
            clock.advance(AHEAD)

    def test_it_can_live_without_a_store_row_of_its_own_writing(self, network, clock):
        """A reader that may not write serves what others store."""
        writer = Process(network, clock=clock)
        reader = Process(network, clock=clock, store=writer.store)
        writer.names()
        assert reader.names() == ["a"]
        assert reader.reports == []


class TestTheUnexpected:
    def test_a_broken_fetch_does_not_wedge(self, process, network, clock, caplog):
        network.answer = ZeroDivisionError()
        assert unavailable(process.names) == 2
        assert unavailable(process.names) == 2
        assert network.hits == 1
        network.serve("a")
        clock.advance(2)
        assert process.names() == ["a"]
        assert process.ring._runway.flight is None
        assert [r.reason for r in caplog.records] == ["refresh_failed"]
        assert caplog.records[0].exc_info[0] is ZeroDivisionError

    def test_a_broken_refresh_keeps_the_keys_and_backs_off(
        self, process, network, clock
    ):
        process.names()
        network.answer = ZeroDivisionError()
        clock.advance(AHEAD)
        for _ in range(20):
            assert process.names() == ["a"]
        assert network.hits == 2

    def test_a_broken_fetch_for_an_unknown_kid_is_503(self, process, network, clock):
        process.names()
        network.answer = ZeroDivisionError()
        unavailable(lambda: process.find("b"))

    @pytest.mark.parametrize("answer", ["good", "bad"])
    def test_a_broken_listener_changes_nothing(self, network, clock, answer):
        def listener(alias, error):
            raise ZeroDivisionError

        process = Process(network, clock=clock, on_refresh=listener)
        if answer == "bad":
            network.fail()
            assert unavailable(process.names) == 2
            assert unavailable(process.names) == 2
            assert network.hits == 1
        else:
            assert process.names() == ["a"]
            assert not process.find("b")
            assert stored_by(process).version == 2

    def test_a_flight_that_cannot_start_does_not_wedge(self, network, clock, caplog):
        def spawn(work):
            raise RuntimeError("can't start new thread")

        process = Process(network, clock=clock, spawn=spawn)
        for _ in range(5):
            assert unavailable(process.names) == 2
        assert len(caplog.records) == 1
        process.ring._runway._spawn = lambda work: work()
        clock.advance(2)
        assert process.names() == ["a"]
        process.ring._runway._spawn = spawn
        clock.advance(AHEAD)
        for _ in range(20):
            assert process.names() == ["a"]
        assert len(caplog.records) == 2
        unavailable(lambda: process.find("b"))
        assert process.ring._runway.flight is None

    def test_a_flight_that_was_lost_is_forgotten_after_a_minute(
        self, process, network, clock
    ):
        """Its thread was interrupted between boarding and launching."""
        with process.ring._runway.progress:
            process.ring._runway.board(forced=False)
        for _ in range(3):
            unavailable(lambda: process.ring.snapshot(wait=True))
            clock.advance(20)
        clock.advance(1)
        assert process.names() == ["a"]

    def test_a_flight_that_ends_late_takes_nothing_from_the_next(
        self, process, network, clock
    ):
        runway = process.ring._runway
        with runway.progress:
            lost = runway.board(forced=False)
        clock.advance(61)
        with runway.progress:
            assert runway.under_way() is None
            later = runway.board(forced=False)
        runway._end(lost)
        assert runway.flight is later

    def test_an_interpreter_going_down_does_not_wedge(self, process, network, clock):
        network.answer = SystemExit()
        with pytest.raises(SystemExit):
            process.names()
        network.serve("a")
        clock.advance(2)
        assert process.names() == ["a"]

    def test_without_a_listener(self, network, clock):
        process = Process(network, clock=clock)
        process.ring._on_refresh = None
        assert process.names() == ["a"]

    def test_failures_are_logged_with_reason_and_issuer(
        self, process, network, clock, caplog
    ):
        network.fail("tls")
        process.store.break_down()
        unavailable(process.names)
        assert [(r.reason, r.issuer_alias) for r in caplog.records] == [
            ("store_unreachable", "default"),
            ("store_unreachable", "default"),
            ("fetch_failed", "default"),
        ]

    def test_a_store_that_cannot_be_written_is_logged(self, process, caplog):
        process.store.publish_error = StoreError("read-only")
        assert process.names() == ["a"]
        assert {record.reason for record in caplog.records} == {"store_unreachable"}

    def test_a_forced_flight_that_may_not_fetch_any_more_is_no_error(
        self, process, network, clock
    ):
        """Keys expire while a search goes on whose budget is gone: 503, not a crash."""
        process.names()
        process.find("random")
        process.find("random")
        spawn = Hand()
        process.ring._runway._spawn = spawn
        clock.advance(2)
        threads = Threads()
        threads.start(lambda: process.find("b"))
        until(
            lambda: (
                process.ring._runway.flight and process.ring._runway.flight.waiters == 1
            )
        )
        clock.advance(LIFETIME + STALE)
        network.fail()
        with pytest.raises(KeysPending):
            process.names(wait=False)
        spawn.run()
        assert [type(error) for error in threads.join()] == [KeysUnavailable]
        unavailable(process.names)


def test_the_address_asked_is_the_settings(network, clock):
    assert make_policy().jwks_uri == JWKS_URI
    Process(network, clock=clock).names()
    assert network.asked == [JWKS_URI]


def named_in(store):
    """The key IDs of the set that is stored."""
    return [key["kid"] for key in json.loads(store.load(ISSUER).jwks)["keys"]]


class TestFleet:
    """Several processes, one store. They take turns where the fakes say so."""

    @pytest.fixture
    def store(self, clock):
        return Store(clock)

    def fleet(self, network, clock, store, count=4, **kwargs):
        return [
            Process(network, clock=clock, store=store, **kwargs) for _ in range(count)
        ]

    def test_jc_01_s_a_cold_start_is_one_fetch(self, network, clock, store):
        one, two, *others = self.fleet(network, clock, store)
        waited = []

        def pause(_seconds):
            waited.append(1)
            store.publish(self.record(clock), replacing=0)

        def answer():
            # The second process comes while the first is fetching.
            two.ring._pause = pause
            assert two.names() == ["a"]
            return jwks("a")

        network.answer = answer
        assert one.names() == ["a"]
        for process in others:
            assert process.names() == ["a"]
        assert waited == [1]
        assert network.hits == 1

    def record(self, clock):
        other = Process(Network("a"), clock=clock)
        other.names()
        return replace(stored_by(other), version=0)

    def test_a_killed_holder_delays_a_cold_start_by_its_lease(
        self, network, clock, store
    ):
        process, *_ = self.fleet(network, clock, store)
        store.admit(ISSUER, holder="killed", cooldown=None)
        assert unavailable(process.names) == 1
        clock.advance(LEASE)
        assert process.names() == ["a"]

    def test_and_delays_nobody_who_has_keys(self, network, clock, store):
        process, *_ = self.fleet(network, clock, store)
        process.names()
        clock.advance(AHEAD)
        store.admit(ISSUER, holder="killed", cooldown=None)
        before, loads = clock.monotonic(), store.loads
        for _ in range(50):
            assert process.names() == ["a"]
        assert clock.monotonic() == before
        assert store.loads == loads + 1
        clock.advance(LEASE)
        process.names()
        assert network.hits == 2

    def test_jc_04_s_one_process_refreshes_for_all(self, network, clock, store):
        fleet = self.fleet(network, clock, store)
        for process in fleet:
            process.names()
        clock.advance(AHEAD)
        network.serve("b")
        for process in fleet:
            process.names()
            assert process.names() == ["b"]
        assert network.hits == 2

    def test_jc_04_s_who_looked_before_another_published_fetches_nothing(
        self, network, clock, store
    ):
        """Between a process's look and its leave another may have done it all."""
        one, two, *_ = self.fleet(network, clock, store)
        one.names(), two.names()
        clock.advance(AHEAD)
        looked = []

        def overtaken():
            looked.append(1)
            if len(looked) == 1:
                # Two has read the store, and asks for leave when one is done.
                store.before_admit = lambda: None
                network.serve("b")
                one.names()

        store.before_admit = overtaken
        two.names()
        assert two.names() == ["b"]
        assert network.hits == 2
        assert store.admit(ISSUER, holder="next", cooldown=None).verdict is (
            Verdict.GRANTED
        )

    def test_jc_11_s_who_searched_before_another_published_replaces_what_that_stored(
        self, network, clock, store
    ):
        """Or it would lose the race, and both would have to be fetched again."""
        one, two, *_ = self.fleet(network, clock, store)
        one.names(), two.names()
        clock.advance(2)

        def overtaken():
            store.before_admit = lambda: None
            one.find("random 1")

        store.before_admit = overtaken
        assert not two.find("random 2")
        two.names()
        assert stored_by(one).version == 3
        assert network.hits == 3

    def test_jc_11_s_a_flood_in_four_processes_is_two_fetches(
        self, network, clock, store
    ):
        fleet = self.fleet(network, clock, store)
        for process in fleet:
            process.names()
        for second in range(30):
            for number, process in enumerate(fleet):
                assert not process.find(f"random {second} {number}")
            clock.advance(0.99)
        assert network.hits == 1 + 2
        network.serve("a", "b")
        clock.advance(1)
        for process in fleet:
            assert process.find("b")
        assert network.hits == 4

    def test_jc_19_s_an_outage_is_seven_attempts_a_minute_for_all(
        self, network, clock, store
    ):
        fleet = self.fleet(network, clock, store)
        for process in fleet:
            process.names()
        network.fail("connect")
        clock.advance(LIFETIME)
        for _ in range(600):
            for process in fleet:
                assert process.names() == ["a"]
            clock.advance(0.1)
        # The first attempt is made twice, at once.
        assert network.hits - 1 <= 7

    def test_who_looks_for_a_key_waits_for_who_is_fetching(self, network, clock, store):
        one, two, *_ = self.fleet(network, clock, store)
        one.names(), two.names()
        clock.advance(2)

        def answer():
            waited = []

            def pause(_seconds):
                waited.append(1)
                record = replace(stored_by(one), jwks=jwks("b").decode())
                store.publish(record, replacing=1)

            two.ring._pause = pause
            network.serve("b")
            assert two.find("b")
            assert waited == [1]
            return jwks("b")

        network.answer = answer
        assert one.find("b")
        # The third one settles whose answer is newer: the second process published.
        assert network.hits == 3

    def test_and_learns_that_it_failed(self, network, clock, store):
        one, two, *_ = self.fleet(network, clock, store)
        one.names(), two.names()
        clock.advance(2)
        told = []

        def answer():
            # The lease is given back with the failure, while the second one waits.
            two.ring._pause = lambda _seconds: one.ring._gate.failed(
                clock.monotonic(), "tls"
            )
            told.append(unavailable(lambda: two.find("b")))
            return FetchError("tls")

        network.answer = answer
        unavailable(lambda: one.find("b"))
        assert told == [2]
        assert network.hits == 2

    def test_keys_that_another_process_brought_end_the_outage_here(
        self, network, clock, store
    ):
        one, two, *_ = self.fleet(network, clock, store)
        one.names(), two.names()
        network.fail("tls")
        clock.advance(AHEAD)
        one.names(), two.names()
        assert two.ring.status().last_error == "tls"
        network.serve("a")
        clock.advance(2)
        one.names()
        clock.advance(15)
        two.names()
        assert two.ring.status().last_error == ""
        assert network.hits == 3

    def test_a_fetch_that_succeeds_ends_the_outage_before_it_is_stored(
        self, network, clock, store
    ):
        """Who waited is told 401 then, and not 503 because the store is slow."""
        process, *_ = self.fleet(network, clock, store)
        process.names()
        network.fail()
        unavailable(lambda: process.find("random"))
        network.serve("a")
        clock.advance(2)
        failing = []
        store.before_publish = lambda: failing.append(process.ring._gate.failing)
        assert not process.find("random")
        assert failing == [False]

    def test_a_budget_that_others_spent_in_vain_is_no_401(self, network, clock, store):
        one, two, *_ = self.fleet(network, clock, store)
        one.names(), two.names()
        network.serve("b")
        network.fail("timeout")
        for _ in range(2):
            unavailable(lambda: one.find("b"))
            clock.advance(3)
        unavailable(lambda: two.find("b"))
        assert two.ring.status().last_error == "timeout"
        assert network.hits == 3

    def test_a_publication_that_was_held_up_brings_no_withdrawn_key_back(
        self, network, clock, store
    ):
        """It waited for a lock in the database, from before the newer fetch."""
        process, *_ = self.fleet(network, clock, store)
        process.names()
        withdrawn = stored_by(process)
        clock.advance(AHEAD)
        network.serve("new")
        store.publish_error = StoreError("no answer")
        process.names()
        assert process.names() == ["new"]
        store.publish_error = None
        store.put(replace(withdrawn, version=withdrawn.version + 1))
        clock.advance(15)
        process.names()
        assert process.names() == ["new"]
        # And the store learns of the newer set at once.
        assert named_in(store) == ["new"]
        assert network.hits == 3

    def test_a_set_that_did_not_change_is_not_parsed_again(self, network, clock, store):
        """Looking for weak keys takes up to 100 ms for each."""
        one, two, *_ = self.fleet(network, clock, store)
        one.names(), two.names()
        before = [id(process.ring.snapshot(wait=True).keys) for process in (one, two)]
        clock.advance(AHEAD)
        for process in (one, two):
            process.names()
        assert network.hits == 2
        assert before == [
            id(process.ring.snapshot(wait=True).keys) for process in (one, two)
        ]

    def test_keys_stored_before_the_stores_clock_was_put_right_are_stale(
        self, network, clock, store
    ):
        one, two, *_ = self.fleet(network, clock, store)
        one.names()
        store.put(replace(stored_by(one), fetched_at=clock.now() + 3600))
        network.serve("b")
        assert two.names() == ["b"]

    def test_after_a_flush_one_process_fetches_for_all(self, network, clock, store):
        one, two, *_ = self.fleet(network, clock, store)
        one.names(), two.names()
        store.flush()
        clock.advance(AHEAD)
        one.names()
        two.names()
        assert (stored_by(two).version, network.hits) == (1, 2)
        clock.advance(AHEAD - 1)
        two.names()
        assert network.hits == 2

    def test_a_waiter_gives_up_after_two_seconds(self, network, clock, store):
        process, *_ = self.fleet(network, clock, store)
        process.names()
        clock.advance(2)
        store.admit(ISSUER, holder="slow", cooldown=None)
        before = clock.monotonic()
        assert unavailable(lambda: process.find("b")) == 1
        assert clock.monotonic() - before == pytest.approx(2, abs=0.11)
        assert network.hits == 1

    def test_ss_09_hosts_whose_clocks_differ_by_two_minutes(self, clock):
        """The store's clock counts: no refresh storm, no premature expiry."""
        network, store = Network("a"), Store(clock)
        ahead, behind = Shifted(clock, 120), Shifted(clock, -120)
        fleet = [
            Process(network, clock=each, store=store) for each in (clock, ahead, behind)
        ]
        hits = []
        for _ in range(1440):
            for process in fleet:
                assert process.names() == ["a"]
            hits.append(network.hits)
            clock.advance(1)
        assert [hits.index(count) for count in (1, 2, 3)] == [0, 480, 960]
        assert hits[-1] == 3

    def test_who_loses_the_race_fetches_again_at_once(self, network, clock, store):
        """Nobody knows which answer is newer; a withdrawn key must not come back."""
        process, *_ = self.fleet(network, clock, store)
        process.names()
        withdrawn = stored_by(process)
        clock.advance(AHEAD)
        network.serve("new")
        store.before_publish = lambda: store.put(replace(withdrawn, version=2))
        process.names()
        store.before_publish = lambda: None
        process.names()
        assert process.names() == ["new"]

    def test_who_loses_the_race_to_a_poisoned_row_keeps_its_own(
        self, network, clock, store
    ):
        process, *_ = self.fleet(network, clock, store)
        process.names()
        record = stored_by(process)
        clock.advance(AHEAD)
        network.serve("new")
        store.before_publish = lambda: store.put(replace(record, jwks="{", version=2))
        process.names()
        assert process.names() == ["new"]
        assert network.hits == 2

    def test_a_replica_that_catches_up_brings_no_withdrawn_key_back(
        self, network, clock, store
    ):
        process, *_ = self.fleet(network, clock, store)
        process.names()
        old = [stored_by(process)]
        clock.advance(10)
        process.find("unknown")
        old.append(stored_by(process))
        network.serve("new")
        clock.advance(10)
        assert process.find("new")
        for record in old:
            store.put(record)
            clock.advance(15)
            process.names()
            assert process.names() == ["new"]

    def test_ss_05_a_flushed_store_and_a_row_of_the_same_version(
        self, network, clock, store
    ):
        process, *_ = self.fleet(network, clock, store)
        process.names()
        store.flush()
        clock.advance(20)
        other = Process(Network("c"), clock=clock, store=store)
        assert other.names() == ["c"]
        clock.advance(15)
        process.names()
        assert process.names() == ["c"]


class TestByCommand:
    """``REFRESH: "command"``: requests never open a connection."""

    @pytest.fixture
    def process(self, network, clock):
        policy = KeyPolicy(by_command=True, max_stale=7 * 86400)
        return Process(network, clock=clock, keys=policy)

    @pytest.fixture
    def run_command(self, network, clock, process):
        def run(*names):
            other = Process(Network(*names), clock=clock)
            other.names()
            stored = process.store.load(ISSUER)
            record = replace(stored_by(other), version=0)
            process.store.publish(record, replacing=stored.version if stored else 0)

        return run

    def test_without_keys_nobody_can_tell(self, process, network):
        assert unavailable(process.names) == 15
        assert unavailable(lambda: process.find("a")) == 15
        assert network.hits == 0

    def test_what_the_command_stores_is_in_force_within_15_seconds(
        self, process, network, clock, run_command
    ):
        run_command("a")
        assert process.names() == ["a"]
        run_command("b")
        clock.advance(14.9)
        assert process.names() == ["a"]
        clock.advance(0.1)
        process.names()
        assert process.names() == ["b"]
        assert network.hits == 0

    def test_an_unknown_key_is_looked_up_in_the_store_once_a_second(
        self, process, network, clock, run_command
    ):
        run_command("a")
        process.names()
        loads = process.store.loads
        for _ in range(100):
            assert not process.find("b")
        assert process.store.loads == loads
        run_command("b")
        clock.advance(1)
        assert process.find("b")
        assert network.hits == 0

    def test_keys_serve_until_max_stale_and_nobody_waits(
        self, process, network, clock, run_command
    ):
        run_command("a")
        process.names()
        for _ in range(7 * 24 - 1):
            clock.advance(3600)
            loads = process.store.loads
            for _ in range(3):
                assert process.names() == ["a"]
            assert process.store.loads == loads + 1
        clock.advance(3599)
        assert process.names() == ["a"]
        clock.advance(1)
        assert unavailable(process.names) == 15
        run_command("a")
        clock.advance(1)
        assert process.names() == ["a"]
        assert network.hits == 0

    def test_a_store_that_cannot_be_read_is_no_401(self, process, clock, run_command):
        run_command("a")
        process.names()
        run_command("a", "b")
        process.store.load_error = StoreError("down")
        clock.advance(1)
        for _ in range(3):
            assert unavailable(lambda: process.find("b")) == 1
            assert process.find("a")
        process.store.load_error = None
        clock.advance(1)
        assert process.find("b")
        assert not process.find("c")


class TestStatus:
    def test_hl_01_fresh_stale_and_none(self, process, network, clock):
        status = process.ring.status()
        assert (status.state, status.keys, status.age) == ("no_keys", 0, None)
        process.names()
        clock.advance(100)
        status = process.ring.status()
        assert (status.state, status.keys, status.age) == ("healthy", 1, 100)
        assert status.usable_for == LIFETIME + STALE - 100
        assert status.next_attempt == AHEAD - 100
        assert status.last_error == ""
        network.fail("tls")
        clock.advance(LIFETIME)
        process.names()
        status = process.ring.status()
        assert (status.state, status.last_error) == ("stale", "tls")
        assert status.next_attempt == pytest.approx(1.1)
        clock.advance(STALE)
        status = process.ring.status()
        assert (status.state, status.next_attempt) == ("no_keys", 0)

    def test_hl_02_it_asks_nobody(self, process, network, clock):
        process.names()
        clock.advance(LIFETIME)
        loads = process.store.loads
        assert process.ring.status().state == "stale"
        assert (network.hits, process.store.loads) == (1, loads + 1)

    def test_what_others_stored_counts(self, process, network, clock):
        second = Process(network, clock=clock, store=process.store)
        process.names()
        assert second.ring.status().state == "healthy"
        assert second.ring._local.snapshot is None

    def test_a_store_that_is_down_or_poisoned_is_no_error(self, process, clock):
        process.names()
        clock.advance(LIFETIME)
        process.store.put(replace(stored_by(process), jwks="{"))
        assert process.ring.status().state == "stale"
        process.store.break_down()
        assert process.ring.status().state == "stale"

    def test_by_command_there_is_no_next_attempt(self, network, clock):
        policy = KeyPolicy(by_command=True)
        process = Process(network, clock=clock, keys=policy)
        assert process.ring.status().next_attempt is None
        process.store.publish(TestFleet().record(clock), replacing=0)
        status = process.ring.status()
        assert (status.state, status.next_attempt) == ("healthy", None)
        assert status.usable_for == 604800

    def test_by_command_the_store_tells_of_failures(self, network, clock):
        process = Process(network, clock=clock, keys=KeyPolicy(by_command=True))
        process.store.publish(TestFleet().record(clock), replacing=0)
        assert process.ring.status().last_error == ""
        process.store.settle(ISSUER, holder="", outcome=Outcome(error="tls"))
        assert process.ring.status().last_error == "tls"
        process.store.break_down()
        assert process.ring.status().last_error == ""
