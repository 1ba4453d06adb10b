"""One fetch: where the keys lie, what is asked, and what is kept of the answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from django_oidc_rs.core.http import FetchedDocument, FetchError
from django_oidc_rs.core.issuers import KeyPolicy
from django_oidc_rs.core.keys import IssuerSource, KeyRecord, SourceError
from django_oidc_rs.core.keys.source import parse_record

from .fakes import ISSUER, JWKS_URI, Network, jwks, make_policy, signing_key

METADATA_URL = f"{ISSUER}/.well-known/openid-configuration"
SECOND_URL = f"{ISSUER}/.well-known/oauth-authorization-server"


@pytest.fixture
def network():
    network = Network("a")
    network.pages[METADATA_URL] = metadata()
    return network


def metadata(jwks_uri: str = JWKS_URI) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": jwks_uri}).encode()


def source(network, clock, **policy) -> IssuerSource:
    return IssuerSource(make_policy(**policy), fetch=network, clock=clock)


def discovering(network, clock, **policy) -> IssuerSource:
    return source(network, clock, jwks_uri=None, **policy)


def names(record: KeyRecord, **policy) -> list[str | None]:
    keys = parse_record(record, make_policy(**policy)).keys
    return [key.key_id for key in keys]


def test_keys_by_discovery(network, clock):
    record = discovering(network, clock).fetch(None)
    assert network.asked == [METADATA_URL, JWKS_URI]
    assert names(record, jwks_uri=None) == ["a"]
    assert record.issuer == ISSUER
    assert record.jwks_uri == JWKS_URI
    assert record.fetched_at == record.metadata_fetched_at == clock.now()
    assert record.version == 0


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({}, {"metadata_url": "https://good.test/md"}),
        ({"metadata_url": "https://evil.test/md"}, {}),
        (
            {"metadata_url": "https://evil.test/md"},
            {"metadata_url": "https://good.test/md"},
        ),
        ({"jwks_uri": "https://evil.test/keys"}, {}),
        ({}, {"jwks_uri": "https://good.test/keys"}),
    ],
)
def test_what_an_address_gave_that_settings_no_longer_name_is_not_believed(
    network, clock, then, now
):
    for url in ("https://evil.test/md", "https://good.test/md"):
        network.pages[url] = metadata(url + "/keys")
    then, now = ({"jwks_uri": None, **settings} for settings in (then, now))
    old = source(network, clock, **then).fetch(None)
    assert names(old, **then) == ["a"]
    with pytest.raises(SourceError, match="not of these settings"):
        names(old, **now)
    network.asked.clear()
    clock.advance(10)
    new = source(network, clock, **now).fetch(old)
    assert names(new, **now) == ["a"]
    assert not [url for url in network.asked if url == old.jwks_uri != new.jwks_uri]
    assert "evil" not in str(network.asked)


def test_keys_from_the_address_in_settings(network, clock):
    record = source(network, clock).fetch(None)
    assert network.asked == [JWKS_URI]
    assert names(record) == ["a"]
    assert record.metadata_fetched_at == 0


def test_di_03_keys_by_the_second_form(network, clock):
    network.pages[METADATA_URL] = FetchError("status", status=404)
    network.pages[SECOND_URL] = metadata()
    discovering(network, clock).fetch(None)
    assert network.asked == [METADATA_URL, SECOND_URL, JWKS_URI]


def test_di_05_a_metadata_address_from_settings(network, clock):
    url = "https://issuer.test/policy/metadata"
    network.pages[url] = metadata()
    discovering(network, clock, metadata_url=url).fetch(None)
    assert network.asked == [url, JWKS_URI]


def test_metadata_is_believed_for_an_hour(network, clock):
    keys = discovering(network, clock)
    record = keys.fetch(None)
    clock.advance(3599)
    again = keys.fetch(record)
    assert network.asked == [METADATA_URL, JWKS_URI, JWKS_URI]
    assert again.metadata_fetched_at == record.metadata_fetched_at


def test_di_11_a_moved_jwks_uri_is_found_after_an_hour(network, clock):
    keys = discovering(network, clock)
    record = keys.fetch(None)
    network.pages[METADATA_URL] = metadata("https://new.test/jwks")
    clock.advance(3600)
    assert keys.fetch(record).jwks_uri == "https://new.test/jwks"


def test_metadata_from_the_future_is_not_believed(network, clock):
    keys = discovering(network, clock)
    record = keys.fetch(None)
    clock.advance(-1)
    keys.fetch(record)
    assert network.asked.count(METADATA_URL) == 2


def test_a_moved_jwks_uri_is_found_at_once_after_a_failure(network, clock):
    keys = discovering(network, clock)
    record = keys.fetch(None)
    network.pages[METADATA_URL] = metadata("https://new.test/jwks")
    assert keys.fetch(record, rediscover=True).jwks_uri == "https://new.test/jwks"


# Where the metadata came from, what settings say -> may a private address serve keys?
TRUST = {
    "DI-14 found in a public document": (True, {"jwks_uri": None}, False),
    "found in a private document": (False, {"jwks_uri": None}, True),
    "found through an address in settings": (
        True,
        {"jwks_uri": None, "metadata_url": "https://issuer.test/meta"},
        False,
    ),
    "written in settings": (True, {}, True),
}


@pytest.mark.parametrize(("public", "policy", "trusted"), TRUST.values(), ids=TRUST)
def test_di_14_whose_word_may_lead_to_a_private_address(
    network, clock, public, policy, trusted
):
    network.pages["https://issuer.test/meta"] = metadata()
    network.pages = {
        url: FetchedDocument(
            url=url, status=200, body=body, headers={}, public_address=public
        )
        for url, body in network.pages.items()
    }
    keys = source(network, clock, **policy)
    record = keys.fetch(None)
    assert network.trusted[-1] is trusted
    # Metadata lies where settings say, so any address may answer.
    assert all(network.trusted[:-1])
    # What is stored decides the same for the next process.
    keys.fetch(record)
    assert network.trusted[-1] is trusted


RETRIED = {
    "connect": FetchError("connect"),
    "502": FetchError("status", status=502),
    "503": FetchError("status", status=503),
    "504": FetchError("status", status=504),
}
NOT_RETRIED = {
    "timeout": FetchError("timeout"),
    "500": FetchError("status", status=500),
    "404": FetchError("status", status=404),
    "429": FetchError("status", status=429),
    "JC-24 redirect": FetchError("redirect"),
    "A133 tls": FetchError("tls"),
    "JC-25 too large": FetchError("too_large"),
    "a page": FetchError("content_type"),
    "A137 plain http": FetchError("insecure_url"),
    "DI-14 private": FetchError("private_address"),
}


@pytest.mark.parametrize("error", RETRIED.values(), ids=RETRIED)
def test_one_immediate_retry(network, clock, error):
    answers = [error, jwks("a")]
    network.answer = lambda: answers.pop(0)
    assert names(source(network, clock).fetch(None)) == ["a"]
    assert network.hits == 2


@pytest.mark.parametrize("error", RETRIED.values(), ids=RETRIED)
def test_one_retry_and_no_more(network, clock, error):
    network.answer = error
    with pytest.raises(SourceError) as caught:
        source(network, clock).fetch(None)
    assert caught.value.code == error.code
    assert network.hits == 2


@pytest.mark.parametrize(("seconds", "asked"), [(5, 4), (5.1, 1)])
def test_no_request_starts_late(network, clock, seconds, asked):
    """Another process may fetch once a lease is over."""
    answer, network.pages = network.pages[METADATA_URL], {}

    def slowly():
        clock.advance(seconds if network.hits == 1 else 0)
        if network.asked[-1] == JWKS_URI:
            return FetchError("connect") if network.hits == 3 else jwks("a")
        return FetchError("connect") if network.hits == 1 else answer

    network.answer = slowly
    fetch = discovering(network, clock).fetch
    if asked == 4:
        assert names(fetch(None), jwks_uri=None) == ["a"]
    else:
        with pytest.raises(SourceError):
            fetch(None)
    assert network.hits == asked


def test_a_second_document_is_not_asked_for_late(network, clock):
    answer, network.pages = network.pages[METADATA_URL], {}

    def slowly():
        clock.advance(5.1)
        return answer

    network.answer = slowly
    with pytest.raises(SourceError, match="took too long"):
        discovering(network, clock).fetch(None)
    assert network.hits == 1


@pytest.mark.parametrize("error", RETRIED.values(), ids=RETRIED)
def test_metadata_is_retried_too(network, clock, error):
    answers = [error, metadata()]
    network.pages[METADATA_URL] = lambda: answers.pop(0)
    discovering(network, clock).fetch(None)
    assert network.asked == [METADATA_URL, METADATA_URL, JWKS_URI]


@pytest.mark.parametrize("error", NOT_RETRIED.values(), ids=NOT_RETRIED)
def test_nothing_else_is_retried(network, clock, error):
    network.answer = error
    with pytest.raises(SourceError) as caught:
        source(network, clock).fetch(None)
    assert caught.value.code == error.code
    assert network.hits == 1


BODIES = {
    "JC-21 A125 a page": (b"<html></html>", "not_json"),
    "JC-21 null": (b"null", "not_json"),
    "45 an array": (b"[]", "not_json"),
    "JC-21 {}": (b"{}", "no_keys_array"),
    "JC-21 keys null": (b'{"keys": null}', "no_keys_array"),
    "45 keys an object": (b'{"keys": {}}', "no_keys_array"),
    "JC-21 a null key": (b'{"keys": [null]}', "no_usable_key"),
    "JC-22 A127 empty": (b'{"keys": []}', "no_usable_key"),
    "JC-22 unusable": (b'{"keys": [{"kty": "XYZ"}]}', "no_usable_key"),
    "42 a member twice": (
        b'{"keys": [{"kty": "EC", "kty": "EC"}]}',
        "not_json",
    ),
    "nothing": (b"", "not_json"),
    "A122 a million keys": (b'{"keys": [' + b"{}," * 1000 + b"{}]}", "too_many_keys"),
}


@pytest.mark.parametrize(("body", "code"), BODIES.values(), ids=BODIES)
def test_an_answer_without_usable_keys_is_a_failure(network, clock, body, code):
    network.answer = body
    with pytest.raises(SourceError) as caught:
        source(network, clock).fetch(None)
    assert caught.value.code == code
    assert network.hits == 1


def test_a107_metadata_of_another_issuer_leads_nowhere(network, clock):
    network.pages[METADATA_URL] = b'{"issuer": "https://evil.test", "jwks_uri": "x"}'
    with pytest.raises(SourceError) as caught:
        discovering(network, clock).fetch(None)
    assert caught.value.code == "issuer_mismatch"
    assert network.asked == [METADATA_URL]


def test_a115_private_members_are_never_stored(network, clock):
    leaked = {**signing_key("leak").public_jwk(), "d": "secret-d", "p": "secret-p"}
    shared = {"kty": "oct", "kid": "shared", "k": "secret-k", "more": "secret-more"}
    post_quantum = {"kty": "AKP", "alg": "ML-DSA-44", "priv": "secret-priv"}
    keys = [leaked, shared, post_quantum, signing_key("good").public_jwk()]
    network.answer = json.dumps({"keys": keys, "d": "secret-outside"}).encode()
    record = source(network, clock).fetch(None)
    assert "secret" not in record.jwks
    assert leaked["x"] not in record.jwks
    found = parse_record(record, make_policy())
    assert [key.key_id for key in found.keys] == ["good"]
    # The stored set says what was wrong with the published one.
    assert {(key.key_id, key.reason) for key in found.refused} == {
        ("leak", "private_key"),
        ("shared", "symmetric_key"),
        (None, "private_key"),
    }


def test_equal_sets_have_equal_digests_whatever_their_spelling(network, clock):
    keys = source(network, clock)
    first = keys.fetch(None)
    (key,) = json.loads(jwks("a"))["keys"]
    spelled = {"keys": [dict(reversed(key.items()))], "more": 1}
    network.answer = json.dumps(spelled, indent=4).encode()
    assert keys.fetch(None).digest == first.digest


def test_the_lifetime_of_the_answer(network, clock):
    network.headers = {"cache-control": "max-age=900"}
    assert source(network, clock).fetch(None).lifetime == 900


def test_the_lifetime_of_an_answer_that_names_none(network, clock):
    policy = {"keys": KeyPolicy(default_age=1200)}
    assert source(network, clock, **policy).fetch(None).lifetime == 1200


VALIDATORS = {
    "etag": ({"etag": '"1"'}, {"If-None-Match": '"1"'}),
    "weak etag": ({"etag": 'W/"1"'}, {"If-None-Match": 'W/"1"'}),
    "last-modified": (
        {"last-modified": "Fri, 15 Jan 2027 08:00:00 GMT"},
        {"If-Modified-Since": "Fri, 15 Jan 2027 08:00:00 GMT"},
    ),
    "both": (
        {"etag": '"1"', "last-modified": "Fri, 15 Jan 2027 08:00:00 GMT"},
        {"If-None-Match": '"1"'},
    ),
    "none": ({}, {}),
}


@pytest.mark.parametrize(("headers", "sent"), VALIDATORS.values(), ids=VALIDATORS)
def test_the_next_fetch_is_conditional(network, clock, headers, sent):
    network.headers = headers
    keys = source(network, clock)
    keys.fetch(keys.fetch(None))
    assert network.sent == [{}, sent]


def not_modified(**headers: str) -> FetchedDocument:
    return FetchedDocument(
        url=JWKS_URI, status=304, body=b"", headers=headers, public_address=True
    )


def test_a_304_makes_the_known_set_fresh_again(network, clock):
    network.headers = {"etag": '"1"', "cache-control": "max-age=900"}
    keys = source(network, clock)
    record = keys.fetch(None)
    clock.advance(800)
    network.answer = not_modified()
    again = keys.fetch(record)
    assert again == replace(record, fetched_at=clock.now())


def test_a_304_may_say_validators_and_lifetime_anew(network, clock):
    network.headers = {"etag": '"1"', "cache-control": "max-age=900"}
    keys = source(network, clock)
    record = keys.fetch(None)
    network.answer = not_modified(
        **{"etag": '"2"', "last-modified": "then", "cache-control": "max-age=1000"}
    )
    again = keys.fetch(record)
    assert (again.etag, again.last_modified, again.lifetime) == ('"2"', "then", 1000)
    assert again.jwks == record.jwks


@pytest.mark.parametrize("etag", ["", '"1"'])
def test_a_304_that_nobody_asked_for_is_a_failure(network, clock, etag):
    keys = source(network, clock)
    record = replace(keys.fetch(None), etag=etag)
    network.answer = not_modified()
    with pytest.raises(SourceError) as caught:
        keys.fetch(record, rediscover=True)
    assert caught.value.code == "not_json"


def test_no_condition_is_sent_to_another_address(network, clock):
    network.headers = {"etag": '"1"'}
    record = source(network, clock).fetch(None)
    moved = source(network, clock, jwks_uri="https://new.test/jwks")
    moved.fetch(record)
    assert network.sent[-1] == {}


def test_ss_07_a_poisoned_set_is_not_confirmed_by_a_304(network, clock):
    network.headers = {"etag": '"1"'}
    keys = source(network, clock)
    poisoned = replace(keys.fetch(None), jwks=jwks("evil").decode())
    assert names(keys.fetch(poisoned, rediscover=True)) == ["a"]
    assert network.sent[-1] == {}


def test_the_version_of_the_record_before_is_kept(network, clock):
    keys = source(network, clock)
    assert keys.fetch(replace(keys.fetch(None), version=7)).version == 7


STORED = {
    "SS-08 no JSON": ({"jwks": "{"}, "not_json"),
    "SS-08 a lone surrogate": ({"jwks": '{"keys": ["\ud800"]}'}, "not_json"),
    "SS-08 no set": ({"jwks": "{}"}, "no_keys_array"),
    "SS-07 a private key": (
        {"jwks": '{"keys": [{"kty": "EC", "d": "x"}]}'},
        "no_usable_key",
    ),
    "MI-03 of another issuer": ({"issuer": "https://evil.test"}, "foreign_record"),
    "from an address the settings do not name": (
        {"jwks_uri": "https://old.test/jwks"},
        "foreign_record",
    ),
}


@pytest.mark.parametrize(("fields", "code"), STORED.values(), ids=STORED)
def test_a_stored_record_is_not_believed_blindly(network, clock, fields, code):
    record = source(network, clock).fetch(None)
    assert names(record) == ["a"]
    with pytest.raises(SourceError) as caught:
        parse_record(replace(record, **fields), make_policy())
    assert caught.value.code == code


def test_a_stored_record_is_read_under_the_policy_of_today(network, clock):
    record = source(network, clock).fetch(None)
    with pytest.raises(SourceError):
        parse_record(record, make_policy(algorithms=frozenset(("RS256",))))


def test_a_discovered_record_may_come_from_anywhere(network, clock):
    record = discovering(network, clock).fetch(None)
    moved = replace(record, jwks_uri="https://elsewhere.test/jwks")
    assert names(moved, jwks_uri=None) == ["a"]
