"""JWK Sets: junk harms nobody else, and what is stored means what was fetched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs.core.http import FetchedDocument
from django_oidc_rs.core.jwk import PRIVATE_MEMBERS, JwkSetError, parse_jwk_set
from django_oidc_rs.core.keys import IssuerSource, SourceError
from django_oidc_rs.core.keys.source import parse_record
from django_oidc_rs.core.metadata import MetadataError, parse_metadata

from ..core.builders import (
    ISSUER,
    FakeKeys,
    StoppedClock,
    header,
    key,
    policy,
    server,
    sign,
    validator,
)
from .strategies import GOOD_JSON, JSON, TEXT, WORDS, bounded, json_of, outcome, spelt

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"),
)
GOOD = {name: key(name, f"good {name}") for name in ("ES256", "EdDSA", "RS256")}
TOKENS = {
    name: sign(header_=header(alg=name, kid=signer.key_id), signer=signer)
    for name, signer in GOOD.items()
}
URL = "https://issuer.test/jwks"
POLICY = policy(jwks_uri=URL)

MEMBERS = (
    *("kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e", "x5c", "x5t"),
    *sorted(PRIVATE_MEMBERS),
)
WORTHS = (
    *("RSA", "EC", "OKP", "oct", "AKP", "sig", "enc", "P-256", "P-521", "Ed25519"),
    *("Ed448", "X25519", "secp256k1", "AQAB", "AQ", "AAAA", "", "none", "RSA-OAEP"),
    *ALGORITHMS,
)
JWKS = {name: signer.public_jwk() for name, signer in GOOD.items()}
WORTH = (
    st.sampled_from(WORTHS)
    | st.sampled_from([jwk[name] for jwk in JWKS.values() for name in jwk])
    | st.lists(st.sampled_from(["verify", "sign", 1]), max_size=3)
    | json_of(*MEMBERS)
)
# A good key that somebody spoilt, a key from nowhere, or no key at all.
JUNK = (
    st.builds(
        lambda jwk, edits, without: {
            name: value
            for name, value in {**jwk, **edits}.items()
            if name not in without
        },
        st.sampled_from(list(JWKS.values())),
        st.dictionaries(st.sampled_from(MEMBERS), WORTH, min_size=1, max_size=3),
        st.sets(st.sampled_from(MEMBERS), max_size=2),
    )
    | st.dictionaries(st.sampled_from(MEMBERS) | TEXT, WORTH, max_size=6)
    | JSON
)


def is_free(junk):
    """Whether ``junk`` does not take the name of a good key: that would be a fault."""
    taken = [jwk["kid"] for jwk in JWKS.values()]
    return not isinstance(junk, dict) or junk.get("kid") not in taken


def serves(keys, algorithm):
    return server(validator(POLICY, FakeKeys(keys))).validate(TOKENS[algorithm])


def names(keys):
    return [
        *(
            (each.key_id, each.key_type, each.curve, each.algorithm)
            for each in keys.keys
        ),
        *((each.key_id, each.reason) for each in keys.refused),
    ]


def answer(body, headers=None):
    return FetchedDocument(
        url=URL, status=200, body=body, headers=headers or {}, public_address=True
    )


def fetched(body, headers=None):
    """Return the record of an issuer that answers so."""

    def fetch(_url, **_options):
        return answer(body, headers)

    return IssuerSource(POLICY, fetch=fetch, clock=StoppedClock()).fetch(None)


@given(st.lists(JUNK.filter(is_free), max_size=4), st.data())
@bounded(90)
def test_junk_beside_good_keys_takes_none_of_them_down(junk, data):
    members = data.draw(st.permutations([*junk, *JWKS.values()]))
    keys = parse_jwk_set({"keys": members}, algorithms=ALGORITHMS)
    assert len(keys.keys) + len(keys.refused) <= len(members)
    for algorithm, signer in GOOD.items():
        assert [each.key_id for each in keys.matching(signer.key_id, algorithm)] == [
            signer.key_id
        ]
        assert serves(keys, algorithm).subject == "alice"


@given(json_of("keys", *MEMBERS) | st.fixed_dictionaries({"keys": st.lists(JUNK)}))
@bounded(120)
def test_whatever_is_published_is_used_or_refused(document):
    if not isinstance(document, dict):
        document = {"keys": document}
    keys = outcome(JwkSetError, parse_jwk_set, document, algorithms=ALGORITHMS)
    if isinstance(keys, JwkSetError):
        assert keys.code in {"no_keys_array", "too_many_keys", "no_usable_key"}
        return
    for each in keys.keys:
        fitting = [name for name in ALGORITHMS if each.fits(name)]
        assert fitting
        for algorithm in fitting:
            for signature in (b"", b"\0" * 64, b"\x01" + b"\0" * 63, b"\0" * 256):
                assert not each.verify(algorithm, b"nobody signed this", signature)
    assert all(refused.reason for refused in keys.refused)


@given(st.dictionaries(st.sampled_from(MEMBERS), WORTH, min_size=1, max_size=2))
@bounded(120)
def test_a_key_that_was_tampered_with_is_the_old_one_or_verifies_nothing(edits):
    # With the name kept: whatever else is said of it, it is its old self or none.
    for algorithm, jwk in JWKS.items():
        members = {**jwk, **edits, "kid": jwk["kid"]}
        try:
            keys = parse_jwk_set({"keys": [members]}, algorithms=ALGORITHMS)
        except JwkSetError:
            continue
        material = {"n", "e", "x", "y"} & set(jwk)
        same = all(members[name] == jwk[name] for name in material)
        for each in keys.matching(jwk["kid"], algorithm):
            signature = GOOD[algorithm].signature(b"signed")
            assert each.verify(algorithm, b"signed", signature) is same
        assert PRIVATE_MEMBERS.isdisjoint(members)


@given(st.data(), st.dictionaries(WORDS.map("x-".__add__), GOOD_JSON, max_size=3))
@bounded(40)
def test_spelling_and_extra_members_do_no_harm(data, extra):
    members = [{**extra, **jwk} for jwk in JWKS.values()]
    body = data.draw(spelt({**extra, "keys": members}))
    keys = parse_record(fetched(body), POLICY)
    for algorithm in GOOD:
        assert serves(keys, algorithm)


@given(st.lists(JUNK, max_size=4))
@bounded(80)
def test_what_is_stored_means_what_was_published(junk):
    document = {"keys": [*junk, JWKS["ES256"]]}
    body = json.dumps(document).encode()
    record = outcome(SourceError, fetched, body)
    if isinstance(record, SourceError):
        # Lone surrogates, or two keys of one name; never an accident.
        assert record.code in {"not_json", "no_usable_key"}
        return
    published = parse_jwk_set(document, algorithms=POLICY.algorithms)
    assert names(parse_record(record, POLICY)) == names(published)
    for stored in json.loads(record.jwks)["keys"]:
        if isinstance(stored, dict):
            assert not any(stored.get(name) for name in PRIVATE_MEMBERS)


@given(st.sampled_from(sorted(PRIVATE_MEMBERS)), st.binary(min_size=8, max_size=32))
@bounded(60)
def test_no_secret_of_a_published_key_is_stored(name, secret):
    text = secret.hex()
    record = fetched(
        json.dumps({"keys": [{**JWKS["RS256"], name: text}, JWKS["ES256"]]}).encode()
    )
    assert text not in repr(record)


DATES = (
    st.datetimes().map("{:%a, %d %b %Y %H:%M:%S GMT}".format)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,6} [\d:]{1,9} .{0,6}")
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
)
VALUES = DATES | st.from_regex(
    r'(no-store|max-age="?\d{1,400}"?)(, ?\w+)?', fullmatch=True
)


@given(
    st.dictionaries(
        st.sampled_from(["cache-control", "expires", "etag", "last-modified", "age"]),
        VALUES,
        max_size=4,
    )
)
@bounded(90)
def test_no_header_stretches_a_lifetime(headers):
    record = fetched(json.dumps({"keys": [JWKS["ES256"]]}).encode(), headers)
    assert 300 <= record.lifetime <= 3600


@given(st.binary(max_size=40) | json_of("keys").map(json.dumps).map(str.encode))
@bounded(120)
def test_whatever_answers_only_declared_errors_come_out(body):
    with pytest.raises(SourceError):
        fetched(body)
    with pytest.raises(MetadataError):
        parse_metadata(answer(body), issuer=ISSUER)


@given(
    st.dictionaries(
        st.sampled_from(["issuer", "jwks_uri", "keys"]) | TEXT,
        st.just(ISSUER) | JSON,
        max_size=4,
    )
)
@bounded(120)
def test_metadata_is_our_issuers_or_not_believed(members):
    document = answer(json.dumps(members).encode())
    metadata = outcome(MetadataError, parse_metadata, document, issuer=ISSUER)
    if isinstance(metadata, MetadataError):
        assert metadata.code in {"not_json", "issuer_mismatch", "no_jwks_uri"}
        return
    assert metadata.issuer == members["issuer"] == ISSUER
    assert metadata.jwks_uri == members["jwks_uri"]
