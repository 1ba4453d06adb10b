"""The key store on Django's cache framework: LocMem here, Redis where it is given."""

import json
import os
from dataclasses import replace

import pytest
from django.core import signing
from django.core.cache import caches
from django.test import override_settings

from django_oidc_rs.cache_store import CacheKeyStore
from django_oidc_rs.core.keys import (
    KeyRecord,
    MemoryKeyStore,
    Outcome,
    StoreError,
    Verdict,
)
from django_oidc_rs.models import issuer_key

ISSUER = "https://issuer.test"
RECORD = KeyRecord(
    issuer=ISSUER,
    jwks='{"keys":[]}',
    jwks_uri=f"{ISSUER}/jwks",
    fetched_at=1_800_000_000.25,
    lifetime=600.0,
    etag='"abc"',
    metadata_public=False,
)
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
REDIS = os.environ.get("DJANGO_OIDC_RS_REDIS", "")
NEEDED = "DJANGO_OIDC_RS_REDIS" in os.environ or "DJANGO_OIDC_RS_CI" in os.environ


@pytest.fixture(params=["locmem", "redis"])
def cache(request):
    backend = {**LOCMEM, "LOCATION": "keys"}
    if request.param == "redis":
        if not REDIS and not NEEDED:
            pytest.skip("DJANGO_OIDC_RS_REDIS names no server")
        backend = {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS,
        }
    with override_settings(CACHES={"default": LOCMEM, "keys": backend}):
        caches["keys"].clear()
        yield caches["keys"]
        caches["keys"].clear()
        caches["keys"].close()


@pytest.fixture
def database():
    return MemoryKeyStore()


@pytest.fixture
def store(cache, database):
    return CacheKeyStore("keys", fallback=database)


class Broken:
    """A cache whose server is gone."""

    def __init__(self, _location, _params):
        pass

    def close(self, **_kwargs):
        pass

    def __getattr__(self, name):
        raise ConnectionError("gone")


@pytest.fixture
def broken(database):
    backend = {"BACKEND": f"{__name__}.Broken", "LOCATION": ""}
    with override_settings(CACHES={"default": LOCMEM, "keys": backend}):
        yield CacheKeyStore("keys", fallback=database)


def entry(name, issuer=ISSUER):
    return f"django_oidc_rs:{issuer_key(issuer)}:{name}"


# Records.


def test_nothing_is_stored_at_first(store):
    assert store.load(ISSUER) is None


def test_what_is_published_is_loaded(store):
    published = store.publish(RECORD, replacing=0)
    assert published == replace(RECORD, version=1)
    loaded = store.load(ISSUER)
    assert loaded == published
    assert 0 <= loaded.age < 60


def test_each_publication_replaces_the_version_it_knew(store):
    store.publish(RECORD, replacing=0)
    newer = replace(RECORD, jwks="newer", lifetime=300.0, etag="")
    assert store.publish(newer, replacing=1) == replace(newer, version=2)
    assert store.load(ISSUER) == replace(newer, version=2)


@pytest.mark.parametrize("replacing", [0, 1, 5])
def test_jc_27_s_a_slow_old_answer_replaces_nothing(store, replacing):
    store.publish(RECORD, replacing=0)
    newer = store.publish(replace(RECORD, jwks="newer"), replacing=1)
    assert store.publish(replace(RECORD, jwks="slow"), replacing=replacing) is None
    assert store.load(ISSUER) == newer


def test_one_publishes_at_a_time(store, cache):
    store.publish(RECORD, replacing=0)
    name = entry("publishing")
    cache.add(name, 1, 5)
    assert store.publish(RECORD, replacing=1) is None
    cache.delete(name)
    assert store.publish(RECORD, replacing=1).version == 2


def test_ss_10_issuers_do_not_touch_each_other(store):
    store.publish(RECORD, replacing=0)
    other = replace(RECORD, issuer=ISSUER.upper())
    assert store.load(other.issuer) is None
    store.publish(other, replacing=0)
    assert store.load(ISSUER) == replace(RECORD, version=1)


# What is not signed by this project counts for nothing.


def forge(text=None, **changes):
    values = {"issuer": ISSUER, "jwks": "evil", "jwks_uri": "x", "fetched_at": 0.0}
    values |= {"lifetime": 600.0, "version": 9, "stored_at": 0.0, **changes}
    return text or signing.dumps(values, salt=f"django_oidc_rs.keys.{ISSUER}")


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        5,
        [],
        "{}",
        json.dumps({"jwks": "evil"}),
        signing.dumps({"jwks": "evil"}, key="another"),
        signing.dumps({"jwks": "evil"}, salt="another"),
        signing.dumps({"jwks": "x"}, salt=f"django_oidc_rs.keys.{ISSUER.upper()}"),
        forge(stored_at="x"),
        forge(unknown="x"),
        signing.dumps([1], salt=f"django_oidc_rs.keys.{ISSUER}"),
        signing.dumps({}, salt=f"django_oidc_rs.keys.{ISSUER}"),
    ],
    ids=range(12),
)
def test_ss_07_ss_08_a_poisoned_entry_counts_as_none(store, cache, stored, caplog):
    cache.set(entry("record"), stored, None)
    assert store.load(ISSUER) is None
    (record,) = caplog.records
    assert (record.levelname, record.reason) == ("ERROR", "store_tampered")
    assert record.issuer_alias == "default"
    assert "evil" not in caplog.text
    assert store.publish(RECORD, replacing=0).version == 1
    assert store.load(ISSUER) == replace(RECORD, version=1)


def test_an_entry_of_another_issuer_is_not_taken_for_this_ones(store, cache):
    """Who can write to the cache may copy what is signed."""
    other = replace(RECORD, issuer="https://evil.test")
    store.publish(other, replacing=0)
    signed = cache.get(entry("record", other.issuer))
    cache.set(entry("record"), signed, None)
    assert store.load(ISSUER) is None


def test_a_new_secret_key_with_the_old_one_among_the_fallbacks(store):
    with override_settings(SECRET_KEY="old"):
        store.publish(RECORD, replacing=0)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert store.load(ISSUER).version == 1
    with override_settings(SECRET_KEY="new"):
        assert store.load(ISSUER) is None


# The database behind it.


def test_ss_05_a_flushed_cache_is_filled_from_the_database(store, database, cache):
    database.publish(RECORD, replacing=0)
    database.publish(RECORD, replacing=1)
    assert store.load(ISSUER) == replace(RECORD, version=-2)
    store.publish(replace(RECORD, jwks="newer"), replacing=0)
    assert store.load(ISSUER).jwks == "newer"
    cache.clear()
    assert store.load(ISSUER).jwks == RECORD.jwks


def test_without_either_there_is_nothing(store, database, monkeypatch):
    def down(_issuer):
        raise StoreError("down")

    monkeypatch.setattr(database, "load", down)
    assert store.load(ISSUER) is None


# Leave to fetch.


def ask(store, holder="one", cooldown=None):
    return store.admit(ISSUER, holder=holder, cooldown=cooldown)


def settle(store, holder="one", error=""):
    store.settle(ISSUER, holder=holder, outcome=Outcome(error=error))


def test_one_at_a_time_in_the_whole_fleet(store):
    assert ask(store).verdict is Verdict.GRANTED
    answer = ask(store, "two")
    assert answer.verdict is Verdict.LEASED
    assert answer.pause > 0
    settle(store)
    assert ask(store, "two").verdict is Verdict.GRANTED


def test_who_does_not_hold_the_lease_says_how_the_issuer_does(store, cache):
    ask(store)
    settle(store, "two")
    assert ask(store, "two").verdict is Verdict.LEASED
    settle(store, "two", error="tls")
    assert ask(store, "two").verdict is Verdict.BACKING_OFF
    cache.delete(entry("pause"))
    assert ask(store, "two").verdict is Verdict.LEASED
    settle(store, "three")
    answer = ask(store, "two")
    assert (answer.verdict, answer.failures) == (Verdict.LEASED, 0)


def test_a_failure_makes_all_wait_until_a_success(store, cache):
    ask(store)
    settle(store, error="tls")
    answer = ask(store, "two")
    assert answer.verdict is Verdict.BACKING_OFF
    assert (answer.failures, answer.error) == (1, "tls")
    assert store.last_error(ISSUER) == "tls"
    assert 0 < answer.pause <= 5
    pause = entry("pause")
    assert cache.get(pause) in {1, 2}
    cache.delete(pause)
    answer = ask(store, "two")
    assert (answer.verdict, answer.failures) == (Verdict.GRANTED, 1)
    settle(store, "two", error="timeout")
    assert (ask(store).failures, cache.get(pause)) == (2, 2)
    cache.delete(pause)
    ask(store)
    settle(store)
    answer = ask(store)
    assert (answer.verdict, answer.failures, answer.error) == (Verdict.GRANTED, 0, "")
    assert store.last_error(ISSUER) == ""


def test_the_budget_is_that_of_all(store):
    for holder in ("one", "two"):
        assert ask(store, holder, cooldown=30).verdict is Verdict.GRANTED
        settle(store, holder)
    answer = ask(store, "three", cooldown=30)
    assert answer.verdict is Verdict.EXHAUSTED
    assert 0 < answer.pause <= 30
    assert ask(store, "three").verdict is Verdict.GRANTED


@pytest.mark.parametrize("said", ["{", "[]", "5", '["x", "y"]', 5, [1]])
def test_ss_08_an_edited_state_blocks_nobody(store, cache, said):
    cache.set(entry("failures"), said, 60)
    assert ask(store).verdict is Verdict.GRANTED


def test_an_edited_pause_blocks_nobody_for_long(store, cache):
    pause = entry("pause")
    cache.set(pause, 10**9, 60)
    assert ask(store).pause <= 5
    for said in ("x", "nan", float("nan"), -5):
        cache.set(pause, said, 60)
        assert ask(store).verdict is Verdict.GRANTED
        settle(store)


# A server that is gone.


def test_ss_03_a_cache_that_is_gone_is_a_store_error(broken):
    for act in (
        lambda: broken.load(ISSUER),
        lambda: broken.publish(RECORD, replacing=0),
        lambda: ask(broken),
        lambda: settle(broken),
        lambda: broken.last_error(ISSUER),
    ):
        with pytest.raises(StoreError):
            act()


def test_but_the_database_serves(broken, database):
    database.publish(RECORD, replacing=0)
    assert broken.load(ISSUER) == replace(RECORD, version=-1)


def test_an_alias_that_is_gone_is_a_store_error(database):
    with pytest.raises(StoreError):
        CacheKeyStore("no_such", fallback=database).load(ISSUER)
