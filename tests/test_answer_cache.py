"""Introspection answers in a cache that others may write to, or that is gone."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core import signing
from django.core.cache import caches
from django.test import override_settings

from django_oidc_rs.answer_cache import DjangoAnswerCache
from django_oidc_rs.core.answers import Answers
from django_oidc_rs.core.breaker import FloodGuard
from django_oidc_rs.core.clock import SystemClock

KEY, OTHER = "a" * 64, "b" * 64
ANSWER = {"sub": "alice", "aud": ["x"], "exp": 10**400, "a": {"b": None}, "f": 0.5}
NAME = f"django_oidc_rs:answer:{KEY}"
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
REDIS = os.environ.get("DJANGO_OIDC_RS_REDIS", "")
NEEDED = "DJANGO_OIDC_RS_REDIS" in os.environ or "DJANGO_OIDC_RS_CI" in os.environ


@pytest.fixture(params=["locmem", "redis"])
def cache(request):
    backend = {**LOCMEM, "LOCATION": "answers"}
    if request.param == "redis":
        if not REDIS and not NEEDED:
            pytest.skip("DJANGO_OIDC_RS_REDIS names no server")
        backend = {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS,
        }
    with override_settings(CACHES={"default": LOCMEM, "answers": backend}):
        caches["answers"].clear()
        yield caches["answers"]
        caches["answers"].clear()
        caches["answers"].close()


@pytest.fixture
def answers(cache):
    return DjangoAnswerCache("answers")


def test_what_was_kept_comes_back_until_it_is_deleted(answers):
    assert answers.get(KEY) is None
    answers.set(KEY, ANSWER, 30)
    assert answers.get(KEY) == ANSWER
    assert answers.get(OTHER) is None
    answers.set(KEY, {}, 5)
    assert answers.get(KEY) == {}
    answers.delete(KEY)
    assert answers.get(KEY) is None
    answers.delete(KEY)


def test_who_gets_an_answer_cannot_change_it_for_others(answers):
    answers.set(KEY, ANSWER, 30)
    answers.get(KEY)["a"]["b"] = "changed"
    assert answers.get(KEY) == ANSWER


@pytest.mark.parametrize("seconds", [0, 0.9, -5])
def test_what_lives_less_than_a_second_is_not_kept_and_replaces_what_is(
    answers, seconds
):
    answers.set(KEY, ANSWER, 30)
    answers.set(KEY, {}, seconds)
    assert answers.get(KEY) is None


def test_an_answer_too_large_is_not_kept_and_replaces_what_is(answers):
    answers.set(KEY, ANSWER, 30)
    # Random text, which does not become small by compression.
    answers.set(KEY, {"a": os.urandom(50_000).hex()}, 30)
    assert answers.get(KEY) is None
    # What does is welcome.
    answers.set(KEY, {"a": "x" * 200_000}, 30)
    assert answers.get(KEY) == {"a": "x" * 200_000}


def test_lifetimes_are_rounded_down(cache, answers, monkeypatch):
    kept = []
    monkeypatch.setattr(
        type(cache), "set", lambda self, key, value, timeout: kept.append(timeout)
    )
    answers.set(KEY, ANSWER, 7.9)
    assert kept == [7]


def test_neither_token_nor_claims_are_readable_names(cache, answers):
    answers.set(KEY, ANSWER, 30)
    assert cache.get(NAME).count(":") == 2
    assert "alice" not in NAME


# What somebody else wrote.


def signed(value, key=KEY):
    return signing.dumps(
        value, salt=f"django_oidc_rs.introspection.{key}", compress=True
    )


def entry(answer, seconds=30):
    return [time.time() + seconds, answer]


FOREIGN = {
    "unsigned": json.dumps(entry(ANSWER)),
    "empty": "",
    "no-text": 7,
    "bytes": b"abc",
    "list": [1],
    "dict": ANSWER,
    "true": True,
    "surrogate": "\ud800:a:b",
    "other-salt": signing.dumps(entry(ANSWER), salt="django_oidc_rs.introspection"),
    "other-key": signed(entry(ANSWER), OTHER),
    "cut": signed(entry(ANSWER))[:-1],
    "longer": signed(entry(ANSWER)) + "x",
    "other-secret": signing.dumps(
        entry(ANSWER), key="mallory", salt=f"django_oidc_rs.introspection.{KEY}"
    ),
    # Signed, but of an earlier version of this library.
    "no-time": signed(ANSWER),
    "not-two": signed([1, 2, 3]),
    "null": signed(None),
}


@pytest.mark.parametrize("fault", FOREIGN)
def test_what_this_project_did_not_sign_counts_as_not_there(fault, answers, caplog):
    with override_settings(SECRET_KEY="tests"):
        try:
            caches["answers"].set(NAME, FOREIGN[fault], 30)
        except UnicodeError:
            pytest.skip("this cache takes no such text")
        assert answers.get(KEY) is None
    [record] = caplog.records
    assert (record.levelno, record.reason) == (logging.ERROR, "answer_tampered")
    assert record.exc_info is None
    assert "alice" not in caplog.text


def test_an_entry_moved_to_another_token_is_no_answer(cache, answers):
    answers.set(KEY, ANSWER, 30)
    moved = cache.get(NAME)
    cache.set(f"django_oidc_rs:answer:{OTHER}", moved, 30)
    assert answers.get(OTHER) is None
    assert answers.get(KEY) == ANSWER


def test_an_entry_put_back_when_its_time_was_over_is_no_answer(
    cache, answers, monkeypatch, caplog
):
    answers.set(KEY, ANSWER, 30)
    old, now = cache.get(NAME), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 29)
    cache.set(NAME, old, None)
    assert answers.get(KEY) == ANSWER
    monkeypatch.setattr(time, "time", lambda: now + 31)
    cache.set(NAME, old, None)
    assert answers.get(KEY) is None
    assert caplog.records == []


def test_rotating_the_secret_key_keeps_answers(answers):
    with override_settings(SECRET_KEY="old"):
        answers.set(KEY, ANSWER, 30)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert answers.get(KEY) == ANSWER
    with override_settings(SECRET_KEY="new"):
        assert answers.get(KEY) is None


# One process asks for all.


def test_only_one_begins_until_it_ends(cache, answers):
    assert answers.begin(KEY, 6) is True
    assert answers.begin(KEY, 6) is False
    assert DjangoAnswerCache("answers").begin(KEY, 6) is False
    assert answers.begin(OTHER, 6) is True
    answers.end(KEY)
    assert answers.begin(KEY, 6) is True
    answers.set(KEY, ANSWER, 30)
    answers.end(KEY)
    assert answers.get(KEY) == ANSWER


def test_who_dies_stands_in_the_way_for_so_long(cache, answers, monkeypatch):
    taken = []
    monkeypatch.setattr(
        type(cache), "add", lambda self, key, value, timeout: taken.append(timeout) or 1
    )
    assert answers.begin(KEY, 5.2)
    assert taken == [6]


def test_two_processes_and_many_threads_ask_once(cache):
    asked, begun = [], threading.Barrier(8)

    def ask(raw_token):
        asked.append(raw_token)
        return {"sub": "alice", "exp": time.time() + 300}

    def process():
        return Answers(
            ask,
            scope=("i", "e", "c"),
            cache_seconds=30,
            cache=DjangoAnswerCache("answers"),
            clock=SystemClock(),
            pause=lambda _seconds: None,
        )

    processes = [process(), process()]

    def request(index):
        mine, guard = processes[index % 2], FloodGuard()
        key = mine.key("opaque")
        begun.wait(30)
        try:
            kept = mine.kept(key)
            return kept or mine.shared(key, "opaque", guard)
        finally:
            caches["answers"].close()

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(request, range(8)))
    assert {each["sub"] for each in got} == {"alice"}
    assert asked == ["opaque"]


# A cache that is gone.


class Broken:
    """A cache whose server is gone."""

    def __init__(self, _location, _params):
        pass

    def close(self, **_kwargs):
        pass

    def __getattr__(self, name):
        raise ConnectionError("gone: redis://user:password@cache")


class Silent:
    """A cache whose client ignores that its server is gone."""

    def __init__(self, _location, _params):
        pass

    def close(self, **_kwargs):
        pass

    def add(self, *_args):
        return False

    def get(self, *_args):
        return None

    set = delete = get


@pytest.fixture(params=[Broken, Silent])
def gone(request):
    backend = {"BACKEND": f"{__name__}.{request.param.__name__}", "LOCATION": ""}
    with override_settings(CACHES={"default": LOCMEM, "answers": backend}):
        yield request.param


def test_a_cache_that_is_gone_holds_nothing_and_nobody_up(gone, caplog):
    answers = DjangoAnswerCache("answers")
    answers.set(KEY, ANSWER, 30)
    assert answers.get(KEY) is None
    answers.delete(KEY)
    for _ in range(2):
        assert answers.begin(KEY, 6) is True
    answers.end(KEY)
    if gone is Broken:
        assert {each.reason for each in caplog.records} == {"cache_unreachable"}
        assert "ConnectionError" in caplog.text
    assert "password" not in caplog.text


def test_a_cache_that_is_not_configured_is_none(caplog):
    assert DjangoAnswerCache("missing").get(KEY) is None
    assert "missing" in caplog.text
