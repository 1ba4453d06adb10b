"""``DatabaseKeyStore`` on PostgreSQL and MariaDB: the contract, and many at once."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.db import connections, transaction
from django.test import override_settings

from django_oidc_rs.core.keys import FleetState, KeyRecord, Outcome, StoreError, Verdict
from django_oidc_rs.core.keys.fleet import LEASE
from django_oidc_rs.models import RefreshState
from django_oidc_rs.stores import DatabaseKeyStore
from tests.users.databases import all_at_once

from .counterparts import STATES

ISSUER = "https://issuer.test"
RECORD = KeyRecord(
    issuer=ISSUER,
    jwks='{"keys":[]}',
    jwks_uri=f"{ISSUER}/jwks",
    fetched_at=1_800_000_000.25,
    lifetime=600.0,
    etag='"é"',
    metadata_public=False,
)
STORE = DatabaseKeyStore()
HALF_A_YEAR = 182 * 86400
"""Between now and then the clocks were put forward or back, once."""

pytestmark = pytest.mark.usefixtures("configured")


def ask(holder="one", cooldown=None):
    return STORE.admit(ISSUER, holder=holder, cooldown=cooldown)


def settle(holder="one", error=""):
    STORE.settle(ISSUER, holder=holder, outcome=Outcome(error=error))


def test_it_is_the_server_that_was_asked_for(request, database):
    assert (
        connections["default"].vendor
        == {
            "postgresql": "postgresql",
            "mariadb": "mysql",
        }[request.node.callspec.params["database"]]
    )


# Records.


def test_what_is_published_is_loaded():
    assert STORE.load(ISSUER) is None
    published = STORE.publish(RECORD, replacing=0)
    assert published == replace(RECORD, version=1)
    assert STORE.load(ISSUER) == published
    assert 0 <= STORE.load(ISSUER).age < 60


@pytest.mark.parametrize("replacing", [0, 1, 3])
def test_jc_27_s_a_slow_old_answer_replaces_nothing(replacing):
    STORE.publish(RECORD, replacing=0)
    newer = STORE.publish(replace(RECORD, jwks="newer"), replacing=1)
    assert STORE.publish(replace(RECORD, jwks="slow"), replacing=replacing) is None
    assert STORE.load(ISSUER) == newer


@pytest.mark.parametrize("replacing", [0, 1])
def test_jc_27_s_of_eight_at_once_one_wins(replacing):
    if replacing:
        STORE.publish(RECORD, replacing=0)

    def publish(number):
        try:
            return STORE.publish(replace(RECORD, jwks=f"{number}"), replacing=replacing)
        except StoreError:
            # A database may end a deadlock so; nothing is stored then.
            return None

    (winner,) = [record for record in all_at_once(8, publish) if record]
    assert STORE.load(ISSUER) == winner
    assert winner.version == replacing + 1


def test_ss_10_issuers_do_not_touch_each_other():
    """Collations here take a for A, and é for e."""
    others = [ISSUER, ISSUER.upper(), f"{ISSUER}/é", f"{ISSUER}/e", f"{ISSUER}/e "]
    for number, issuer in enumerate(others):
        STORE.publish(replace(RECORD, issuer=issuer, jwks=f"{number}"), replacing=0)
    assert [STORE.load(issuer).jwks for issuer in others] == [*"01234"]
    STORE.publish(replace(RECORD, jwks="newer"), replacing=1)
    assert [STORE.load(issuer).jwks for issuer in others[1:]] == [*"1234"]


def test_a_set_as_large_as_may_be_fetched_is_stored():
    jwks = json.dumps({"keys": ["é😀" * 20_000]}, ensure_ascii=False)
    STORE.publish(replace(RECORD, jwks=jwks), replacing=0)
    assert STORE.load(ISSUER).jwks == jwks


# The clock is the server's.


def test_ss_09_the_age_is_told_by_the_servers_clock(database):
    """The host that fetched wrote down the year 1970."""
    STORE.publish(replace(RECORD, fetched_at=0.0), replacing=0)
    assert 0 <= STORE.load(ISSUER).age < 60
    database.age(ISSUER, 300)
    assert 300 <= STORE.load(ISSUER).age < 360


@pytest.mark.parametrize("use_tz", [True, False], ids=["aware", "naive"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_ss_09_the_age_has_no_time_zone(database, zone, use_tz):
    """Neither the session's zone nor its summer time shows."""
    with override_settings(USE_TZ=use_tz, TIME_ZONE=zone):
        connections["default"].close()
        STORE.publish(RECORD, replacing=0)
        assert 0 <= STORE.load(ISSUER).age < 60
        database.age(ISSUER, HALF_A_YEAR)
        loaded = STORE.load(ISSUER)
        assert 0 <= loaded.age - HALF_A_YEAR < 60
        assert loaded.fetched_at == RECORD.fetched_at
    connections["default"].close()


@pytest.mark.parametrize("use_tz", [True, False], ids=["aware", "naive"])
@pytest.mark.parametrize("fetched_at", [1_793_060_200.0, 1_793_063_800.0])
def test_hours_that_occur_twice(fetched_at, use_tz):
    """What stands there for people is right in October, too."""
    with override_settings(USE_TZ=use_tz, TIME_ZONE="Europe/Berlin"):
        connections["default"].close()
        STORE.publish(replace(RECORD, fetched_at=fetched_at), replacing=0)
        assert STORE.load(ISSUER).fetched_at == fetched_at
    connections["default"].close()


@pytest.mark.parametrize("use_tz", [True, False], ids=["aware", "naive"])
@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_ss_09_an_hour_that_occurs_twice_is_an_hour(use_tz):
    """MariaDB's session tells the time it is told, on a server in Berlin."""

    def at(timestamp):
        with connections["default"].cursor() as cursor:
            cursor.execute("SET timestamp = %s", [timestamp])

    with override_settings(USE_TZ=use_tz, TIME_ZONE="Europe/Berlin"):
        connections["default"].close()
        at(1_793_060_200)
        STORE.publish(RECORD, replacing=0)
        assert ask().verdict is Verdict.GRANTED
        at(1_793_060_200 + 3600)
        assert STORE.load(ISSUER).age == 3600
        assert ask("two").verdict is Verdict.GRANTED
    connections["default"].close()


# Leave to fetch.


def test_jc_01_s_of_eight_at_once_one_may_fetch():
    answers = all_at_once(8, lambda number: ask(f"{number}"))
    verdicts = [answer.verdict for answer in answers]
    assert verdicts.count(Verdict.GRANTED) == 1
    assert verdicts.count(Verdict.LEASED) == 7
    assert all(0 < a.pause <= LEASE for a in answers if a.verdict is Verdict.LEASED)
    winner = verdicts.index(Verdict.GRANTED)
    settle(f"{winner}")
    assert ask("next").verdict is Verdict.GRANTED


def test_a_lease_ends_by_itself(database):
    assert ask().verdict is Verdict.GRANTED
    assert ask("two").verdict is Verdict.LEASED
    database.end_lease(ISSUER)
    assert ask("two").verdict is Verdict.GRANTED
    # Who lost it has no say any more.
    settle("one", error="tls")
    assert ask("three").verdict is Verdict.LEASED


def test_jc_11_s_two_for_unknown_keys_whoever_asks():
    def attempt(number):
        granted = 0
        for turn in range(3):
            holder = f"{number}.{turn}"
            if ask(holder, cooldown=30).verdict is Verdict.GRANTED:
                granted += 1
                settle(holder)
        return granted

    assert sum(all_at_once(6, attempt)) == 2
    answer = ask("last", cooldown=30)
    assert answer.verdict is Verdict.EXHAUSTED
    assert 0 < answer.pause <= 30


def test_jc_10_s_the_budget_counts_nothing_else(database):
    for _ in range(2):
        ask(cooldown=30)
        settle()
    assert ask(cooldown=30).verdict is Verdict.EXHAUSTED
    assert ask().verdict is Verdict.GRANTED
    settle()
    database.age(ISSUER, 30)
    assert ask(cooldown=30).verdict is Verdict.GRANTED


def test_jc_19_s_one_backoff_for_all(database):
    ask()
    settle(error="tls")
    answer = ask("two")
    assert answer.verdict is Verdict.BACKING_OFF
    assert (answer.failures, answer.error) == (1, "tls")
    assert 0 < answer.pause <= 1.2
    database.age(ISSUER, 1.2)
    assert ask("two").verdict is Verdict.GRANTED
    settle("two", error="timeout")
    answer = ask("three")
    assert (answer.failures, answer.error) == (2, "timeout")
    assert 1.2 < answer.pause <= 2.4
    database.age(ISSUER, 2.4)
    ask("three")
    settle("three")
    assert ask("four").failures == 0


@pytest.mark.parametrize(
    "state", ["", "[]", "{", '{"holder": 5}', '{"lease_until": 1e999}', "\u00e9" * 9]
)
def test_ss_08_an_edited_state_blocks_nobody(state):
    ask()
    RefreshState.objects.update(state=state)
    assert ask("two").verdict is Verdict.GRANTED


def test_ss_09_a_state_from_the_future_blocks_nobody():
    ask()
    settle(error="tls")
    row = RefreshState.objects.get()
    far = time.time() + 86400
    state = {**json.loads(row.state), "lease_until": far, "not_before": far}
    RefreshState.objects.update(state=json.dumps({**state, "spent": [far, far]}))
    assert ask("two", cooldown=30).verdict is Verdict.GRANTED


def test_a_conflict_leaves_the_transaction_usable():
    with transaction.atomic():
        STORE.publish(RECORD, replacing=0)
        assert STORE.publish(RECORD, replacing=0) is None
        assert ask().verdict is Verdict.GRANTED
        assert STORE.load(ISSUER).version == 1


def test_a_missing_table_is_a_store_error(database):
    for table in ("django_oidc_rs_issuerrecord", "django_oidc_rs_refreshstate"):
        database.server.execute(f"ALTER TABLE {table} RENAME TO {table}_aside")
    try:
        for act in (
            lambda: STORE.load(ISSUER),
            lambda: STORE.publish(RECORD, replacing=0),
            ask,
            settle,
        ):
            with pytest.raises(StoreError, match="ProgrammingError"):
                act()
    finally:
        for table in ("django_oidc_rs_issuerrecord", "django_oidc_rs_refreshstate"):
            database.server.execute(f"ALTER TABLE {table}_aside RENAME TO {table}")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_statement_reads_what_was_committed_after_it_began(database):
    """Its own time is earlier than what it reads: the lease there is no clock jump."""
    ask("nobody")
    settle("nobody")
    with ThreadPoolExecutor(1) as pool:
        with database.server.locked() as session:
            late = pool.submit(_ask_and_hang_up)
            database.server.await_waiter()
            ((now,),) = session.execute(
                "SELECT extract(epoch FROM clock_timestamp())::float8"
            )
            state = FleetState(holder="one", lease_until=now + LEASE)
            session.execute(f"UPDATE {STATES} SET state = %s", [state.to_json()])
        assert late.result(60).verdict is Verdict.LEASED


def _ask_and_hang_up():
    try:
        return ask("two")
    finally:
        connections.close_all()
