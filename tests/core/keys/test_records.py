"""Stored records, and the contract of a store, as the store in memory keeps it."""

from __future__ import annotations

from dataclasses import replace

from django_oidc_rs.core.keys import KeyRecord, MemoryKeyStore

RECORD = KeyRecord(
    issuer="https://issuer.test",
    jwks="{}",
    jwks_uri="https://issuer.test/jwks",
    fetched_at=1,
    lifetime=600,
)


def test_the_digest_is_the_sets_alone():
    assert replace(RECORD, fetched_at=2, version=7, etag="x").digest == RECORD.digest
    assert replace(RECORD, jwks="{ }").digest != RECORD.digest


def test_what_is_not_said_is_what_is_safe():
    # Metadata from a public address may not lead to a private one.
    assert RECORD.metadata_public
    assert RECORD.metadata_fetched_at == 0
    assert RECORD.version == 0


def test_nothing_is_stored_at_first():
    assert MemoryKeyStore().load(RECORD.issuer) is None


def test_versions_count_from_one():
    store = MemoryKeyStore()
    first = store.publish(RECORD, replacing=0)
    assert first == replace(RECORD, version=1)
    assert store.load(RECORD.issuer) == first
    assert store.publish(RECORD, replacing=1) == replace(RECORD, version=2)


def test_jc_27_a_slow_old_answer_replaces_nothing():
    store = MemoryKeyStore()
    store.publish(replace(RECORD, jwks="new"), replacing=0)
    assert store.publish(replace(RECORD, jwks="old"), replacing=0) is None
    stored = store.load(RECORD.issuer)
    assert stored is not None
    assert stored.jwks == "new"


def test_nothing_is_published_in_place_of_a_version_that_is_gone():
    assert MemoryKeyStore().publish(RECORD, replacing=5) is None


def test_ss_10_issuers_do_not_touch_each_other():
    store = MemoryKeyStore()
    store.publish(RECORD, replacing=0)
    other = replace(RECORD, issuer="https://other.test")
    store.publish(other, replacing=0)
    store.publish(other, replacing=1)
    assert store.load(RECORD.issuer) == replace(RECORD, version=1)
