"""What a token may cost: keys as requests come by them, and the answer they get."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    ExpiredToken,
    InvalidClaim,
    KeysUnavailable,
    KeyUnusable,
    MalformedToken,
    NotAnAccessToken,
    UnconfirmedToken,
    UnknownKey,
    UntrustedIssuer,
)
from django_oidc_rs.core.jwt_validator import JwtValidator
from django_oidc_rs.core.resource_server import ResourceServer

from .fakes import ISSUER, JWKS_URI, Network, Process, make_policy, signing_key

AUDIENCE = "https://api.test"


@pytest.fixture
def network():
    return Network("a")


@pytest.fixture
def process(network, clock):
    return Process(network, clock=clock)


@pytest.fixture
def server(process, clock):
    return serving((process, {}), clock=clock)


def serving(*processes, clock) -> ResourceServer:
    validators = {}
    for process, fields in processes:
        policy = make_policy(**fields)
        validators[policy.issuer] = JwtValidator(policy, keys=process.ring, clock=clock)
    return ResourceServer(validators, max_token_length=16384)


def claims(clock, **changes):
    now = int(clock.now())
    made = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": now + 300,
        "iat": now,
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def token(clock, key="a", header=None, **changes) -> str:
    signer = signing_key(key)
    usual = {"alg": "ES256", "kid": key, "typ": "at+jwt"}
    made = {**usual, **(header or {})}
    made = {name: value for name, value in made.items() if value is not None}
    return signer.sign(claims(clock, **changes), made)


def test_a_good_token(server, network, clock):
    assert server.validate(token(clock)).subject == "alice"
    assert server.validate(token(clock)).subject == "alice"
    assert network.hits == 1


def test_jc_06_a_new_key_is_found_in_the_same_request(server, network, clock):
    server.validate(token(clock))
    network.serve("a", "b")
    assert server.validate(token(clock, "b")).subject == "alice"
    assert network.hits == 2


# What is wrong besides the unknown kid -> the refusal, found without a fetch.
CHEAP = {
    "wrong iss": ({"iss": "https://evil.test"}, {}, UntrustedIssuer),
    "no iss": ({"iss": None}, {}, UntrustedIssuer),
    "expired": ({"exp": 1}, {}, ExpiredToken),
    "no exp": ({"exp": None}, {}, InvalidClaim),
    "another audience": ({"aud": "https://other.test"}, {}, InvalidClaim),
    "an ID token": ({"nonce": "n"}, {}, NotAnAccessToken),
    "typ of a logout token": ({}, {"typ": "logout+jwt"}, NotAnAccessToken),
    "bound to a key": ({"cnf": {"jkt": "x"}}, {}, UnconfirmedToken),
    "alg none": ({}, {"alg": "none"}, AlgorithmNotAllowed),
    "alg HS256": ({}, {"alg": "HS256"}, AlgorithmNotAllowed),
    "alg nobody knows": ({}, {"alg": "ES256K"}, AlgorithmNotAllowed),
    "crit": ({}, {"crit": ["x"]}, MalformedToken),
    "JW-09 kid a number": ({}, {"kid": 1}, MalformedToken),
}


@pytest.mark.parametrize(("changes", "header", "error"), CHEAP.values(), ids=CHEAP)
def test_jc_13_garbage_costs_no_fetch(server, network, clock, changes, header, error):
    server.validate(token(clock))
    unknown = {"kid": "random", **header}
    for _ in range(5):
        with pytest.raises(error):
            server.validate(token(clock, "b", header=unknown, **changes))
    assert network.hits == 1
    # The same token without that fault is worth one.
    with pytest.raises(UnknownKey):
        server.validate(token(clock, "b", header={"kid": "random"}))
    assert network.hits == 2


@pytest.mark.parametrize("header", [{}, {"kid": None}], ids=["kid", "no kid"])
@pytest.mark.parametrize(
    ("changes", "error"),
    [({"exp": 1}, ExpiredToken), ({"aud": "x"}, InvalidClaim)],
    ids=["expired", "audience"],
)
def test_jc_13_with_and_without_kid(server, network, clock, header, changes, error):
    server.validate(token(clock))
    for _ in range(5):
        with pytest.raises(error):
            server.validate(token(clock, "b", header=header, **changes))
    assert network.hits == 1


def test_jc_09_an_exhausted_budget_is_401(server, network, clock):
    server.validate(token(clock))
    for number in range(50):
        with pytest.raises(UnknownKey):
            server.validate(token(clock, "b", header={"kid": f"random {number}"}))
    assert network.hits == 3
    assert server.validate(token(clock)).subject == "alice"


def test_jc_15_a_bad_signature_never_fetches(server, network, clock):
    server.validate(token(clock))
    forged = token(clock, "b", header={"kid": "a"})
    for _ in range(10):
        with pytest.raises(BadSignature):
            server.validate(forged)
    assert network.hits == 1


def test_a_known_key_for_another_algorithm_never_fetches(server, network, clock):
    server.validate(token(clock))
    for _ in range(5):
        with pytest.raises(KeyUnusable):
            server.validate(token(clock, header={"alg": "RS256"}))
    assert network.hits == 1


def test_jw_07_a118_a_key_for_encryption_never_fetches(network, clock):
    network.answer = _set({**signing_key("b").public_jwk(), "use": "enc"})
    server = serving((Process(network, clock=clock), {}), clock=clock)
    server.validate(token(clock))
    for _ in range(5):
        with pytest.raises(KeyUnusable):
            server.validate(token(clock, "b"))
    assert network.hits == 1


def test_a117_an_ambiguous_key_never_fetches(network, clock):
    twice = {**signing_key("b").public_jwk(), "kid": "same"}
    again = {**signing_key("c").public_jwk(), "kid": "same"}
    network.answer = _set(twice, again)
    server = serving((Process(network, clock=clock), {}), clock=clock)
    server.validate(token(clock))
    for key in ("b", "c"):
        with pytest.raises(KeyUnusable):
            server.validate(token(clock, key, header={"kid": "same"}))
    assert network.hits == 1


def _set(*more: dict[str, object]) -> bytes:
    import json

    return json.dumps({"keys": [signing_key("a").public_jwk(), *more]}).encode()


def test_no_kid_tries_the_keys_that_fit(network, clock):
    network.serve("a", "b", "c", "d", "e")
    server = serving((Process(network, clock=clock), {}), clock=clock)
    for key in ("a", "b", "c", "d"):
        assert server.validate(token(clock, key, header={"kid": None}))
    # The fifth is not tried: more would be work an attacker can order.
    with pytest.raises(BadSignature):
        server.validate(token(clock, "e", header={"kid": None}))


def test_no_kid_and_no_key_verifies_is_as_an_unknown_kid(server, network, clock):
    server.validate(token(clock))
    with pytest.raises(BadSignature):
        server.validate(token(clock, "b", header={"kid": None}))
    assert network.hits == 2
    network.serve("b")
    assert server.validate(token(clock, "b", header={"kid": None}))
    for _ in range(5):
        with pytest.raises(BadSignature):
            server.validate(token(clock, "c", header={"kid": None}))
    assert network.hits == 3


def test_ks_10_a_token_names_no_address_and_no_key(server, network, clock):
    server.validate(token(clock))
    named = {
        "jku": "https://evil.test/jwks",
        "x5u": "https://evil.test/cert",
        "jwk": signing_key("b").public_jwk(),
        "x5c": ["MIIB"],
        "kid": "a",
    }
    with pytest.raises(BadSignature):
        server.validate(token(clock, "b", header=named))
    with pytest.raises(UnknownKey):
        server.validate(token(clock, "b", header={**named, "kid": "b"}))
    assert set(network.asked) == {JWKS_URI}


@pytest.mark.parametrize(
    ("header", "after"), [({}, UnknownKey), ({"kid": None}, BadSignature)]
)
def test_jc_18_an_outage_is_503_and_no_401(server, network, clock, header, after):
    server.validate(token(clock))
    network.fail("connect")
    with pytest.raises(KeysUnavailable) as caught:
        server.validate(token(clock, "b", header=header))
    assert caught.value.status == 503
    assert caught.value.error is None
    assert caught.value.issuer_alias == "default"
    assert server.validate(token(clock)).subject == "alice"
    network.serve("a")
    clock.advance(30)
    with pytest.raises(after):
        server.validate(token(clock, "b", header=header))


def test_an_outage_makes_no_bad_token_good_and_no_expired_one_503(
    server, network, clock
):
    network.fail("connect")
    with pytest.raises(KeysUnavailable):
        server.validate(token(clock))
    with pytest.raises(AlgorithmNotAllowed):
        server.validate(token(clock, header={"alg": "none"}))
    with pytest.raises(UntrustedIssuer):
        server.validate(token(clock, iss="https://evil.test"))


def test_a130_a_token_of_a_withdrawn_key_is_refused(server, network, clock):
    server.validate(token(clock))
    network.serve("b")
    clock.advance(480)
    server.validate(token(clock))
    with pytest.raises(UnknownKey):
        server.validate(token(clock))
    assert server.validate(token(clock, "b"))


@pytest.fixture
def two(network, clock):
    other = {"issuer": "https://other.test", "alias": "other"}
    theirs = Network("b")
    server = serving(
        (Process(network, clock=clock), {}),
        (Process(theirs, clock=clock, **other), other),
        clock=clock,
    )
    return server, network, theirs


def test_mi_01_each_issuer_has_its_own_keys(two, clock):
    server, network, theirs = two
    assert server.validate(token(clock)).issuer_alias == "default"
    found = server.validate(token(clock, "b", iss="https://other.test"))
    assert found.issuer_alias == "other"
    assert (network.hits, theirs.hits) == (1, 1)


def test_mi_02_an_untrusted_issuer_is_asked_nothing(two, clock):
    server, network, theirs = two
    with pytest.raises(UntrustedIssuer):
        server.validate(token(clock, iss="https://evil.test"))
    assert (network.hits, theirs.hits) == (0, 0)


def test_mi_03_a_key_of_one_issuer_signs_for_no_other(two, clock):
    server, network, theirs = two
    theirs.answer = network.answer.replace(b'"a"', b'"same"')
    network.answer = Network("b").answer.replace(b'"b"', b'"same"')
    same = {"kid": "same"}
    assert server.validate(token(clock, "b", header=same))
    assert server.validate(token(clock, "a", header=same, iss="https://other.test"))
    with pytest.raises(BadSignature):
        server.validate(token(clock, "a", header=same))
    with pytest.raises(BadSignature):
        server.validate(token(clock, "b", header=same, iss="https://other.test"))


def test_the_outage_of_one_issuer_is_not_the_others(two, clock):
    server, _network, theirs = two
    theirs.fail()
    with pytest.raises(KeysUnavailable):
        server.validate(token(clock, "b", iss="https://other.test"))
    assert server.validate(token(clock))
