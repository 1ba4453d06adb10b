"""The key store on a real database, and the thread that uses it."""

import sqlite3
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DataError, InterfaceError, connections, transaction
from django.db.models.functions import Now
from django.test import override_settings

from django_oidc_rs.core.keys import KeyRecord, Outcome, StoreError, Verdict
from django_oidc_rs.core.keys.fleet import LEASE
from django_oidc_rs.models import IssuerRecord, RefreshState, issuer_key
from django_oidc_rs.stores import DatabaseKeyStore, StoreNow, closing_connections

ISSUER = "https://issuer.test"
RECORD = KeyRecord(
    issuer=ISSUER,
    jwks='{"keys":[]}',
    jwks_uri=f"{ISSUER}/jwks",
    fetched_at=1_800_000_000.25,
    lifetime=600.0,
    etag='"abc"',
    last_modified="Sat, 21 Nov 2026 07:00:00 GMT",
    metadata_fetched_at=1_799_999_999.5,
    metadata_public=False,
)
STORE = DatabaseKeyStore()


class ToKeys:
    """A router that sends the keys to a database of their own."""

    def db_for_write(self, model, **_hints):
        return "keys" if model in (IssuerRecord, RefreshState) else None

    db_for_read = db_for_write


class ToReplica:
    """A router whose reads lag behind."""

    def db_for_read(self, model, **_hints):
        return "no_such_replica"

    def db_for_write(self, model, **_hints):
        return "default"


@pytest.fixture
def keys_alias(tmp_path, django_db_blocker):
    """A second database in a file, so that connections are as real as they get."""

    def configure(**changes):
        if "keys" in connections.settings:
            connections["keys"].close()
            del connections["keys"]
        connections.settings["keys"] = {**connections.settings["default"], **changes}

    with django_db_blocker.unblock(), override_settings(DATABASE_ROUTERS=[ToKeys()]):
        configure(NAME=str(tmp_path / "keys.sqlite3"), OPTIONS={"timeout": 0.05})
        configure.path = tmp_path / "keys.sqlite3"
        yield configure
        connections["keys"].close()
        del connections["keys"]
        del connections.settings["keys"]


@pytest.fixture
def keys_table(keys_alias):
    """The same, with the table; the connection as a request has it."""
    connection = connections["keys"]
    with connection.schema_editor() as editor:
        editor.create_model(IssuerRecord)
        editor.create_model(RefreshState)
    return connection


def wait():
    """Wait for the store's threads."""
    for thread in threading.enumerate():
        if thread.name == "django_oidc_rs.keys":
            thread.join()


# Load and publish.


def test_nothing_is_stored_at_first(db):
    assert STORE.load(ISSUER) is None


def test_the_first_publication_is_version_one(db):
    published = STORE.publish(RECORD, replacing=0)
    assert published == replace(RECORD, version=1)
    assert STORE.load(ISSUER) == published


def test_a_second_first_publication_is_too_late(db):
    first = STORE.publish(RECORD, replacing=0)
    late = replace(RECORD, jwks='{"keys":[1]}')
    assert STORE.publish(late, replacing=0) is None
    assert STORE.load(ISSUER) == first


def test_each_publication_replaces_the_version_it_knew(db):
    STORE.publish(RECORD, replacing=0)
    newer = replace(
        RECORD,
        jwks='{"keys":[1]}',
        jwks_uri="https://other.test",
        fetched_at=1_800_000_600.0,
        lifetime=300.0,
        etag="",
        last_modified="",
        metadata_fetched_at=0.0,
        metadata_public=True,
        # What the record says of itself counts nothing.
        version=77,
    )
    published = STORE.publish(newer, replacing=1)
    assert published == replace(newer, version=2)
    assert STORE.load(ISSUER) == published
    assert IssuerRecord.objects.count() == 1


@pytest.mark.parametrize("replacing", [1, 3, 99])
def test_a_slow_answer_never_overwrites_a_newer_set(db, replacing):
    STORE.publish(RECORD, replacing=0)
    newer = STORE.publish(replace(RECORD, jwks="newer"), replacing=1)
    assert STORE.publish(replace(RECORD, jwks="slow"), replacing=replacing) is None
    assert STORE.load(ISSUER) == newer


def test_a_row_that_is_gone_is_a_conflict(db):
    assert STORE.publish(RECORD, replacing=5) is None
    assert STORE.load(ISSUER) is None


def test_issuers_do_not_meet(db):
    STORE.publish(RECORD, replacing=0)
    other = replace(RECORD, issuer=ISSUER.upper())
    assert STORE.load(other.issuer) is None
    assert STORE.publish(other, replacing=0) == replace(other, version=1)
    assert STORE.publish(replace(RECORD, jwks="x"), replacing=1).version == 2
    assert STORE.load(other.issuer).jwks == RECORD.jwks


def test_the_row_can_be_read_by_people(db):
    STORE.publish(RECORD, replacing=0)
    row = IssuerRecord.objects.get()
    assert row.key == issuer_key(ISSUER)
    assert row.digest == RECORD.digest
    assert f"{row.fetched_at:%Y-%m-%d %H:%M:%S}" == "2027-01-15 08:00:00"


def test_loading_is_one_read_by_primary_key(db, django_assert_num_queries):
    STORE.publish(RECORD, replacing=0)
    with django_assert_num_queries(1) as queries:
        STORE.load(ISSUER)
    assert f"\"key\" = '{issuer_key(ISSUER)}'" in queries.captured_queries[0]["sql"]


def test_reads_do_not_lag_behind(db):
    with override_settings(DATABASE_ROUTERS=[ToReplica()]):
        STORE.publish(RECORD, replacing=0)
        assert STORE.load(ISSUER).version == 1


@pytest.mark.parametrize("time_zone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize(
    # The second one is an hour that Berlin has twice.
    "fetched_at",
    [1_800_000_000.25, 1_793_060_200.0, 1_793_063_800.0],
)
def test_time_zones_change_nothing(db, time_zone, fetched_at):
    record = replace(RECORD, fetched_at=fetched_at)
    with override_settings(USE_TZ=False, TIME_ZONE=time_zone):
        STORE.publish(record, replacing=0)
        assert STORE.load(ISSUER).fetched_at == fetched_at
        STORE.publish(record, replacing=1)
        assert STORE.load(ISSUER).fetched_at == fetched_at


# The clock is the database's.


def test_the_age_is_told_by_the_databases_clock(db):
    """Hosts' clocks differ; the time a host wrote down says nothing."""
    STORE.publish(replace(RECORD, fetched_at=0.0), replacing=0)
    assert 0 <= STORE.load(ISSUER).age < 60
    IssuerRecord.objects.update(stored_at=Now() - timedelta(seconds=300))
    assert 300 <= STORE.load(ISSUER).age < 360


def test_a_row_of_an_earlier_version_has_the_hosts_time(db):
    STORE.publish(replace(RECORD, fetched_at=time.time() - 300), replacing=0)
    IssuerRecord.objects.update(stored_at=None)
    assert 300 <= STORE.load(ISSUER).age < 360


@pytest.mark.parametrize("time_zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_the_age_has_no_time_zone(db, time_zone):
    with override_settings(USE_TZ=False, TIME_ZONE=time_zone):
        STORE.publish(RECORD, replacing=0)
        assert 0 <= STORE.load(ISSUER).age < 60


def test_mysql_tells_the_time_without_a_time_zone():
    """A session's time zone jumps twice a year; what was asked for does not."""
    connection = connections["default"]
    compiler = RefreshState.objects.all().query.get_compiler("default")
    sql, params = StoreNow().as_mysql(compiler, connection)
    assert (sql, list(params)) == ("UTC_TIMESTAMP(6)", [])


# Rows that somebody edited count as no keys, and are replaced.


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("fetched_at", "rubbish"),
        ("lifetime", "rubbish"),
        ("metadata_fetched_at", "rubbish"),
    ],
)
def test_ss_08_a_damaged_row_is_no_error_and_can_be_replaced(db, column, value):
    STORE.publish(RECORD, replacing=0)
    with connections["default"].cursor() as cursor:
        cursor.execute(f"UPDATE django_oidc_rs_issuerrecord SET {column} = %s", [value])
    damaged = STORE.load(ISSUER)
    assert (damaged.version, damaged.jwks) == (1, "")
    assert STORE.publish(RECORD, replacing=1).version == 2
    assert STORE.load(ISSUER) == replace(RECORD, version=2)


def test_ss_08_a_damaged_row_in_a_database_that_goes_away(keys_table):
    STORE.publish(RECORD, replacing=0)
    gone = []

    def fail(execute, sql, params, many, context):
        gone.append(sql)
        raise DataError("infinity") if len(gone) == 1 else InterfaceError("gone")

    with keys_table.execute_wrapper(fail), pytest.raises(StoreError):
        STORE.load(ISSUER)
    assert len(gone) == 2


def test_a_row_whose_version_was_reset_can_be_replaced(db):
    STORE.publish(RECORD, replacing=0)
    IssuerRecord.objects.update(version=0)
    assert STORE.publish(RECORD, replacing=0).version == 1
    assert STORE.load(ISSUER).version == 1


# Leave to fetch.


def ask(holder="one", cooldown=None):
    return STORE.admit(ISSUER, holder=holder, cooldown=cooldown)


def settle(holder="one", error=""):
    STORE.settle(ISSUER, holder=holder, outcome=Outcome(error=error))


def test_one_at_a_time_in_the_whole_fleet(db):
    assert ask().verdict is Verdict.GRANTED
    answer = ask("two")
    assert answer.verdict is Verdict.LEASED
    assert 0 < answer.pause <= LEASE
    settle()
    assert ask("two").verdict is Verdict.GRANTED


def test_issuers_do_not_wait_for_each_other(db):
    ask()
    answer = STORE.admit(ISSUER.upper(), holder="two", cooldown=None)
    assert answer.verdict is Verdict.GRANTED


def test_a_failure_makes_all_wait(db):
    ask()
    settle(error="tls")
    answer = ask("two")
    assert answer.verdict is Verdict.BACKING_OFF
    assert 0 < answer.pause <= 1.2
    assert (answer.failures, answer.error) == (1, "tls")


def test_the_last_failure_is_told_until_a_success(db):
    assert STORE.last_error(ISSUER) == ""
    settle(error="tls")
    assert STORE.last_error(ISSUER) == "tls"
    assert STORE.last_error(ISSUER.upper()) == ""
    settle()
    assert STORE.last_error(ISSUER) == ""


def test_the_budget_is_that_of_all(db):
    for holder in ("one", "two"):
        assert ask(holder, cooldown=30).verdict is Verdict.GRANTED
        settle(holder)
    answer = ask("three", cooldown=30)
    assert answer.verdict is Verdict.EXHAUSTED
    assert 0 < answer.pause <= 30
    assert ask("three").verdict is Verdict.GRANTED


def test_nothing_is_stored_of_keys_by_asking(db):
    ask()
    assert STORE.load(ISSUER) is None


@pytest.mark.parametrize("state", ["", "[]", "{", '{"holder": 5}'])
def test_ss_08_an_edited_state_blocks_nobody(db, state):
    ask()
    RefreshState.objects.update(state=state)
    assert ask("two").verdict is Verdict.GRANTED


def test_settling_what_is_not_held_writes_nothing(db):
    ask()
    version = RefreshState.objects.get().version
    settle("two")
    assert RefreshState.objects.get().version == version


@pytest.mark.parametrize(("rivals", "verdict"), [(1, "GRANTED"), (9, "LEASED")])
def test_who_is_overtaken_looks_again_but_not_for_ever(db, rivals, verdict):
    """Others change the state between every look and every write."""
    ask()
    settle()
    left = [rivals]

    def rival(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and left[0]:
            left[0] -= 1
            with context["connection"].cursor() as cursor:
                cursor.cursor.execute(
                    "UPDATE django_oidc_rs_refreshstate SET version = version + 1"
                )
        return execute(sql, params, many, context)

    with connections["default"].execute_wrapper(rival):
        assert ask().verdict is Verdict[verdict]


# Failures.


def test_a_missing_table_is_a_store_error(keys_alias):
    for act in (
        lambda: STORE.load(ISSUER),
        lambda: STORE.publish(RECORD, replacing=0),
        lambda: STORE.publish(RECORD, replacing=1),
        ask,
        settle,
    ):
        with pytest.raises(StoreError, match="OperationalError"):
            act()


def test_a_locked_database_is_a_store_error(keys_table, keys_alias):
    STORE.publish(RECORD, replacing=0)
    other = sqlite3.connect(keys_alias.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        for act in (
            lambda: STORE.load(ISSUER),
            lambda: STORE.publish(RECORD, replacing=0),
            lambda: STORE.publish(RECORD, replacing=1),
        ):
            with pytest.raises(StoreError, match="OperationalError"):
                act()
    finally:
        other.close()
    assert STORE.load(ISSUER).version == 1


def test_an_unusable_connection_is_a_store_error(keys_table):
    # psycopg's InterfaceError has a cousin here: Django wraps both alike.
    keys_table.connection.close()
    for act in (lambda: STORE.load(ISSUER), lambda: STORE.publish(RECORD, replacing=0)):
        with pytest.raises(StoreError):
            act()


def test_an_interface_error_is_a_store_error(keys_table):
    def fail(*_args):
        raise InterfaceError("connection already closed")

    with keys_table.execute_wrapper(fail):
        for act in (
            lambda: STORE.load(ISSUER),
            lambda: STORE.publish(RECORD, replacing=0),
            lambda: STORE.publish(RECORD, replacing=1),
            lambda: STORE.last_error(ISSUER),
        ):
            with pytest.raises(StoreError, match="InterfaceError"):
                act()


def test_no_database_at_all_is_a_store_error(keys_alias):
    keys_alias(ENGINE="django.db.backends.dummy")
    for act in (lambda: STORE.load(ISSUER), lambda: STORE.publish(RECORD, replacing=0)):
        with pytest.raises(StoreError, match="ImproperlyConfigured"):
            act()


def test_other_exceptions_are_mistakes_and_come_through(keys_table):
    def fail(*_args):
        raise ZeroDivisionError

    with keys_table.execute_wrapper(fail), pytest.raises(ZeroDivisionError):
        STORE.load(ISSUER)


# Races.


def test_racing_first_publications_have_one_winner(keys_table, keys_alias):
    keys_alias(NAME=str(keys_alias.path), OPTIONS={"timeout": 5})
    together, outcomes = threading.Barrier(8), []

    def publish(number):
        together.wait()
        try:
            outcomes.append(
                STORE.publish(replace(RECORD, jwks=f"{number}"), replacing=0)
            )
        except StoreError:
            # SQLite ends a deadlock so; the record is not stored, which is what counts.
            outcomes.append(None)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=publish, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if outcome]
    assert len(outcomes) == 8
    assert STORE.load(ISSUER) == winner
    assert winner.version == 1


def test_a_conflict_leaves_the_transaction_usable(db):
    with transaction.atomic():
        STORE.publish(RECORD, replacing=0)
        assert STORE.publish(RECORD, replacing=0) is None
        assert STORE.load(ISSUER).version == 1


# Threads.


def test_work_has_a_connection_of_its_own_and_closes_it(keys_table):
    seen = []

    def work():
        STORE.publish(RECORD, replacing=0)
        seen.append((threading.current_thread(), connections["keys"]))
        assert connections["keys"].connection is not None

    closing_connections(work)
    wait()
    ((thread, connection),) = seen
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert connection is not keys_table
    assert connection.connection is None
    assert keys_table.connection is not None
    assert STORE.load(ISSUER).version == 1


def test_work_is_no_part_of_the_requests_transaction(keys_table):
    with transaction.atomic(using="keys"):
        closing_connections(lambda: STORE.publish(RECORD, replacing=0))
        wait()
        transaction.set_rollback(True, using="keys")
    assert STORE.load(ISSUER).version == 1


def test_work_does_not_see_what_the_request_has_not_committed(keys_table):
    STORE.publish(RECORD, replacing=0)
    seen = []
    with transaction.atomic(using="keys"):
        STORE.publish(replace(RECORD, jwks="uncommitted"), replacing=1)
        closing_connections(lambda: seen.append(STORE.load(ISSUER)))
        wait()
    assert [record.version for record in seen] == [1]


def test_connections_are_closed_though_work_fails(keys_table, monkeypatch):
    seen, failures = [], []

    def work():
        STORE.load(ISSUER)
        seen.append(connections["keys"])
        raise ZeroDivisionError

    monkeypatch.setattr(
        threading, "excepthook", lambda args: failures.append(args.exc_type)
    )
    closing_connections(work)
    wait()
    assert seen[0].connection is None
    assert failures == [ZeroDivisionError]


def test_work_runs_here_where_threads_cannot(keys_table, monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    seen = []
    closing_connections(lambda: seen.append(threading.current_thread()))
    assert seen == [threading.current_thread()]
    # The request goes on with its connection.
    assert keys_table.connection is not None
