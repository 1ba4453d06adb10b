"""A good token passes; with one fault it is refused, and the reason is told alike."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

import pytest

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import ResourceServerError
from django_oidc_rs.core.explain import explain
from django_oidc_rs.core.jwk import parse_jwk_set, shared_secret_keys
from django_oidc_rs.core.resource_server import ResourceServer

from .builders import ABSENT, AUDIENCE, NOW, FakeKeys, edited, key, validator
from .faults import FAULTS, GOOD
from .faults.crafting import MALLORY, RSA, N, named, published, resigned

BY_ID = {fault.id: fault for fault in FAULTS}


def issuer_policy(good, **fields):
    """Return the policy as the settings make it, with single ``fields`` replaced."""
    settings = {"AUDIENCE": AUDIENCE, "ISSUERS": {"default": dict(good.settings)}}
    config, problems = parse(settings)
    assert problems == []
    return replace(config.issuers[0], **fields)


def make_server(good, *, jwks=None, max_token_length=16384, **fields):
    policy = issuer_policy(good, **fields)
    if policy.shared_secret is not None:
        keys = FakeKeys(shared_secret_keys(policy.shared_secret))
    else:
        document = {"keys": jwks or [good.signer().public_jwk()]}
        keys = FakeKeys(parse_jwk_set(document, algorithms=policy.algorithms))
    server = ResourceServer(
        {policy.issuer: validator(policy, keys)}, max_token_length=max_token_length
    )
    return server, keys


def make_token(good, *, claims=None, header=None, signer=None, algorithm=None):
    """Return the good token, or one with single claims and parameters edited."""
    signer = signer or good.signer()
    if not isinstance(claims, bytes):
        # Escaped, so that even a lone surrogate gets as far as our parser.
        claims = json.dumps(edited(good.claims, claims or {})).encode()
    if not isinstance(header, bytes):
        usual = {
            "alg": algorithm or signer.algorithm,
            "kid": signer.key_id,
            "typ": good.typ,
        }
        header = edited(usual, header or {})
    return signer.sign(claims, header, algorithm=algorithm)


@dataclass
class Case:
    """One fault, ready to be tried."""

    server: ResourceServer
    keys: FakeKeys
    good: str
    bad: str


def arrange(fault):
    good = GOOD[fault.good]
    if fault.good_signer is not None:
        good = replace(good, signer=fault.good_signer)
    good = replace(good, claims=edited(good.claims, fault.good_claims))
    server, keys = make_server(
        good,
        jwks=fault.jwks and fault.jwks(),
        max_token_length=fault.max_token_length,
        **fault.policy,
    )
    bad = (
        fault.raw()
        if fault.raw
        else make_token(
            good,
            claims=fault.claims,
            header=fault.header,
            signer=fault.signer and fault.signer(),
            algorithm=fault.algorithm,
        )
    )
    bad = fault.mangle(bad) if fault.mangle else bad
    return Case(server=server, keys=keys, good=make_token(good), bad=bad)


def refusal(server, raw_token):
    with pytest.raises(ResourceServerError) as caught:
        server.validate(raw_token)
    return caught.value


def test_ids_are_unique():
    assert len(BY_ID) == len(FAULTS)


@pytest.mark.parametrize("name", GOOD)
def test_the_good_token_of_each_issuer_passes(name):
    good = GOOD[name]
    server, keys = make_server(good)
    access_token = server.validate(make_token(good))
    assert access_token.issuer == good.claims["iss"]
    assert access_token.subject == good.subject
    assert access_token.client_id == good.client_id
    assert access_token.scopes == good.scopes
    assert access_token.is_machine is good.is_machine
    assert keys.asked == 0


@pytest.mark.parametrize("id_", BY_ID)
def test_one_fault_is_refused(id_):
    fault = BY_ID[id_]
    case = arrange(fault)
    # The guard: without the fault, this very server says yes.
    assert case.server.validate(case.good)
    error = refusal(case.server, case.bad)
    assert (type(error), error.code, error.claim) == (
        fault.raises,
        fault.raises.code,
        fault.claim,
    )
    # Only what would be good with another key may cost the issuer a request.
    assert case.keys.asked == fault.asks
    # Nothing was broken by it.
    assert case.server.validate(case.good)


@pytest.mark.parametrize("id_", BY_ID)
def test_the_explanation_says_the_same(id_):
    case = arrange(BY_ID[id_])
    error = refusal(case.server, case.bad)
    explanation = explain(case.server, case.bad)
    assert explanation.access_token is None
    assert type(explanation.error) is type(error)
    assert (
        explanation.error.code,
        explanation.error.claim,
        explanation.error.reason,
    ) == (
        error.code,
        error.claim,
        error.reason,
    )
    assert explanation.issuer_alias == error.issuer_alias
    outcomes = [step.outcome for step in explanation.steps]
    failed = outcomes.index("failed")
    if failed > 6 and explanation.steps[5].detail:
        # An unknown key that was not fetched, for a claim's sake.
        assert outcomes[5:7] == ["not reached", "not reached"]
        outcomes[5:7] = ["passed", "passed"]
    assert outcomes == [
        *["passed"] * failed,
        "failed",
        *["not reached"] * (len(outcomes) - failed - 1),
    ]
    step = explanation.steps[failed]
    assert error.code in step.detail
    assert step.setting == error.setting
    assert {step.setting for step in explanation.steps} <= {"", error.setting}


@pytest.mark.parametrize("id_", BY_ID)
def test_nothing_the_caller_wrote_is_said_in_public(id_):
    error = refusal(arrange(BY_ID[id_]).server, arrange(BY_ID[id_]).bad)
    assert (error.status, error.error) == (401, "invalid_token")
    assert error.description == "The access token is invalid."
    # What the log gets is one short printable line.
    assert str(error).isprintable()
    assert str(error).isascii()
    assert len(str(error)) < 250


def refuses_to_decide(_access_token):
    raise ZeroDivisionError


def test_cl_16_a_validator_that_breaks_is_never_a_yes():
    server, _ = make_server(GOOD["default"], validators=(refuses_to_decide,))
    with pytest.raises(ZeroDivisionError):
        server.validate(make_token(GOOD["default"]))


def low_or_high_s(octets):
    s = N - int.from_bytes(octets[32:], "big")
    return octets[:32] + s.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        pytest.param({}, {"typ": ABSENT}, id="JW-14-absent"),
        pytest.param({}, {"typ": "JWT"}, id="JW-14-JWT"),
        pytest.param({}, {"typ": "AT+JWT"}, id="JW-15-A83-case"),
        pytest.param({}, {"typ": "application/at+jwt"}, id="JW-15-A83-application"),
        pytest.param({"exp": NOW - 29}, {}, id="TM-03"),
        pytest.param({"exp": NOW + 0.5}, {}, id="TM-05"),
        pytest.param({"iat": NOW - 0.25}, {}, id="TM-05-iat"),
        pytest.param({"nbf": NOW + 30, "iat": NOW + 30}, {}, id="TM-07-at-the-edge"),
        pytest.param({"iat": ABSENT}, {}, id="TM-09"),
        pytest.param({"aud": AUDIENCE}, {}, id="CL-03"),
        pytest.param({"aud": ["https://x.test", AUDIENCE]}, {}, id="CL-04"),
        pytest.param(
            {"aud": [*(f"https://{n}.test" for n in range(300)), AUDIENCE]},
            {},
            id="A80",
        ),
        pytest.param({}, {"kid": ABSENT}, id="KS-03"),
        pytest.param({}, {"zip": "DEF", "enc": "A256GCM", "p2c": 2**31 - 1}, id="A43"),
        pytest.param(
            {}, {"jku": "https://evil.test", "x5u": "https://evil.test"}, id="KS-10"
        ),
        pytest.param(
            {"status": {"status_list": {"uri": "http://169.254.169.254", "idx": 1}}},
            {},
            id="A88-no-request",
        ),
        pytest.param({"unknown": {"deep": [1, {"x": None}]}}, {}, id="unknown-claims"),
        pytest.param({"sub": "app"}, {}, id="A85"),
        pytest.param(
            {"type": "access_token", "token_use": "access"}, {}, id="glewlwyd"
        ),
    ],
)
def test_what_else_is_good(claims, header):
    server, keys = make_server(GOOD["default"])
    raw_token = make_token(GOOD["default"], claims=claims, header=header)
    assert server.validate(raw_token)
    assert keys.asked == 0
    explanation = explain(server, raw_token)
    assert explanation.error is None
    assert {step.outcome for step in explanation.steps} == {"passed"}


def test_a22_the_other_s_is_the_same_token():
    # Both spellings verify: whatever is remembered must go by jti or digest of claims.
    server, _ = make_server(GOOD["default"])
    raw_token = make_token(GOOD["default"])
    assert server.validate(raw_token) == server.validate(
        resigned(low_or_high_s)(raw_token)
    )


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "PS384"])
def test_a15_one_rsa_key_without_alg_for_several_algorithms(algorithm):
    good = replace(GOOD["default"], signer=RSA)
    server, _ = make_server(good, jwks=published(RSA, alg=ABSENT)())
    assert server.validate(make_token(good, algorithm=algorithm))


@pytest.mark.parametrize(
    "algorithm",
    [
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
    ],
)
def test_every_algorithm_of_the_default(algorithm):
    good = replace(GOOD["default"], signer=named(algorithm, "x1"))
    server, _ = make_server(good)
    raw_token = make_token(good)
    assert server.validate(raw_token)
    octets = base64.urlsafe_b64decode(raw_token.rpartition(".")[2] + "==")
    tampered = resigned(lambda _: octets[:-1] + bytes([octets[-1] ^ 1]))(raw_token)
    assert refusal(server, tampered).code == "bad_signature"


@pytest.mark.parametrize(
    ("key_algorithm", "algorithm"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")]
)
def test_one_ed25519_key_under_both_names(key_algorithm, algorithm):
    good = replace(GOOD["default"], signer=named(key_algorithm, "ed1"))
    server, _ = make_server(good)
    assert server.validate(make_token(good, algorithm=algorithm))


def test_ks_04_no_kid_and_several_keys():
    good = GOOD["default"]
    others = [named("ES256", f"e{number}") for number in range(2, 5)]
    server, keys = make_server(good, jwks=published(*others, key)())
    assert server.validate(make_token(good, header={"kid": ABSENT}))
    assert keys.asked == 0


def test_ks_07_an_unusable_key_does_not_spoil_the_set():
    good = GOOD["default"]
    jwks = [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "pq"},
        {"kty": "RSA", "e": "AQAB", "kid": "no-modulus"},
        {**key().public_jwk(), "kid": "spare", "d": "AAAA"},
        "no object",
        {**MALLORY().public_jwk(), "x": "AA", "kid": "off-curve"},
        key().public_jwk(),
    ]
    server, _ = make_server(good, jwks=jwks)
    assert server.validate(make_token(good))


@pytest.mark.parametrize("header", [{}, {"kid": ABSENT}, {"kid": "whatever"}])
def test_a_shared_secret_serves_whatever_kid(header):
    good = GOOD["shared-secret"]
    server, _ = make_server(good)
    assert server.validate(make_token(good, header=header))
