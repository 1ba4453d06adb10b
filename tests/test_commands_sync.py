"""sync_oidc_keys: fetch, validate, store, and say so."""

import json

import pytest
from django.core.cache import caches
from django.test import override_settings

from django_oidc_rs import health
from django_oidc_rs.cache_store import CacheKeyStore
from django_oidc_rs.conf import get_config
from django_oidc_rs.core.errors import KeysUnavailable
from django_oidc_rs.core.keys import KeyRecord, StoreError
from django_oidc_rs.models import IssuerRecord, RefreshState, issuer_key
from django_oidc_rs.stores import DatabaseKeyStore
from django_oidc_rs.testing import FakeClock, FakeIssuer, SigningKey
from django_oidc_rs.wiring import get_resource_server

from .commands import HOSTILE, database_store, is_harmless, run, without_table
from .settings_faults import JWKS, SECRET, introspection, issuer, keys, top

THREE = top(
    ISSUERS={
        "one": {"ISSUER": "https://one.test", "SCOPES": []},
        "two": {"ISSUER": "https://two.test", "SCOPES": []},
        "three": {"ISSUER": "three", "JWKS_URI": "https://keys.test/3", "SCOPES": []},
    }
)


@pytest.fixture
def three(db):
    """Three issuers whose keys are stored in the database."""
    with override_settings(OIDC_RS=THREE):
        clock = FakeClock()
        issuers = [FakeIssuer(policy, clock=clock) for policy in get_config().issuers]
        with database_store(*issuers, clock=clock):
            yield clock, *issuers


def stored():
    return {row.issuer: (row.version, row.jwks) for row in IssuerRecord.objects.all()}


# All is well.


def test_every_issuer_is_stored_and_shown(three):
    _, one, two, three_ = three
    done = run("sync_oidc_keys")
    assert done.code == 0
    assert done.lines[0] == "ISSUER STATE KEYS KEY ID ALGORITHMS"
    assert done.lines[2:] == [
        f"{each.policy.alias} fresh for 10 min 1 added {each.key.key_id} ES256"
        for each in (one, two, three_)
    ]
    assert {issuer: version for issuer, (version, _) in stored().items()} == {
        "https://one.test": 1,
        "https://two.test": 1,
        "three": 1,
    }


def test_what_is_stored_serves_without_the_issuer(three):
    _, one, *_ = three
    run("sync_oidc_keys")
    one.fail()
    assert get_resource_server().validate(one.access_token("a")).subject == "a"


def test_progress_goes_to_the_other_stream(three):
    done = run("sync_oidc_keys")
    lines = done.err.splitlines()
    assert [line[:6] for line in lines] == ["[1/3] ", "[2/3] ", "[3/3] "]
    assert sorted(line[6:] for line in lines) == ["one: ok", "three: ok", "two: ok"]
    assert "[1/3]" not in done.out


def test_one_issuer_needs_no_progress(three):
    done = run("sync_oidc_keys", "two")
    assert (done.code, done.err) == (0, "")
    assert list(stored()) == ["https://two.test"]
    assert len(done.lines) == 3


def test_an_issuer_named_twice_is_asked_once(three):
    _, one, *_ = three
    assert run("sync_oidc_keys", "one", "one").code == 0
    assert one.fetches.count(one.jwks_uri) == 1


def test_added_kept_and_removed_are_counted(three):
    _, one, *_ = three
    run("sync_oidc_keys", "one")
    old = one.rotate(keep_old=True)
    done = run("sync_oidc_keys", "one")
    assert done.lines[2:] == [
        f"one fresh for 10 min 1 added 1 kept {old.key_id} ES256",
        f"{one.key.key_id} ES256",
    ]
    one.published = one.published[1:]
    done = run("sync_oidc_keys", "one")
    assert done.lines[2:] == [
        f"one fresh for 10 min 1 kept 1 removed {one.key.key_id} ES256"
    ]
    assert stored()["https://one.test"][0] == 3


def test_json_says_the_same(three):
    _, one, *_ = three
    one.headers = {"cache-control": "max-age=900"}
    done = run("sync_oidc_keys", json=True)
    assert done.err == ""
    first = done.json["issuers"][0]
    assert first == {
        "alias": "one",
        "issuer": "https://one.test",
        "status": "fetched",
        "keys": [{"key_id": one.key.key_id, "algorithms": ["ES256"]}],
        "added": 1,
        "kept": 0,
        "removed": 0,
        "age": 0.0,
        "lifetime": 900.0,
        "refused": [],
        "error": None,
    }
    assert done.json["pruned"] == 0


def test_many_keys_are_cut_short_in_the_table_only(three):
    _, one, *_ = three
    one.published = [SigningKey("ES256").public_jwk() for _ in range(20)]
    done = run("sync_oidc_keys", "one")
    assert done.lines[-1] == "and 12 more"
    assert len(done.lines) == 2 + 8 + 1
    assert len(run("sync_oidc_keys", "one", json=True).json["issuers"][0]["keys"]) == 20


def test_keys_without_key_id_and_algorithm(three):
    _, one, *_ = three
    key = SigningKey("RS256").public_jwk()
    one.published = [{"kty": "RSA", "n": key["n"], "e": key["e"]}]
    done = run("sync_oidc_keys", "one")
    assert done.lines[2].endswith("1 added - PS256 PS384 PS512 RS256 RS384 RS512")
    document = run("sync_oidc_keys", "one", json=True).json
    assert document["issuers"][0]["keys"][0]["key_id"] is None


# One fails.


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda it: it.fail("timeout"), "timeout"),
        (lambda it: it.fail("tls"), "tls"),
        (lambda it: it.fail("status", status=500), "status"),
        (lambda it: it.lie(b"<html>"), "not_json"),
        (lambda it: it.lie(b"{}"), "no_keys_array"),
        (lambda it: it.lie(b'{"keys": []}'), "no_usable_key"),
        (lambda it: it.published.clear(), "no_usable_key"),
        (lambda it: it.lie(json.dumps({"keys": [{}] * 101}).encode()), "too_many_keys"),
        (
            lambda it: it.bodies.update(
                {
                    "https://two.test/.well-known/openid-configuration": b'{"issuer":'
                    b'"https://one.test","jwks_uri":"https://two.test/jwks"}'
                }
            ),
            "issuer_mismatch",
        ),
    ],
)
def test_a_failing_issuer_keeps_its_keys_and_the_others_are_stored(
    three, break_it, code
):
    clock, one, two, _ = three
    run("sync_oidc_keys")
    before = stored()["https://two.test"]
    clock.advance(7200)
    one.rotate()
    two.rotate()
    break_it(two)
    done = run("sync_oidc_keys")
    assert done.code == 1
    assert "CommandError: Failed: two." in done.err
    assert f"two: {code}: " in done.err
    assert f"{code}: {code}" not in done.err
    assert "two: failed" in done.err
    assert "two failed, stored ones 2 h old - - -" in done.lines
    assert stored()["https://two.test"] == before
    assert stored()["https://one.test"][0] == 2
    assert one.key.key_id in stored()["https://one.test"][1]


def test_a_failure_is_in_the_json_too(three):
    clock, one, *_ = three
    run("sync_oidc_keys", "one")
    clock.advance(60)
    one.fail("timeout")
    done = run("sync_oidc_keys", "one", json=True)
    assert done.code == 1
    (row,) = done.json["issuers"]
    assert (row["status"], row["age"]) == ("failed", 60.0)
    assert row["error"].startswith("timeout: ")
    assert row["keys"] == []


def test_a_first_failure_leaves_nothing(three):
    _, one, *_ = three
    one.fail()
    done = run("sync_oidc_keys", "one")
    assert done.code == 1
    assert "one failed, none stored - - -" in done.lines
    assert stored() == {}


# Only looking.


def test_check_stores_nothing(three):
    done = run("sync_oidc_keys", check=True)
    assert done.code == 0
    assert done.lines[-1] == "Nothing was stored."
    assert stored() == {}


def test_check_leaves_what_is_stored(three):
    _, one, *_ = three
    run("sync_oidc_keys", "one")
    before = stored()
    one.rotate()
    done = run("sync_oidc_keys", "one", check=True)
    assert "1 added 1 removed" in done.lines[2]
    assert stored() == before


def test_check_fails_as_the_real_thing(three):
    _, one, *_ = three
    one.fail()
    assert run("sync_oidc_keys", check=True).code == 1


# Pruning.


def old_issuer(name):
    record = KeyRecord(
        issuer=f"https://{name}.test",
        jwks="{}",
        jwks_uri="x",
        fetched_at=1.0,
        lifetime=300.0,
    )
    DatabaseKeyStore().publish(record, replacing=0)


def test_prune_deletes_what_is_not_configured(three):
    old_issuer("old")
    old_issuer("older")
    run("sync_oidc_keys")
    assert len(stored()) == 5
    # Issuers that were not named are configured all the same.
    done = run("sync_oidc_keys", "one", prune=True)
    assert done.lines[-1] == "Pruned what is not in OIDC_RS: 2."
    assert sorted(stored()) == ["https://one.test", "https://two.test", "three"]
    assert run("sync_oidc_keys", prune=True).code == 0


def test_prune_is_counted_in_the_json(three):
    old_issuer("old")
    assert run("sync_oidc_keys", prune=True, json=True).json["pruned"] == 1


def test_prune_with_check_only_counts(three):
    old_issuer("old")
    done = run("sync_oidc_keys", prune=True, check=True)
    assert done.lines[-2:] == [
        "Would prune what is not in OIDC_RS: 1.",
        "Nothing was stored.",
    ]
    assert list(stored()) == ["https://old.test"]


def test_nothing_is_pruned_unasked(three):
    old_issuer("old")
    run("sync_oidc_keys")
    assert "https://old.test" in stored()


def test_a_failing_issuer_is_not_pruned(three):
    _, one, *_ = three
    run("sync_oidc_keys")
    one.fail()
    assert run("sync_oidc_keys", prune=True).code == 1
    assert "https://one.test" in stored()


# Issuers without anything to fetch.


def test_an_issuer_that_is_asked_needs_no_keys(db):
    with override_settings(OIDC_RS=introspection(VALIDATION="introspection")):
        fake = FakeIssuer()
        with database_store(fake):
            done = run("sync_oidc_keys")
    assert done.code == 0
    assert done.lines[2:] == ["default not used - - -"]
    assert fake.fetches == []


@pytest.mark.parametrize(
    "keys", [{"JWKS": JWKS}, {"SHARED_SECRET": SECRET}], ids=["JWKS", "secret"]
)
def test_keys_in_settings_need_no_fetch(db, keys):
    with override_settings(OIDC_RS=issuer(ISSUER="atm", **keys)), database_store():
        done = run("sync_oidc_keys")
        assert done.code == 0
        assert done.lines[2:] == ["default in settings - - -"]
        document = run("sync_oidc_keys", json=True).json
        assert document["issuers"][0]["age"] is None
        assert SECRET not in done.out + json.dumps(document)
    assert stored() == {}


# What others wrote.


def test_a_private_key_is_reported_and_not_stored(three):
    _, one, *_ = three
    one.published.append(
        {**SigningKey("ES256", key_id="leaked").public_jwk(), "d": "c2VjcmV0"}
    )
    done = run("sync_oidc_keys", "one")
    assert done.code == 0
    assert "one: key leaked is not used: private_key" in done.lines
    assert "c2VjcmV0" not in stored()["https://one.test"][1]
    document = run("sync_oidc_keys", "one", json=True).json
    assert document["issuers"][0]["refused"] == [
        {"key_id": "leaked", "reason": "private_key", "alarming": True}
    ]


def test_a_key_for_other_uses_is_mentioned(three):
    _, one, *_ = three
    one.published.append(
        {**SigningKey("RS256", key_id="enc").public_jwk(), "use": "enc"}
    )
    one.published.append({"kty": "oct", "k": "c2VjcmV0"})
    done = run("sync_oidc_keys", "one")
    assert "one: key enc is not used: not_for_signatures" in done.lines
    assert "one: key - is not used: symmetric_key" in done.lines
    assert "c2VjcmV0" not in stored()["https://one.test"][1]


def test_hostile_key_ids_are_escaped_and_cut(three):
    _, one, *_ = three
    one.published += [
        SigningKey("ES256", key_id=HOSTILE).public_jwk(),
        {**SigningKey("ES384", key_id=HOSTILE + "2").public_jwk(), "d": "AAAA"},
    ]
    done = run("sync_oidc_keys", "one")
    assert is_harmless(done.out + done.err)
    assert "\\x1b[31mred\\r\\n\\x07\\u202e" in done.out
    assert max(map(len, done.out.splitlines())) < 300
    done = run("sync_oidc_keys", "one", json=True)
    assert is_harmless(done.out)
    assert len(done.out) < 2000
    for key in done.json["issuers"][0]["keys"]:
        assert is_harmless(key["key_id"])


def test_hostile_errors_are_escaped_and_cut(three):
    _, one, *_ = three
    document = {"issuer": HOSTILE, "jwks_uri": HOSTILE}
    address = "https://one.test/.well-known/openid-configuration"
    one.bodies[address] = json.dumps(document).encode()
    done = run("sync_oidc_keys", "one")
    assert done.code == 1
    assert "issuer_mismatch" in done.err
    assert is_harmless(done.out + done.err)
    assert len(done.err) < 1000


# It cannot be run like this.


def test_an_unknown_alias(three):
    done = run("sync_oidc_keys", "one", "nobody")
    assert done.code == 2
    assert "nobody" in done.err
    assert "one, two, three" in done.err
    assert stored() == {}


def test_broken_settings(db):
    with override_settings(OIDC_RS=issuer(LEEWAY=-1)):
        done = run("sync_oidc_keys")
    assert done.code == 2
    assert "django_oidc_rs.E011" in done.err


class NoTable:
    """A store whose table was never created, or cannot be written."""

    def __init__(self, *, readable=False):
        self.readable = readable

    def load(self, issuer):
        if not self.readable:
            raise StoreError("OperationalError")

    def publish(self, record, *, replacing):
        raise StoreError("OperationalError")


@pytest.mark.parametrize("check", [False, True])
def test_a_missing_table(check):
    fake = FakeIssuer()
    with database_store(fake, store=NoTable()):
        done = run("sync_oidc_keys", check=check)
    assert done.code == 2
    assert "migrate" in done.err
    assert fake.fetches == []


def test_a_table_that_cannot_be_written():
    fake = FakeIssuer()
    with database_store(fake, store=NoTable(readable=True)):
        done = run("sync_oidc_keys")
        assert done.code == 1
        assert "default: store: OperationalError" in done.err
        assert run("sync_oidc_keys", check=True).code == 0


def test_a_really_missing_table(transactional_db):
    fake = FakeIssuer()
    with database_store(fake), without_table(IssuerRecord):
        for options in ({}, {"check": True}):
            done = run("sync_oidc_keys", **options)
            assert done.code == 2
            assert "manage.py migrate" in done.err


@pytest.mark.parametrize("check", [False, True])
def test_pruning_without_table(transactional_db, check):
    with (
        override_settings(OIDC_RS=issuer(ISSUER="atm", JWKS=JWKS)),
        without_table(IssuerRecord),
    ):
        done = run("sync_oidc_keys", prune=True, check=check)
    assert done.code == 2
    assert "manage.py migrate" in done.err


# Keys in a cache, with the database behind it.


@pytest.fixture
def cached(db):
    backend = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    with override_settings(
        CACHES={"default": {**backend, "LOCATION": "keys"}},
        OIDC_RS=keys(STORE="default"),
    ):
        caches["default"].clear()
        fake = FakeIssuer()
        database = DatabaseKeyStore()

        def cache(alias):
            return CacheKeyStore(alias, fallback=database)

        with database_store(fake, cache=cache):
            yield fake
        caches["default"].clear()


def test_ss_05_keys_go_to_the_cache_and_to_the_database(cached):
    for version in (1, 2):
        assert run("sync_oidc_keys").code == 0
        assert [kept for kept, _ in stored().values()] == [version]
    caches["default"].clear()
    cached.fail()
    assert get_resource_server().validate(cached.access_token("a")).subject == "a"


def test_a_flushed_cache_is_filled_again(cached):
    run("sync_oidc_keys")
    caches["default"].clear()
    assert run("sync_oidc_keys").code == 0
    cached.fail()
    IssuerRecord.objects.all().delete()
    assert get_resource_server().validate(cached.access_token("a")).subject == "a"


def test_a_failed_fetch_touches_neither(cached):
    run("sync_oidc_keys")
    cached.fail()
    assert run("sync_oidc_keys").code == 1
    assert [version for version, _ in stored().values()] == [1]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_be_written_is_a_failure(cached):
    with without_table(IssuerRecord):
        done = run("sync_oidc_keys")
    assert done.code == 1
    assert "store: " in done.err


def test_check_stores_neither(cached):
    assert run("sync_oidc_keys", "--check").code == 0
    assert stored() == {}
    IssuerRecord.objects.all().delete()
    cached.fail()
    with pytest.raises(KeysUnavailable):
        get_resource_server().validate(cached.access_token("a"))


# Keys that the command alone fetches.


@pytest.fixture(params=["database", "default"])
def by_command(request, db):
    """An issuer that requests never ask; its keys in the database, or in a cache."""
    backend = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    with override_settings(
        CACHES={"default": {**backend, "LOCATION": "keys"}},
        OIDC_RS=keys(REFRESH="command", STORE=request.param),
    ):
        caches["default"].clear()
        fake = FakeIssuer()
        database = DatabaseKeyStore()
        with database_store(
            fake, cache=lambda alias: CacheKeyStore(alias, fallback=database)
        ):
            yield fake
        caches["default"].clear()


def told():
    """What health says of the one issuer."""
    (status,) = health.status().issuers
    return status.keys.state, status.keys.last_error


def test_health_tells_of_the_commands_failure_until_it_succeeds(by_command):
    by_command.fail("tls")
    run("sync_oidc_keys")
    assert told() == ("no_keys", "tls")
    by_command.recover()
    run("sync_oidc_keys")
    assert told() == ("healthy", "")
    by_command.fail("timeout")
    run("sync_oidc_keys", "--check")
    assert told() == ("healthy", "")
    assert run("sync_oidc_keys").code == 1
    assert told() == ("healthy", "timeout")
    by_command.recover()
    assert run("sync_oidc_keys").code == 0
    assert told() == ("healthy", "")


def test_a_failure_that_cannot_be_noted_is_the_failure_all_the_same(by_command):
    class ReadOnly(DatabaseKeyStore):
        def settle(self, issuer, *, holder, outcome):
            raise StoreError("read only")

    by_command.fail("tls")
    with database_store(by_command, store=ReadOnly(), cache=lambda _alias: ReadOnly()):
        done = run("sync_oidc_keys")
    assert done.code == 1
    assert "tls: " in done.err


def test_where_requests_fetch_the_command_makes_nobody_wait(three):
    _, one, *_ = three
    one.fail("tls")
    run("sync_oidc_keys", "one")
    assert not RefreshState.objects.exists()


def test_prune_forgets_who_may_fetch_too(three):
    run("sync_oidc_keys")
    assert not RefreshState.objects.exists()
    for name in ("https://one.test", "https://gone.test"):
        DatabaseKeyStore().admit(name, holder="x", cooldown=None)
    run("sync_oidc_keys", "--prune", "--check")
    assert RefreshState.objects.count() == 2
    run("sync_oidc_keys", "--prune")
    (left,) = RefreshState.objects.all()
    assert left.key == issuer_key("https://one.test")
