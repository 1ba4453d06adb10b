"""The resource server: whose token it is, before anything else is believed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs.core import jws
from django_oidc_rs.core.credentials import Credentials
from django_oidc_rs.core.errors import (
    BadSignature,
    ExpiredToken,
    InvalidRequest,
    KeysUnavailable,
    NotAnAccessToken,
    ResourceServerError,
    TokenTooLong,
    UntrustedIssuer,
)
from django_oidc_rs.core.explain import explain
from django_oidc_rs.testing.signing import encode

from .builders import (
    ISSUER,
    FakeKeys,
    claims,
    examples,
    header,
    key,
    key_set,
    policy,
    server,
    sign,
    validator,
)

OTHER_ISSUER = "https://other.test"


def two_issuers():
    """Return a server that trusts two issuers whose keys bear one and the same name."""
    ours = validator(keys=FakeKeys(key_set()))
    theirs = validator(
        policy(alias="other", issuer=OTHER_ISSUER),
        FakeKeys(key_set({**key("ES256", "other").public_jwk(), "kid": "k1"})),
    )
    return server(ours, theirs)


def test_mi_01_each_issuer_has_its_own_keys():
    both = two_issuers()
    assert both.validate(sign()).issuer_alias == "default"
    theirs = sign(claims(iss=OTHER_ISSUER), header(), signer=key("ES256", "other"))
    assert both.validate(theirs).issuer_alias == "other"
    assert [each.policy.issuer for each in both.validators] == [ISSUER, OTHER_ISSUER]


# Headers seen before


def test_a_known_header_is_judged_anew_by_each_issuer():
    """Parsed once, checked every time: what one issuer may send, another may not."""
    ours = validator(keys=FakeKeys(key_set()))
    other = policy(alias="other", issuer=OTHER_ISSUER, token_types=frozenset(("jwt",)))
    both = server(ours, validator(other, FakeKeys(key_set())))
    assert both.validate(sign())
    assert both.validate(sign()).issuer_alias == "default"
    with pytest.raises(NotAnAccessToken):
        both.validate(sign(claims(iss=OTHER_ISSUER)))


@pytest.mark.parametrize(
    "bad",
    [
        lambda number: sign(claims(exp=1), header(n=number)),
        lambda number: sign(claims(iss="x"), header(n=number)),
        lambda number: sign(None, header(n=number), signer=key("ES256", "other")),
        lambda number: sign(None, header(n=number, crit=[])),
    ],
)
def test_only_the_headers_of_good_tokens_are_kept(bad):
    tried = server()
    for number in range(3):
        with pytest.raises(ResourceServerError):
            tried.validate(bad(number))
    assert not tried._headers
    assert not tried.validators[0]._headers


def test_the_headers_kept_are_few_and_short(monkeypatch):
    monkeypatch.setattr(jws, "_MAX_HEADERS", 4)
    tried = server()
    for number in range(10):
        raw_token = sign(None, header(n=number))
        for _ in range(2):
            assert tried.validate(raw_token)
        assert len(tried._headers) == number % 4 + 1
        assert tried._headers.keys() == tried.validators[0]._headers.keys()
    kept = dict(tried._headers)
    assert tried.validate(sign(None, header(n="n" * 1000)))
    assert tried._headers == kept


@pytest.mark.parametrize(
    ("issuer", "key_id"), [(ISSUER, "other"), (OTHER_ISSUER, "k1")]
)
def test_a71_mi_03_a_key_of_one_issuer_signs_nothing_of_another(issuer, key_id):
    raw_token = sign(claims(iss=issuer), header(), signer=key("ES256", key_id))
    with pytest.raises(BadSignature):
        two_issuers().validate(raw_token)


@pytest.mark.parametrize(
    "issuer", ["https://evil.test", None, "", 1, [ISSUER], {"a": 1}, f"{ISSUER}/"]
)
def test_mi_02_a75_an_issuer_nobody_configured(issuer):
    with pytest.raises(UntrustedIssuer) as caught:
        two_issuers().validate(sign(claims(iss=issuer)))
    assert caught.value.issuer_alias is None


def test_mi_05_what_the_token_says_reaches_the_log_escaped():
    with pytest.raises(UntrustedIssuer) as caught:
        server().validate(sign(claims(iss='"><script>\r\n\x1b[31m' + "x" * 500)))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 150


def test_a_refusal_names_the_issuer_once_that_is_known():
    with pytest.raises(ExpiredToken) as caught:
        server().validate(sign(claims(exp=1)))
    assert caught.value.issuer_alias == "default"


def test_an_outage_names_the_issuer_too():
    class Down(FakeKeys):
        def snapshot(self, *, wait):
            raise KeysUnavailable("down", retry_after=1)

    with pytest.raises(KeysUnavailable) as caught:
        server(validator(keys=Down(None))).validate(sign())
    assert caught.value.issuer_alias == "default"


def test_the_length_limit_counts_before_anything_is_parsed():
    raw_token = sign()
    exact = server(max_token_length=len(raw_token))
    assert exact.validate(raw_token)
    short = server(max_token_length=len(raw_token) - 1)
    with pytest.raises(TokenTooLong):
        short.validate(raw_token)
    with pytest.raises(TokenTooLong):
        short.validate("\ud800" * len(raw_token))
    with pytest.raises(TokenTooLong):
        short.parse(f"Bearer {raw_token}")


def test_parse_reads_the_authorization_header():
    assert server().parse("Bearer abc") == Credentials(scheme="Bearer", raw_token="abc")
    assert server().parse(None) is None
    with pytest.raises(InvalidRequest):
        server().parse("Bearer a b")


def agree(raw_token):
    """Validate and explain ``raw_token``; both must say the same, and nothing else."""
    try:
        verdict = server().validate(raw_token).subject
    except ResourceServerError as error:
        verdict = (type(error), error.code, error.claim, error.reason)
    explanation = explain(server(), raw_token)
    if explanation.access_token is not None:
        assert explanation.access_token.subject == verdict
    else:
        error = explanation.error
        assert (type(error), error.code, error.claim, error.reason) == verdict
    failed = [step for step in explanation.steps if step.outcome == "failed"]
    assert len(failed) == (explanation.error is not None)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
PARTS = st.lists(st.binary(max_size=30).map(encode), min_size=2, max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=10)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
CLAIM_NAMES = st.sampled_from(
    [
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "client_id"),
        *("azp", "appid", "cid", "cnf", "typ", "type", "token_use", "token_type"),
        *("nonce", "at_hash", "events", "anything"),
    ]
)
HEADER_NAMES = st.sampled_from(
    ["alg", "kid", "typ", "cty", "crit", "b64", "jwk", "jku", "x5c", "zip", "anything"]
)


@given(ANY_TEXT | PARTS.map(".".join))
@examples(300)
def test_arbitrary_text_raises_nothing_but_refusals(raw_token):
    agree(raw_token)


@given(st.dictionaries(CLAIM_NAMES, JSON, max_size=3))
@examples(300)
def test_arbitrary_claims_raise_nothing_but_refusals(edits):
    agree(sign(claims(**edits)))


@given(st.dictionaries(HEADER_NAMES, JSON, max_size=3))
@examples(300)
def test_arbitrary_headers_raise_nothing_but_refusals(edits):
    agree(sign(None, json.dumps(header(**edits)).encode()))


@given(st.binary(max_size=60), st.binary(max_size=60))
@examples(200)
def test_arbitrary_bytes_raise_nothing_but_refusals(payload, header_):
    agree(sign(payload, header_))
