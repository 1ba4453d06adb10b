"""One deliberate fetch, compared with what is stored, and published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_oidc_rs.core.keys import SourceError, StoreError
from django_oidc_rs.core.keys.sync import fetch_keys, publish_keys

from .fakes import Network, Store, jwks, make_policy


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


def test_published_in_place_of_what_was_read(network, clock):
    store = Store()
    publish_keys(sync(network, clock).record, store=store)
    stored = store.load(make_policy().issuer)
    assert stored.version == 1
    publish_keys(sync(network, clock, stored).record, store=store)
    assert store.load(make_policy().issuer).version == 2


@pytest.mark.parametrize(("later", "version"), [(-1, 2), (0, 2), (1, 1)])
def test_a135_published_over_what_others_published_unless_theirs_is_later(
    network, clock, later, version
):
    store = Store()
    record = sync(network, clock).record
    theirs = replace(record, jwks="theirs", fetched_at=record.fetched_at + later)
    store.publish(theirs, replacing=0)
    publish_keys(record, store=store)
    stored = store.load(record.issuer)
    assert stored.version == version
    assert stored.jwks == (record.jwks if version == 2 else "theirs")


def test_published_where_the_row_was_deleted_meanwhile(network, clock):
    store = Store()
    publish_keys(replace(sync(network, clock).record, version=5), store=store)
    assert store.load(make_policy().issuer).version == 1


def test_it_gives_up_where_others_keep_publishing(network, clock):
    store = Store()
    record = sync(network, clock).record

    def faster():
        stored = store.load(record.issuer)
        replacing = stored.version if stored else 0
        store._records[record.issuer] = replace(record, version=replacing + 1)

    store.before_publish = faster
    with pytest.raises(StoreError):
        publish_keys(record, store=store)
    assert store.load(record.issuer).version == 3


def test_a_store_that_is_down_is_an_error(network, clock):
    store = Store()
    store.break_down()
    with pytest.raises(StoreError):
        publish_keys(sync(network, clock).record, store=store)
