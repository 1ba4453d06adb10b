"""Refusals: what callers see is fixed; what operators see is safe to log."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs.core import errors

from .builders import examples

# Class -> (status, error, code).
EXPECTED = {
    "InvalidRequest": (400, "invalid_request", "invalid_request"),
    "InvalidToken": (401, "invalid_token", "invalid_token"),
    "TokenTooLong": (401, "invalid_token", "token_too_long"),
    "MalformedToken": (401, "invalid_token", "malformed_token"),
    "UntrustedIssuer": (401, "invalid_token", "untrusted_issuer"),
    "AlgorithmNotAllowed": (401, "invalid_token", "algorithm_not_allowed"),
    "NotAnAccessToken": (401, "invalid_token", "not_an_access_token"),
    "UnknownKey": (401, "invalid_token", "unknown_key"),
    "KeyUnusable": (401, "invalid_token", "key_unusable"),
    "BadSignature": (401, "invalid_token", "bad_signature"),
    "InvalidClaim": (401, "invalid_token", "invalid_claim"),
    "ExpiredToken": (401, "invalid_token", "expired_token"),
    "TokenNotYetValid": (401, "invalid_token", "token_not_yet_valid"),
    "UnconfirmedToken": (401, "invalid_token", "unconfirmed_token"),
    "UserRejected": (401, "invalid_token", "user_rejected"),
    "InsufficientScope": (403, "insufficient_scope", "insufficient_scope"),
    "InactiveToken": (401, "invalid_token", "inactive_token"),
    "TemporarilyUnavailable": (503, None, "temporarily_unavailable"),
    "IntrospectionUnavailable": (503, None, "introspection_unavailable"),
    "KeysUnavailable": (503, None, "keys_unavailable"),
}
REFUSALS = [
    each
    for _name, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.ResourceServerError)
    and each is not errors.ResourceServerError
]


def test_every_cause_has_its_answer_and_code():
    assert {
        each.__name__: (each.status, each.error, each.code) for each in REFUSALS
    } == EXPECTED


def test_codes_are_unique():
    codes = [each.code for each in REFUSALS]
    assert len(codes) == len(set(codes))


def test_a104_all_bad_tokens_get_the_same_words():
    words = {each.description for each in REFUSALS if each.error == "invalid_token"}
    assert len(words) == 1


def test_an_error_says_its_cause_in_one_line():
    error = errors.InvalidClaim("more", claim="aud", reason="mismatch")
    assert str(error) == "invalid_claim: aud: mismatch: more"
    assert str(errors.BadSignature()) == "bad_signature"


@pytest.mark.parametrize("field", ["detail", "claim", "reason"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("tenant a", "tenant a"),
        ("tenant \u00e4", "tenant \u00e4"),
        ("evil\r\n2026-01-01 INFO root", r"evil\r\n2026-01-01 INFO root"),
        ("\x1b[2J\x00\x7f", r"\x1b[2J\x00\x7f"),
        ("\u2028\u2029\x85\x0b", r"\u2028\u2029\x85\x0b"),
        ("\u202e\ud800\U000e0001", r"\u202e\ud800\U000e0001"),
        # An excerpt is not escaped once more.
        (errors.excerpt("a\nb"), r"'a\nb'"),
        (ValueError("a\nb"), r"a\nb"),
        ("a" * 300, "a" * 300),
        ("a" * 301, "a" * 300 + "..."),
        ("\n" * 10_000_000, r"\n" * 150 + "..."),
    ],
)
def test_a226_what_a_validator_quotes_forges_no_line(field, value, text):
    if field == "detail":
        error = errors.InvalidToken(value)
        assert error.args == (text,)
    else:
        error = errors.InvalidToken(**{field: value})
    assert getattr(error, field) == text
    assert str(error) == f"invalid_token: {text}"


def test_what_is_not_said_stays_none():
    error = errors.InvalidToken()
    assert (error.claim, error.reason, error.detail) == (None, None, "")


@given(st.text(st.characters(exclude_categories=()), max_size=400))
@examples(200)
def test_an_error_is_one_printable_line(text):
    error = errors.InvalidClaim(text, claim=text, reason=text)
    assert str(error).isprintable()
    assert len(str(error)) < 1000


def test_an_error_names_the_setting_that_governs():
    assert errors.ExpiredToken().setting == "LEEWAY"
    assert errors.ExpiredToken(setting="MAX_TOKEN_AGE").setting == "MAX_TOKEN_AGE"
    assert errors.UntrustedIssuer(setting="").setting == ""


def test_an_outage_says_when_to_come_back():
    error = errors.KeysUnavailable("down", retry_after=7)
    assert (error.retry_after, error.detail, error.issuer_alias) == (7, "down", None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (None, "None"),
        (["a"], "['a']"),
        ("line\r\n\x1b[31mred", r"'line\r\n\x1b[31mred'"),
        ("\u202eä\ud800", r"'\u202e\xe4\ud800'"),
    ],
)
def test_a226_an_excerpt_is_escaped(value, text):
    assert errors.excerpt(value) == text


@pytest.mark.parametrize(
    "value", ["a" * 10_000_000, "\U0001f600" * 80, ["a"] * 100, {"a": "b" * 100}]
)
def test_a225_an_excerpt_is_cut(value):
    text = errors.excerpt(value)
    assert len(text) == 83
    assert text.endswith("...")


class Silent:
    def __repr__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("value", "text"),
    [(10**5000, "<int>"), (Silent(), "<Silent>")],
    ids=["number", "object"],
)
def test_what_cannot_be_shown_is_named_by_its_type(value, text):
    assert errors.excerpt(value) == text


@given(st.text(st.characters(exclude_categories=()), max_size=200))
@examples(200)
def test_an_excerpt_is_one_printable_line(value):
    text = errors.excerpt(value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 83
