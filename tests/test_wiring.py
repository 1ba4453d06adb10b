"""The composition root: one resource server per process, lazy and fork-safe."""

import logging
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier, Thread

import pytest
from django.test import override_settings

from django_oidc_rs import wiring
from django_oidc_rs.cache_store import CacheKeyStore
from django_oidc_rs.conf import get_config
from django_oidc_rs.core.clock import SystemClock
from django_oidc_rs.core.errors import BadSignature, KeysUnavailable
from django_oidc_rs.core.http import HttpClient
from django_oidc_rs.core.keys import (
    BoundedStore,
    KeyRing,
    MemoryKeyStore,
    StaticKeys,
)
from django_oidc_rs.signals import keys_refreshed
from django_oidc_rs.stores import DatabaseKeyStore, closing_connections
from django_oidc_rs.testing import FakeClock, FakeIssuer, SigningKey, install
from django_oidc_rs.wiring import (
    Seams,
    get_resource_server,
    get_seams,
    reset,
    substitute,
)

from .settings_faults import SECRET, issuer, keys, top


def seams():
    return Seams(
        clock=FakeClock(),
        fetch=lambda *_args, **_kwargs: None,
        store=MemoryKeyStore(),
        spawn=lambda work: work(),
    )


@pytest.fixture
def refreshed():
    """What ``keys_refreshed`` announced."""
    seen = []

    def receiver(sender, issuer_alias, error, **_kwargs):
        seen.append((sender, issuer_alias, error and error.code))
        raise RuntimeError("a receiver's own mistake")

    keys_refreshed.connect(receiver)
    logging.disable(logging.CRITICAL)
    yield seen
    logging.disable(logging.NOTSET)
    keys_refreshed.disconnect(receiver)


# The seams.


def test_outside_tests_the_world_is_real():
    real = get_seams()
    assert isinstance(real.clock, SystemClock)
    assert isinstance(real.fetch, HttpClient)
    assert isinstance(real.store, DatabaseKeyStore)
    assert real.spawn is closing_connections


def test_substitutes_nest_and_restore():
    outer, inner = seams(), seams()
    before = get_resource_server()
    with substitute(outer):
        assert get_seams() is outer
        outside = get_resource_server()
        assert outside.validators[0].clock is outer.clock
        with substitute(inner):
            assert get_seams() is inner
            assert get_resource_server().validators[0].clock is inner.clock
        assert get_seams() is outer
        again = get_resource_server()
        assert again is not outside
        assert again.validators[0].clock is outer.clock
    assert isinstance(get_seams().clock, SystemClock)
    assert get_resource_server() is not before


def test_substitutes_may_end_in_any_order():
    outer, inner = seams(), seams()
    with ExitStack() as last:
        with ExitStack() as first:
            first.enter_context(substitute(outer))
            last.enter_context(substitute(inner))
        assert get_seams() is inner
    assert isinstance(get_seams().clock, SystemClock)


def test_substitutes_end_with_an_exception():
    def fail():
        with substitute(seams()):
            get_resource_server()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert isinstance(get_seams().clock, SystemClock)
    assert isinstance(get_resource_server().validators[0].clock, SystemClock)


def test_each_issuer_has_the_store_it_names():
    real = get_seams()
    assert isinstance(real.store, DatabaseKeyStore)
    with override_settings(OIDC_RS=keys(STORE="default")):
        (policy,) = get_config().issuers
        assert isinstance(real.store_of(policy), CacheKeyStore)
        # Substitutes stand for both.
        fake = seams()
        assert fake.store_of(policy) is fake.store
    with override_settings(OIDC_RS=keys(STORE="database")):
        (policy,) = get_config().issuers
        assert real.store_of(policy) is real.store


def test_issuers_of_one_store_share_what_guards_it():
    """A store that hangs costs one thread, however many issuers there are."""
    raw = top(
        ISSUERS={
            "one": {"ISSUER": "https://one.test", "SCOPES": []},
            "two": {"ISSUER": "https://two.test", "SCOPES": []},
            "three": {
                "ISSUER": "https://three.test",
                "SCOPES": [],
                "KEYS": {"STORE": "default"},
            },
        }
    )
    with override_settings(OIDC_RS=raw):
        one, two, three = (
            validator.keys._local._store
            for validator in get_resource_server().validators
        )
    assert isinstance(one, BoundedStore)
    assert one is two
    assert isinstance(three, BoundedStore)
    assert three is not one


# One server.


def test_there_is_one_server_until_reset():
    server = get_resource_server()
    assert get_resource_server() is server
    reset()
    assert get_resource_server() is not server


def test_twenty_first_requests_get_one_server():
    reset()
    together, servers = Barrier(20), []

    def first_request():
        together.wait()
        servers.append(get_resource_server())

    threads = [Thread(target=first_request) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(servers) == 20
    assert len(set(map(id, servers))) == 1


def test_the_slower_thread_takes_what_the_faster_one_made(monkeypatch):
    reset()
    made = object()

    class Contended:
        """A lock that is free only after another thread went through."""

        def __enter__(self):
            wiring._server = made

        def __exit__(self, *_exception):
            pass

    monkeypatch.setattr(wiring, "_lock", Contended())
    assert get_resource_server() is made
    reset()
    assert get_resource_server() is not made


FORK = """
import os
import sys
import django
django.setup()
from django_oidc_rs import wiring

before = wiring.get_resource_server()
with wiring._lock:
    # The lock is held in the parent: in a child, by a thread that does not exist.
    child = os.fork()
    if child == 0:
        after = wiring.get_resource_server()
        os._exit(0 if after is not before else 3)
_, status = os.waitpid(child, 0)
assert wiring.get_resource_server() is before
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_worker_makes_its_own():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# What it is made of.


def test_each_issuer_has_a_validator_and_keys():
    raw = top(
        ISSUERS={
            "fetched": {"ISSUER": "https://one.test", "SCOPES": []},
            "secret": {"ISSUER": "two", "SHARED_SECRET": SECRET, "SCOPES": []},
            "written": {
                "ISSUER": "three",
                "JWKS": {"keys": [SigningKey("ES256").public_jwk()]},
            },
        },
        MAX_TOKEN_LENGTH=1000,
    )
    with override_settings(OIDC_RS=raw):
        server = get_resource_server()
        assert server.max_token_length == 1000
        fetched, secret, written = server.validators
        assert [v.policy for v in server.validators] == list(get_config().issuers)
    assert isinstance(fetched.keys, KeyRing)
    assert isinstance(secret.keys, StaticKeys)
    assert isinstance(written.keys, StaticKeys)


def test_keys_written_in_settings_verify():
    key = SigningKey("ES256")
    raw = issuer(ISSUER="atm", JWKS={"keys": [key.public_jwk()]})
    claims = {"iss": "atm", "aud": "https://api.test", "sub": "a", "exp": 2e9}
    with override_settings(OIDC_RS=raw), substitute(seams()):
        server = get_resource_server()
        assert server.validate(key.sign(claims)).subject == "a"
        other = SigningKey("ES256", key_id=key.key_id)
        with pytest.raises(BadSignature):
            server.validate(other.sign(claims))


def test_a_shared_secret_verifies():
    with override_settings(OIDC_RS=issuer(SHARED_SECRET=SECRET)):
        fake = FakeIssuer()
        with install(fake):
            server = get_resource_server()
            assert server.validate(fake.access_token("a")).subject == "a"
            forged = SigningKey("HS256", secret=b"x" * 32).sign(fake.claims("a"))
            with pytest.raises(BadSignature):
                server.validate(forged)
        assert fake.fetches == []


def test_fetches_are_announced(fake_issuer, refreshed):
    token = fake_issuer.access_token("a")
    assert get_resource_server().validate(token).subject == "a"
    assert refreshed == [(KeyRing, "default", None)]


def test_failed_fetches_are_announced(fake_issuer, refreshed):
    fake_issuer.fail("timeout")
    with pytest.raises(KeysUnavailable):
        get_resource_server().validate(fake_issuer.access_token("a"))
    assert refreshed == [(KeyRing, "default", "timeout")]


def test_nothing_is_fetched_to_start():
    fake = FakeIssuer()
    with install(fake):
        get_resource_server()
        assert wiring.get_resource_server().validators
    assert fake.fetches == []


# Verified tokens that are kept


@pytest.mark.parametrize("cache", [None, {}, {"SIZE": 0}, {"MAX_AGE": 5}])
def test_without_a_size_no_token_is_kept(settings, cache):
    if cache is not None:
        settings.OIDC_RS = {**settings.OIDC_RS, "TOKEN_CACHE": cache}
    assert get_resource_server()._cache is None


def test_a_child_process_starts_with_no_kept_token(settings, clock):
    settings.OIDC_RS = {**settings.OIDC_RS, "TOKEN_CACHE": {"SIZE": 10}}
    fake = FakeIssuer(clock=clock)
    with install(fake, clock=clock):
        get_resource_server().validate(fake.access_token())
        assert len(get_resource_server()._cache) == 1
        # What os.register_at_fork does in every child.
        wiring.reset()
        assert len(get_resource_server()._cache) == 0
