"""Answers that serve more than once, and to whom."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_oidc_rs.core.answers import NoAnswerCache
from django_oidc_rs.core.breaker import FloodGuard
from django_oidc_rs.core.claims import MAX_DATE
from django_oidc_rs.core.errors import IntrospectionUnavailable
from django_oidc_rs.testing import FakeClock

from .asking import OPAQUE, DictCache, answers
from .builders import NOW, claims

DOWN = IntrospectionUnavailable("down", retry_after=7)


class Issuer:
    """Counts questions; ``says`` is the answer, an exception, or a function."""

    def __init__(self, says):
        self.says = says
        self.questions = []

    def __call__(self, raw_token):
        self.questions.append(raw_token)
        said = self.says() if callable(self.says) else self.says
        if isinstance(said, BaseException):
            raise said
        return said


class Kit:
    """One ``Answers``, its issuer, clock, cache and guard."""

    def __init__(self, says=None, *, clock=None, cache=None, **options):
        self.clock = clock or FakeClock(float(NOW))
        self.cache = cache or DictCache(self.clock)
        self.issuer = Issuer(says)
        self.guard = FloodGuard()
        self.answers = answers(
            self.issuer, clock=self.clock, cache=self.cache, **options
        )
        self.key = self.answers.key(OPAQUE)

    def get(self):
        """Do as a validator does; ``{}`` for "not active" out of the cache."""
        kept = self.answers.kept(self.key)
        return self.shared() if kept is None else kept

    def shared(self):
        return self.answers.shared(self.key, OPAQUE, self.guard)

    def live(self):
        return self.answers.live(self.key, OPAQUE, self.guard)


@pytest.fixture
def kit():
    return Kit(claims())


def test_an_answer_serves_until_its_time_is_over(kit):
    for _ in range(3):
        assert kit.get() == claims()
    kit.clock.advance(29.9)
    kit.get()
    assert len(kit.issuer.questions) == 1
    kit.clock.advance(0.1)
    kit.get()
    assert kit.issuer.questions == [OPAQUE] * 2


def test_never_longer_than_the_token():
    kit = Kit(claims(exp=NOW + 10))
    kit.get()
    kit.clock.advance(9.9)
    kit.get()
    assert len(kit.issuer.questions) == 1
    kit.clock.advance(0.1)
    kit.get()
    assert len(kit.issuer.questions) == 2


@pytest.mark.parametrize(
    "exp", [None, True, "1800000300", [], NOW, NOW - 1, 10**400, -(10**400), 1e300]
)
def test_without_a_time_to_live_nothing_is_kept(exp):
    kit = Kit(claims(exp=exp))
    kit.cache.set(kit.key, claims(), 30)
    assert kit.live() == claims(exp=exp)
    assert kit.cache.answers == {}


@pytest.mark.parametrize(
    ("exp", "until"), [(NOW + 0.5, NOW + 0.5), (MAX_DATE, NOW + 30)]
)
def test_a_fraction_of_a_second_counts_and_a_date_far_off(exp, until):
    kit = Kit(claims(exp=exp))
    kit.get()
    assert kit.cache.answers[kit.key][0] == until


@pytest.mark.parametrize(("seconds", "kept"), [(4.9, True), (5, False)])
def test_a_slow_yes_is_not_kept(seconds, kept):
    """Somebody may have been told no meanwhile, and that may be forgotten by now."""

    def answer():
        kit.clock.advance(seconds)
        return claims()

    kit = Kit(answer)
    assert kit.live() == claims()
    assert (kit.answers.kept(kit.key) is not None) is kept


def test_a_yes_does_not_undo_the_no_that_came_meanwhile():
    def answer():
        kit.cache.set(kit.key, {}, 5)
        return claims()

    kit = Kit(answer)
    assert kit.live() == claims()
    assert kit.get() == {}


@pytest.mark.parametrize(("cache_seconds", "seconds"), [(30, 5), (3, 3)])
def test_not_active_is_kept_briefly(cache_seconds, seconds):
    kit = Kit(None, cache_seconds=cache_seconds)
    assert kit.get() is None
    assert kit.get() == {}
    kit.clock.advance(seconds - 0.1)
    assert kit.get() == {}
    assert len(kit.issuer.questions) == 1
    kit.clock.advance(0.1)
    assert kit.get() is None


def test_a_live_question_replaces_what_is_kept(kit):
    kit.get()
    kit.issuer.says = None
    assert kit.get() == claims()
    assert kit.live() is None
    # The revoked token is not served from the cache any more.
    assert kit.get() == {}
    kit.issuer.says = claims()
    assert kit.live() == claims()
    assert kit.get() == claims()


def test_a_live_question_nobody_answers_leaves_what_is_kept(kit):
    kit.get()
    kit.issuer.says = DOWN
    with pytest.raises(IntrospectionUnavailable):
        kit.live()
    assert kit.get() == claims()


def test_zero_seconds_keep_and_share_nothing():
    kit = Kit(claims(), cache_seconds=0)
    kit.cache.set(kit.key, {"sub": "somebody"}, 30)
    assert kit.get() == claims()
    assert kit.shared() == claims()
    assert kit.live() == claims()
    assert len(kit.issuer.questions) == 3
    assert kit.answers.kept(kit.key) is None
    assert kit.cache.get(kit.key) == {"sub": "somebody"}


def test_keys_tell_nothing_and_differ_by_whose_answer_it_is():
    scopes = [
        ("i", "e", "c"),
        ("i2", "e", "c"),
        ("i", "e2", "c"),
        ("i", "e", "c2"),
        ("ie", "", "c"),
        ("i", "ec", ""),
        ("", "ie", "c"),
        ("i", "e"),
        ("i", "e", "c", ""),
    ]
    keys = [Kit(scope=scope).key for scope in scopes]
    keys.append(Kit().answers.key(OPAQUE + "2"))
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 64 and OPAQUE not in key for key in keys)
    assert Kit().key == Kit().key
    assert Kit(scope=("é",)).key


# Who asks at the same time.


def crowd(kit, number):
    """Run ``number`` threads; return what each got, and the errors."""

    def one(_index):
        try:
            return kit.shared()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- looked at
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


class Meeting:
    """Lets the one who asks wait until all the others wait for it."""

    def __init__(self, kit, number):
        self.kit, self.number = kit, number
        self.waiting = 0
        self.all_there = threading.Event()
        flights = kit.answers._flights
        meeting = self

        class Flights(dict):
            def get(self, key):
                flight = super().get(key)
                if flight is not None:
                    meeting.waiting += 1
                    if meeting.waiting == number:
                        meeting.all_there.set()
                return flight

        kit.answers._flights = Flights(flights)

    def wait(self):
        assert self.all_there.wait(30)


@pytest.mark.parametrize("said", [claims(), claims(exp=None)], ids=["kept", "not-kept"])
def test_fifty_threads_ask_once(said):
    kit = Kit()
    meeting = Meeting(kit, 49)

    def answer():
        meeting.wait()
        return said

    kit.issuer.says = answer
    assert crowd(kit, 50) == [said] * 50
    assert kit.issuer.questions == [OPAQUE]
    assert kit.answers._flights == {}


def test_fifty_threads_and_a_bad_token_cost_one_question():
    kit = Kit()
    meeting = Meeting(kit, 49)
    kit.issuer.says = meeting.wait
    assert crowd(kit, 50) == [None] * 50
    assert kit.guard._left == 199


@pytest.mark.parametrize("fault", [DOWN, KeyboardInterrupt(), ZeroDivisionError()])
def test_who_waited_for_a_failure_asks_once_more(fault):
    kit = Kit()
    meeting = Meeting(kit, 9)

    def answer():
        if len(kit.issuer.questions) == 1:
            meeting.wait()
            return fault
        return claims()

    kit.issuer.says = answer
    got = crowd(kit, 10)
    assert got.count(claims()) == 9
    assert [type(each) for each in got if each != claims()] == [type(fault)]
    assert kit.answers._flights == {}


def test_two_failures_are_enough():
    kit = Kit()
    first, second = threading.Event(), threading.Event()
    outcome = []

    def wait(self, timeout):
        # Both rounds of the waiting thread end in a failure of somebody else's.
        assert timeout == 6
        (second if first.is_set() else first).set()

    flight = type("Flight", (), {"over": type("Over", (), {"wait": wait})()})()
    flight.answer = None
    kit.answers._flights[kit.key] = flight
    with pytest.raises(IntrospectionUnavailable) as caught:
        outcome.append(kit.shared())
    error = caught.value
    assert (error.detail, error.retry_after) == ("nobody got an answer", 1)
    assert (outcome, kit.issuer.questions) == ([], [])
    assert second.is_set()


def test_different_tokens_do_not_wait_for_each_other():
    kit = Kit()

    def answer():
        if len(kit.issuer.questions) == 1:
            other = kit.answers.key(OPAQUE + "2")
            kit.answers.shared(other, OPAQUE + "2", kit.guard)
        return claims()

    kit.issuer.says = answer
    kit.shared()
    assert kit.issuer.questions == [OPAQUE, OPAQUE + "2"]


# Several processes, one cache.


def other_process(kit, **options):
    return Kit(claims(), clock=kit.clock, cache=kit.cache, **options)


def test_processes_ask_one_after_the_other(kit):
    """Another process answers while this one waits for it."""
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        kit.clock.advance(seconds)
        if len(pauses) == 3:
            kit.cache.set(kit.key, {"sub": "from there"}, 30)
            kit.cache.end(kit.key)

    waiting = other_process(kit, pause=pause)
    assert kit.cache.begin(kit.key, 6)
    assert waiting.shared() == {"sub": "from there"}
    assert pauses == [0.05] * 3
    assert waiting.issuer.questions == []
    assert kit.cache.asking == {}


def test_what_another_process_found_inactive_is_inactive(kit):
    kit.cache.set(kit.key, {}, 5)
    assert kit.shared() is None
    assert kit.issuer.questions == []
    assert kit.guard._left == 200


def test_a_process_that_died_is_waited_for_six_seconds(kit):
    kit.cache.begin(kit.key, 6)
    at = kit.clock.time
    assert other_process(kit).shared() == claims()
    assert 6 <= kit.clock.time - at < 6.2
    # At six seconds it is over.
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        kit.clock.advance(3)

    kit.cache.delete(kit.key)
    other_process(kit, pause=pause).shared()
    assert len(pauses) == 2
    # What it never took it does not give back.
    assert kit.key in kit.cache.asking


def test_the_lock_is_given_back_whatever_happens():
    for fault in (DOWN, KeyboardInterrupt()):
        kit = Kit(fault)
        with pytest.raises(type(fault)):
            kit.shared()
        assert kit.cache.asking == {}
        assert kit.answers._flights == {}


def test_without_a_cache_every_question_is_asked():
    kit = Kit(claims(), cache=NoAnswerCache())
    for _ in range(2):
        assert kit.get() == claims()
    assert len(kit.issuer.questions) == 2
    assert kit.clock.time == NOW
    kit.issuer.says = claims(exp=NOW)
    kit.live()
    assert kit.get() == claims(exp=NOW)


def test_an_empty_budget_asks_nothing(kit):
    for index in range(200):
        kit.guard.count(str(index), NOW, lambda: None)
    for question in (kit.live, kit.shared):
        with pytest.raises(IntrospectionUnavailable):
            question()
    assert kit.issuer.questions == []
    # What is kept serves all the same.
    kit.cache.set(kit.key, claims(), 30)
    assert kit.get() == claims()
