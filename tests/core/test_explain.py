"""The explanation: every step in order, the failing one with what governs it."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.claims import CLAIM_CHECKS
from django_oidc_rs.core.errors import InvalidToken, KeysUnavailable
from django_oidc_rs.core.explain import explain
from django_oidc_rs.core.issuers import KeyPolicy

from .builders import (
    ABSENT,
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

STEPS = [
    *("length", "grammar", "trusted_issuer", "algorithm", "type", "key", "signature"),
    *("issuer", "required", "access_token", "audience", "expiry", "not_before"),
    *("age", "principal", "scopes", "token_id", "confirmation"),
    "validators",
]


def refuse(_access_token):
    raise InvalidToken("not on a Sunday", reason="sunday")


def failed_step(raw_token, checked=None):
    explanation = explain(checked or server(), raw_token)
    (step,) = (step for step in explanation.steps if step.outcome == "failed")
    assert [each.name for each in explanation.steps] == STEPS
    assert explanation.access_token is None
    return step


def test_a_good_token_passes_every_step():
    explanation = explain(server(), sign())
    assert [step.name for step in explanation.steps] == STEPS
    assert {step.outcome for step in explanation.steps} == {"passed"}
    assert {step.setting for step in explanation.steps} == {""}
    assert explanation.access_token.subject == "alice"
    assert explanation.issuer_alias == "default"
    assert explanation.error is None


def test_every_claim_check_is_a_step():
    assert len(STEPS) == 7 + len(CLAIM_CHECKS) + 1
    assert len(set(STEPS)) == len(STEPS)


@pytest.mark.parametrize(
    ("make", "name", "setting"),
    [
        pytest.param(lambda: "x" * 20_000, "length", "MAX_TOKEN_LENGTH", id="length"),
        pytest.param(lambda: "opaque", "grammar", "", id="opaque"),
        pytest.param(
            lambda: sign(claims(iss="https://x.test")),
            "trusted_issuer",
            "ISSUER",
            id="issuer",
        ),
        pytest.param(
            lambda: sign(header_=header(alg="none")),
            "algorithm",
            "ALGORITHMS",
            id="algorithm",
        ),
        pytest.param(lambda: sign(header_=header(crit=[])), "algorithm", "", id="crit"),
        pytest.param(
            lambda: sign(header_=header(typ="x")), "type", "TOKEN_TYPES", id="type"
        ),
        pytest.param(
            lambda: sign(claims(tier=1), header(kid="k9")),
            "key",
            "JWKS_URI",
            id="unknown-key",
        ),
        pytest.param(
            lambda: sign(header_=header(alg="RS256")), "key", "ALGORITHMS", id="key"
        ),
        pytest.param(
            lambda: sign(signer=key("ES256", "k2"), header_=header()),
            "signature",
            "JWKS_URI",
            id="signature",
        ),
        pytest.param(
            lambda: sign(claims(tier=ABSENT)), "required", "REQUIRED_CLAIMS", id="claim"
        ),
        pytest.param(
            lambda: sign(claims(tier=1, at_hash="x")), "access_token", "", id="id-token"
        ),
        pytest.param(
            lambda: sign(claims(tier=1, nonce="x")),
            "access_token",
            "ALLOW_NONCE",
            id="nonce",
        ),
        pytest.param(
            lambda: sign(claims(tier=1, aud="x")), "audience", "AUDIENCE", id="audience"
        ),
        pytest.param(
            lambda: sign(claims(tier=1, aud=ABSENT)),
            "audience",
            "AUDIENCE_CLAIMS",
            id="no-audience",
        ),
        pytest.param(
            lambda: sign(claims(tier=1, exp=NOW - 999)), "expiry", "LEEWAY", id="exp"
        ),
        pytest.param(
            lambda: sign(claims(tier=1, exp="x")), "expiry", "", id="exp-no-number"
        ),
        pytest.param(
            lambda: sign(claims(tier=1, nbf=NOW + 999)),
            "not_before",
            "LEEWAY",
            id="nbf",
        ),
        pytest.param(
            lambda: sign(claims(tier=1, iat=NOW - 999)),
            "age",
            "MAX_TOKEN_AGE",
            id="age",
        ),
        pytest.param(
            lambda: sign(claims(tier=1, sub="")),
            "principal",
            "SUBJECT_CLAIM",
            id="subject",
        ),
        pytest.param(
            lambda: sign(claims(tier=1, client_id=5)),
            "principal",
            "CLIENT_ID_CLAIMS",
            id="client",
        ),
        pytest.param(
            lambda: sign(claims(tier=1, scope=5)), "scopes", "SCOPE_CLAIMS", id="scopes"
        ),
        pytest.param(lambda: sign(claims(tier=1, jti=5)), "token_id", "", id="jti"),
        pytest.param(
            lambda: sign(claims(tier=1, cnf={})), "confirmation", "", id="cnf"
        ),
        pytest.param(
            lambda: sign(claims(tier=1)), "validators", "VALIDATORS", id="validators"
        ),
    ],
)
def test_the_failing_step_and_its_setting(make, name, setting):
    strict = policy(
        required_claims=("exp", "tier"), max_token_age=600, validators=(refuse,)
    )
    step = failed_step(make(), server(validator(strict)))
    assert (step.name, step.setting) == (name, setting)


@pytest.mark.parametrize(
    ("edits", "name", "setting"),
    [
        ({"exp": NOW - 999}, "expiry", "LEEWAY"),
        ({"aud": "other"}, "audience", "AUDIENCE"),
        ({"at_hash": "x"}, "access_token", ""),
        ({"cnf": {}}, "confirmation", ""),
    ],
)
@pytest.mark.parametrize("kid", ["k9", ABSENT])
def test_a_bad_claim_is_marked_where_its_key_was_not_asked_for(
    kid, edits, name, setting
):
    keys = FakeKeys(key_set())
    raw_token = sign(claims(**edits), header(kid=kid), signer=key("ES256", "k9"))
    checked = server(validator(keys=keys))
    step = failed_step(raw_token, checked)
    assert (step.name, step.setting) == (name, setting)
    outcomes = {each.name: each for each in explain(checked, raw_token).steps}
    assert outcomes["key"].outcome == outcomes["signature"].outcome == "not reached"
    assert "no key is fetched" in outcomes["key"].detail
    assert outcomes["issuer"].outcome == "passed"
    assert keys.asked == 0


@pytest.mark.parametrize(
    ("fields", "setting"),
    [
        ({"jwks": {"keys": []}}, "JWKS"),
        ({"keys": KeyPolicy(by_command=True)}, "KEYS"),
        ({"jwks_uri": "https://issuer.test/keys"}, "JWKS_URI"),
    ],
)
def test_an_unknown_key_names_where_keys_come_from(fields, setting):
    strict = policy(**fields)
    step = failed_step(sign(header_=header(kid="k9")), server(validator(strict)))
    assert (step.name, step.setting) == ("key", setting)


def test_an_outage_is_explained_as_one():
    class Down(FakeKeys):
        def snapshot(self, *, wait):
            raise KeysUnavailable("no usable keys", retry_after=1)

    step = failed_step(sign(), server(validator(keys=Down(None))))
    assert step.name == "key"
    assert step.detail == "keys_unavailable: no usable keys"


def test_an_explanation_never_shows_the_token():
    raw_token = sign(claims(exp=NOW - 999))
    shown = repr(explain(server(), raw_token))
    assert raw_token.split(".")[2] not in shown
    assert raw_token.split(".")[1] not in shown
