"""Tokens: what was not signed is never accepted, and what was signed always is."""

from __future__ import annotations

import base64
import copy
import json
import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from django_oidc_rs.core.errors import InvalidToken
from django_oidc_rs.core.explain import explain
from django_oidc_rs.core.jwk import shared_secret_keys
from django_oidc_rs.core.jws import parse_jws
from django_oidc_rs.core.strict_json import StrictJsonError, freeze, loads_object
from django_oidc_rs.testing.signing import SigningKey, encode

from ..core.builders import (
    AUDIENCE,
    ISSUER,
    NOW,
    FakeKeys,
    claims,
    header,
    key,
    key_set,
    policy,
    server,
    sign,
    validator,
)
from .strategies import (
    GOOD_JSON,
    GOOD_TEXT,
    JSON,
    TEXT,
    WORDS,
    bounded,
    json_of,
    outcome,
    spelt,
)

# One of each family; the RSA key is made once for all.
ALGORITHMS = ("ES256", "ES512", "EdDSA", "RS256", "PS256", "HS256")
B64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SECRET = b"a secret of tests, 32 octets long"
P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signer_for(algorithm):
    if algorithm == "HS256":
        return SigningKey("HS256", key_id="k1", secret=SECRET)
    return key("RS256" if algorithm == "PS256" else algorithm)


def server_for(algorithm):
    if algorithm == "HS256":
        keys = shared_secret_keys(SECRET)
    else:
        jwk = signer_for(algorithm).public_jwk()
        keys = key_set({name: jwk[name] for name in jwk if name != "alg"})
    return server(validator(policy(algorithms=frozenset((algorithm,))), FakeKeys(keys)))


SERVERS = {name: server_for(name) for name in ALGORITHMS}
TOKENS = {
    name: sign(
        header_=header(alg=name),
        signer=signer_for(name),
        algorithm=name,
    )
    for name in ALGORITHMS
}


def octets(raw_token):
    text = raw_token.rpartition(".")[2]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# Nothing that was not signed


@st.composite
def changed(draw, raw_token):
    """Return ``raw_token`` with one octet in, out or replaced, two swapped, or cut."""
    place = draw(st.integers(0, len(raw_token) - 1))
    kind = draw(st.sampled_from(["replace", "insert", "delete", "swap", "cut"]))
    character = draw(
        st.sampled_from(B64URL + ".=+/ \t\r\n\0") | st.characters(exclude_categories=())
    )
    if kind == "replace":
        return raw_token[:place] + character + raw_token[place + 1 :]
    if kind == "insert":
        return raw_token[:place] + character + raw_token[place:]
    if kind == "delete":
        return raw_token[:place] + raw_token[place + 1 :]
    if kind == "swap":
        other = draw(st.integers(0, len(raw_token) - 1))
        text = list(raw_token)
        text[place], text[other] = text[other], text[place]
        return "".join(text)
    return raw_token[:place]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.data())
@bounded(80)
def test_a_token_changed_anywhere_is_refused(algorithm, data):
    # ECDSA's other signature, (r, n - s), is no exception: it differs from (r, s) in
    # more than the two octets that these changes reach. See the next test.
    raw_token = TOKENS[algorithm]
    forged = data.draw(changed(raw_token))
    assume(forged != raw_token)
    with pytest.raises(InvalidToken):
        SERVERS[algorithm].validate(forged)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_single_bit_of_the_signature_counts(algorithm):
    head, _, tail = TOKENS[algorithm].rpartition(".")
    signature = octets(tail)
    for place in range(len(signature)):
        flipped = bytearray(signature)
        flipped[place] ^= 1 << place % 8
        with pytest.raises(InvalidToken):
            SERVERS[algorithm].validate(f"{head}.{encode(bytes(flipped))}")


@given(st.binary(max_size=80))
@bounded(60)
def test_another_signature_gives_the_same_claims_or_none(signature):
    # (r, n - s) is the one other signature that verifies, with ECDSA alone. It needs
    # no key, so a token's spelling identifies nothing; its claims stay what they were.
    head, _, tail = TOKENS["ES256"].rpartition(".")
    r, s = octets(tail)[:32], int.from_bytes(octets(tail)[32:], "big")
    mirrored = r + (P256 - s).to_bytes(32, "big")
    server_ = SERVERS["ES256"]
    accepted = server_.validate(f"{head}.{encode(mirrored)}")
    assert accepted == server_.validate(TOKENS["ES256"])
    assume(signature not in (octets(tail), mirrored))
    for algorithm, raw_token in TOKENS.items():
        head = raw_token.rpartition(".")[0]
        with pytest.raises(InvalidToken):
            SERVERS[algorithm].validate(f"{head}.{encode(signature)}")


@given(st.dictionaries(WORDS, JSON, max_size=3), st.sampled_from(ALGORITHMS))
@bounded(60)
def test_no_claims_take_over_the_signature_of_others(edits, algorithm):
    head, body, tail = TOKENS[algorithm].split(".")
    forged = encode(json.dumps(claims(**edits)).encode())
    assume(forged != body)
    with pytest.raises(InvalidToken):
        SERVERS[algorithm].validate(f"{head}.{forged}.{tail}")


@given(st.sampled_from(ALGORITHMS), st.sampled_from(ALGORITHMS))
@bounded(40)
def test_a_token_of_one_algorithm_opens_no_other(ours, theirs):
    assume(ours != theirs)
    with pytest.raises(InvalidToken):
        SERVERS[ours].validate(TOKENS[theirs])
    # Not even where its header is made to say otherwise.
    body, tail = TOKENS[theirs].split(".")[1:]
    head = encode(json.dumps(header(alg=ours)).encode())
    with pytest.raises(InvalidToken):
        SERVERS[ours].validate(f"{head}.{body}.{tail}")


# Only refusals come out, whatever was signed

POLICIES = (
    policy(),
    policy(audience_claims=("resource.id", "aud"), subject_claim="user.id"),
    policy(required_claims=("exp", "azp|appid", "user.id"), max_token_age=60),
    policy(
        machine={"user.kind": "service-*", "level": 3},
        scope_claims=("https://x.test/scopes", "user.scopes"),
        client_id_claims=("client.id", "azp"),
        grantable_scopes=frozenset(("read",)),
        allow_nonce=True,
    ),
)
NAMES = (
    *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "client_id"),
    *("azp", "appid", "cid", "cnf", "typ", "type", "token_use", "token_type", "nonce"),
    *("at_hash", "events", "user", "client", "resource", "id", "kind", "scopes"),
    *("level", "user.id", "https://x.test/scopes"),
)
HEADERS = ("alg", "kid", "typ", "cty", "crit", "b64", "jwk", "jku", "x5c", "zip", "p2c")
EDGES = st.sampled_from(
    [
        *(ISSUER, AUDIENCE, [AUDIENCE], [AUDIENCE, 1], {"id": AUDIENCE}, "service-1"),
        *(NOW - 30, NOW - 29, NOW + 30, NOW + 30.5, True, -0.0, 3, "at+jwt", "k1"),
    ]
)


def verdict(server_, raw_token):
    """Return what the server says, once its explanation says the same."""
    explanation = explain(server_, raw_token)
    found = outcome(InvalidToken, server_.validate, raw_token)
    if isinstance(found, InvalidToken):
        assert explanation.access_token is None
        assert type(explanation.error) is type(found)
        assert explanation.error.reason == found.reason
        line = str(found)
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 250
    else:
        assert explanation.access_token == found
    return found


def demand_consistent(access_token, signed):
    """Demand that an accepted token says what was signed, and can be kept."""
    assert access_token.claims == freeze(signed)
    assert pickle.loads(pickle.dumps(access_token)) == access_token
    assert copy.deepcopy(access_token) == access_token
    assert json.loads(json.dumps(access_token.claims)) == signed
    assert AUDIENCE in access_token.audience
    assert access_token.subject or access_token.client_id


@given(
    st.sampled_from(POLICIES),
    st.dictionaries(st.sampled_from(NAMES), EDGES | json_of(*NAMES), max_size=4),
    st.sets(st.sampled_from(NAMES), max_size=2),
)
@bounded(250)
def test_whatever_is_claimed_only_refusals_come_out(policy_, edits, left_out):
    signed = claims(**edits)
    signed = {name: signed[name] for name in signed if name not in left_out}
    found = verdict(server(validator(policy_)), sign(signed))
    if not isinstance(found, InvalidToken):
        demand_consistent(found, signed)
        assert signed["iss"] == ISSUER
        assert signed["exp"] + policy_.leeway > NOW
        assert "cnf" not in signed


@given(
    st.dictionaries(
        st.sampled_from(HEADERS) | TEXT, EDGES | json_of(*HEADERS), max_size=3
    )
)
@bounded(150)
def test_whatever_the_header_says_only_refusals_come_out(edits):
    signed = header(**edits)
    found = verdict(server(), sign(header_=json.dumps(signed).encode()))
    if not isinstance(found, InvalidToken):
        assert signed["alg"] == "ES256"
        assert signed.get("kid") in {None, "k1"}
        assert not {"crit", "b64", "cty"} & set(signed)


@given(st.lists(TEXT | st.binary(max_size=30).map(encode), max_size=6).map(".".join))
@bounded(150)
def test_whatever_text_is_sent_only_refusals_come_out(raw_token):
    assert isinstance(verdict(server(), raw_token), InvalidToken)


# Whatever is good stays good

_RESERVED = {*NAMES, "c_hash", "s_hash", "token_introspection"}
EXTRA = st.dictionaries(
    GOOD_TEXT.filter(lambda name: name not in _RESERVED), GOOD_JSON, max_size=3
)


@given(st.data(), EXTRA)
@bounded(60)
def test_extra_claims_order_and_spelling_do_no_harm(data, extra):
    signed = {**extra, **claims()}
    raw_token = sign(data.draw(spelt(signed)), data.draw(spelt(header())))
    access_token = server().validate(raw_token)
    demand_consistent(access_token, signed)
    assert access_token.subject == "alice"
    assert access_token.scopes == {"read", "write"}


@given(
    st.data(),
    st.dictionaries(
        st.sampled_from(["jwk", "jku", "x5c", "x5u", "x5t", "zip", "enc", "nonce"])
        | WORDS.map("x-".__add__),
        GOOD_JSON,
        max_size=3,
    ),
    st.sampled_from(["at+jwt", "AT+JWT", "application/at+jwt", "JWT", None]),
    st.booleans(),
)
@bounded(60)
def test_extra_headers_do_no_harm(data, extra, typ, has_kid):
    signed = {**extra, **header()}
    if typ is None:
        del signed["typ"]
    else:
        signed["typ"] = typ
    if not has_kid:
        del signed["kid"]
    assert server().validate(sign(header_=data.draw(spelt(signed)))).subject == "alice"


@given(
    st.lists(WORDS.map("https://".__add__), max_size=3),
    st.sets(st.from_regex(r"[!#-\[\]-~]{1,8}", fullmatch=True), max_size=4),
    st.integers(NOW - 29, NOW + 10**9) | st.floats(NOW - 29, NOW + 10**9),
    st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=30),
)
@bounded(90)
def test_the_facts_are_those_that_were_signed(others, scopes, expires_at, subject):
    signed = claims(
        aud=[*others, AUDIENCE],
        scope=" ".join(scopes),
        exp=expires_at,
        sub=subject,
    )
    access_token = server().validate(sign(signed))
    assert access_token.audience == (*others, AUDIENCE)
    assert access_token.scopes == scopes
    assert access_token.expires_at == expires_at
    assert access_token.subject == subject


@given(st.dictionaries(GOOD_TEXT, GOOD_JSON, max_size=4), st.data())
@bounded(60)
def test_parse_and_serialise_are_inverse(members, data):
    assert loads_object(data.draw(spelt(members))) == members
    raw_token = sign(members, json.dumps(members).encode())
    jws = parse_jws(raw_token)
    # Arrays are tuples there; what JSON makes of them is what was sent.
    for parsed in (jws.header, jws.unverified_claims):
        assert json.loads(json.dumps(parsed)) == members
    assert jws.signing_input.decode() + "." + encode(jws.signature) == raw_token


@given(GOOD_JSON, st.sampled_from(["\ud800", "\udfff\ud800", "a\udc00"]), st.booleans())
@bounded(40)
def test_what_utf_8_cannot_hold_is_never_parsed(value, text, is_name):
    members = {"a": value, **({text: 1} if is_name else {"b": [text]})}
    with pytest.raises(StrictJsonError):
        loads_object(json.dumps(members).encode())
