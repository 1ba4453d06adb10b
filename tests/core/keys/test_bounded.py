"""A store that hangs is given up on, and costs one thread."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import Empty

import pytest

from django_oidc_rs.core.keys import BoundedStore, KeyRecord, StoreError, Verdict
from django_oidc_rs.core.keys import bounded as module
from django_oidc_rs.core.keys.fleet import Outcome

from .fakes import ISSUER, Hand, Store, in_thread, inline, until

RECORD = KeyRecord(
    issuer=ISSUER, jwks="{}", jwks_uri="https://x", fetched_at=0, lifetime=600
)


@pytest.fixture
def store(clock):
    return Store(clock)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(module, "_READ", 0.01)
    monkeypatch.setattr(module, "_WRITE", 0.01)


@pytest.mark.parametrize("spawn", [in_thread, inline])
def test_it_does_what_the_store_does(store, spawn):
    bounded = BoundedStore(store, spawn=spawn)
    assert bounded.load(ISSUER) is None
    assert bounded.publish(RECORD, replacing=0).version == 1
    assert bounded.load(ISSUER).version == 1
    for verdict in (Verdict.GRANTED, Verdict.LEASED):
        answer = bounded.admit(ISSUER, holder="me", cooldown=None)
        assert answer.verdict is verdict
    bounded.settle(ISSUER, holder="", outcome=Outcome(error="tls"))
    assert bounded.last_error(ISSUER) == "tls"
    bounded.settle(ISSUER, holder="me", outcome=Outcome())
    assert bounded.last_error(ISSUER) == ""
    answer = bounded.admit(ISSUER, holder="me", cooldown=None)
    assert answer.verdict is Verdict.GRANTED


@pytest.mark.parametrize("error", [StoreError("down"), ZeroDivisionError()])
def test_it_raises_what_the_store_raises(store, error):
    store.load_error = error
    bounded = BoundedStore(store, spawn=in_thread)
    for _ in range(3):
        with pytest.raises(type(error)):
            bounded.load(ISSUER)


def test_calls_close_together_share_a_thread(store, monkeypatch):
    monkeypatch.setattr(module, "_LINGER", 30)
    started = []
    bounded = BoundedStore(store, spawn=lambda work: started.append(in_thread(work)))
    for _ in range(5):
        bounded.load(ISSUER)
    assert len(started) == 1


def test_the_thread_leaves_when_nothing_is_asked(store, monkeypatch):
    monkeypatch.setattr(module, "_LINGER", 0.001)
    bounded = BoundedStore(store, spawn=in_thread)
    bounded.load(ISSUER)
    until(lambda: not bounded._working)
    assert bounded.load(ISSUER) is None


@pytest.mark.usefixtures("impatient")
def test_a_hanging_store_costs_one_thread(store):
    gone_on = threading.Event()
    store.before_load = gone_on.wait
    started = []
    bounded = BoundedStore(store, spawn=lambda work: started.append(in_thread(work)))
    with pytest.raises(StoreError, match="no answer"):
        bounded.load(ISSUER)
    for _ in range(20):
        with pytest.raises(StoreError, match="an earlier call"):
            bounded.admit(ISSUER, holder="me", cooldown=None)
    assert len(started) == 1
    assert store._states == {}
    gone_on.set()
    until(bounded._late.done)
    assert bounded._late.done()


def test_who_asks_while_the_thread_is_leaving_is_answered(store, monkeypatch):
    bounded = BoundedStore(store, spawn=in_thread)
    jobs, seen_empty = bounded._jobs, []

    class Late:
        """A queue that seems empty just before the first job arrives."""

        put, empty = jobs.put, jobs.empty

        def get(self, timeout):
            if not seen_empty:
                until(lambda: not jobs.empty())
                seen_empty.append(True)
                raise Empty
            return jobs.get(timeout=timeout)

    monkeypatch.setattr(bounded, "_jobs", Late())
    assert bounded.load(ISSUER) is None
    assert seen_empty == [True]


class Queued(Future):
    """An answer that comes after ``turns`` others, or never starts."""

    def __init__(self, bounded, turns, *, moving=True):
        super().__init__()
        self.bounded, self.turns, self.moving, self.asked = bounded, turns, moving, 0

    def exception(self, timeout=None):
        self.asked += 1
        if self.asked > self.turns:
            return
        self.bounded._done += self.moving
        raise TimeoutError


@pytest.mark.parametrize(
    ("turns", "moving", "comes", "asked"),
    [(0, True, True, 1), (19, True, True, 20), (20, True, False, 20), (5, 0, False, 1)],
)
def test_who_queues_waits_while_the_queue_moves(store, turns, moving, comes, asked):
    """A hundred issuers may ask at once; the store is not down for that."""
    bounded = BoundedStore(store, spawn=in_thread)
    answer = Queued(bounded, turns, moving=moving)
    assert bounded._comes(answer, 1.0) is comes
    assert answer.asked == asked


def test_what_has_started_has_its_own_time_alone(store):
    bounded = BoundedStore(store, spawn=in_thread)
    answer = Queued(bounded, 5)
    answer.set_running_or_notify_cancel()
    assert not bounded._comes(answer, 1.0)


@pytest.mark.usefixtures("impatient")
def test_what_never_started_is_never_done(store):
    spawn = Hand()
    bounded = BoundedStore(store, spawn=spawn)
    with pytest.raises(StoreError):
        bounded.publish(RECORD, replacing=0)
    # Nothing hangs in the store itself, so the next call may try.
    with pytest.raises(StoreError, match="no answer"):
        bounded.publish(RECORD, replacing=0)
    spawn.run()
    assert store.load(ISSUER) is None


@pytest.mark.usefixtures("impatient")
def test_a_thread_that_was_lost_is_replaced(store):
    bounded = BoundedStore(store, spawn=in_thread)
    bounded._working = True
    with pytest.raises(StoreError):
        bounded.load(ISSUER)
    assert not bounded._working


def test_without_threads_it_says_so_and_tries_again(store):
    def no_threads(work):
        raise RuntimeError("can't start new thread")

    bounded = BoundedStore(store, spawn=no_threads)
    for _ in range(2):
        with pytest.raises(StoreError, match="no thread"):
            bounded.load(ISSUER)
    bounded._spawn = in_thread
    assert bounded.load(ISSUER) is None
