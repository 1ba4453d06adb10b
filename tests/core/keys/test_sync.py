"""One deliberate fetch, compared with what is stored, and published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_oidc_rs.core.keys import SourceError, StoreError
from django_oidc_rs.core.keys.sync import fetch_keys, publish_keys

from .fakes import ISSUER, Network, Process, Store, jwks, make_policy


@pytest.fixture
def network():
    return Network("a", "b")


def sync(network, clock, stored=None):
    return fetch_keys(make_policy(), stored, fetch=network, clock=clock)


def counts(report):
    return report.added, report.kept, report.removed


def test_everything_is_new_at_first(network, clock):
    report = sync(network, clock)
    assert report.error is None
    assert counts(report) == (2, 0, 0)
    assert [key.key_id for key in report.keys] == ["a", "b"]
    assert report.alias == "default"


def test_what_came_and_went(network, clock):
    stored = sync(network, clock).record
    network.serve("b", "c", "d")
    assert counts(sync(network, clock, stored)) == (2, 1, 1)


def test_refused_keys_are_reported(network, clock):
    network.answer = jwks("a").replace(b'{"keys": [', b'{"keys": [{"kty": "oct"}, ')
    report = sync(network, clock)
    assert [key.reason for key in report.refused] == ["symmetric_key"]
    assert counts(report) == (1, 0, 0)


def test_sf_a_failure_brings_no_record(network, clock):
    stored = sync(network, clock).record
    network.fail("tls")
    report = sync(network, clock, stored)
    assert isinstance(report.error, SourceError)
    assert report.error.code == "tls"
    assert report.record is None
    assert report.keys == ()


def test_ss_08_an_unparsable_row_counts_as_none_and_is_repaired(network, clock):
    network.headers = {"etag": '"1"'}
    stored = replace(sync(network, clock).record, jwks="{", version=3)
    report = sync(network, clock, stored)
    assert counts(report) == (2, 0, 0)
    assert network.sent[-1] == {}
    assert report.record.version == 3


def publish(network, clock, report, store):
    return publish_keys(make_policy(), report, store=store, fetch=network, clock=clock)


def test_published_in_place_of_what_was_read(network, clock):
    store = Store(clock)
    publish(network, clock, sync(network, clock), store)
    stored = store.load(ISSUER)
    assert stored.version == 1
    report = publish(network, clock, sync(network, clock, stored), store)
    assert report.error is None
    assert store.load(ISSUER).version == 2


def test_a_success_ends_the_outage_for_every_process(network, clock):
    """A token with a withdrawn key is 401 then, and not 503 for another minute."""
    store = Store(clock)
    process = Process(network, clock=clock, store=store)
    process.names()
    network.fail()
    clock.advance(600)
    for _ in range(5):
        process.names()
        clock.advance(20)
    network.serve("new")
    publish(network, clock, sync(network, clock, store.load(ISSUER)), store)
    clock.advance(1)
    assert process.find("new")
    assert not process.find("a")


def test_a_failed_fetch_publishes_nothing(network, clock):
    store = Store(clock)
    network.fail("tls")
    report = sync(network, clock)
    assert publish(network, clock, report, store) is report
    assert store.load(ISSUER) is None


def test_a135_where_another_process_was_faster_the_command_fetches_again(
    network, clock
):
    """Neither the older nor the newer answer is lost, whichever came last."""
    store = Store(clock)
    report = sync(network, clock)
    store.publish(replace(report.record, jwks="theirs"), replacing=0)
    network.serve("a", "b", "c")
    report = publish(network, clock, report, store)
    assert [key.key_id for key in report.keys] == ["a", "b", "c"]
    assert (store.load(ISSUER).version, network.hits) == (2, 2)


def test_a135_and_reports_what_the_second_fetch_met(network, clock):
    store = Store(clock)
    report = sync(network, clock)
    store.publish(report.record, replacing=0)
    network.fail("tls")
    report = publish(network, clock, report, store)
    assert report.error.code == "tls"
    assert store.load(ISSUER).version == 1


def test_published_where_the_row_was_deleted_meanwhile(network, clock):
    store = Store(clock)
    report = sync(network, clock)
    gone = replace(report, record=replace(report.record, version=5))
    assert publish(network, clock, gone, store).error is None
    assert store.load(ISSUER).version == 1


def test_a_record_from_behind_the_store_replaces_none(network, clock):
    """What a cache lacked came from the database: its version counts for nothing."""
    store = Store(clock)
    report = sync(network, clock)
    behind = replace(report, record=replace(report.record, version=-3))
    assert publish(network, clock, behind, store).error is None
    assert (store.load(ISSUER).version, network.hits) == (1, 1)


def test_it_gives_up_where_others_keep_publishing(network, clock):
    store = Store(clock)
    report = sync(network, clock)

    def faster():
        stored = store.load(ISSUER)
        replacing = stored.version if stored else 0
        store.put(replace(report.record, version=replacing + 1))

    store.before_publish = faster
    assert isinstance(publish(network, clock, report, store).error, StoreError)
    assert store.load(ISSUER).version == 3


def test_a_store_that_is_down_is_an_error(network, clock):
    store = Store(clock)
    store.break_down()
    report = publish(network, clock, sync(network, clock), store)
    assert isinstance(report.error, StoreError)
