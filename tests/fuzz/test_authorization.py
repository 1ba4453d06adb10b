"""The Authorization header, and the challenge that answers it."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs.core.challenges import Challenge
from django_oidc_rs.core.credentials import parse_authorization
from django_oidc_rs.core.errors import InvalidRequest, InvalidToken
from django_oidc_rs.core.scopes import ScopeRequirement, is_scope_token, scope_tokens
from django_oidc_rs.decorators import access_token_required, scope_required
from django_oidc_rs.testing import FakeIssuer, install
from tests.http_answers import assert_refusal
from tests.http_syntax import parse_challenge

from .strategies import LATIN_1, TEXT, bounded

B64TOKENS = st.from_regex(r"[A-Za-z0-9\-._~+/]{1,40}={0,3}", fullmatch=True)
SCOPE_TOKENS = st.from_regex(r"[!#-\[\]-~]{1,10}", fullmatch=True)
SCHEMES = st.sampled_from(["Bearer", "bearer", "BEARER", "BeArEr"])
# What a header is likely to be made of, right or wrong.
HEADERS = LATIN_1 | st.lists(
    st.sampled_from(
        ["Bearer", "bearer", "DPoP", "Basic", " ", "  ", "\t", ",", ", ", "=", "\0"]
    )
    | B64TOKENS
    | LATIN_1,
    max_size=6,
).map("".join)


@access_token_required(resolve_user=False)
def view(_request):
    return HttpResponse("let in")


@scope_required("read", "write", resolve_user=False)
def scoped(_request):
    return HttpResponse("let in")


@pytest.fixture
def issuer():
    """One for all examples of a test: what it issued before harms nothing."""
    fake = FakeIssuer()
    with install(fake):
        yield fake


def ask(view_, value):
    return view_(RequestFactory().get("/", headers={"Authorization": value}))


@given(SCHEMES, B64TOKENS)
@bounded(120)
def test_what_is_well_formed_is_read_exactly(scheme, raw_token):
    value = f"{scheme} {raw_token}"
    credentials = parse_authorization(value, max_token_length=43)
    assert (credentials.scheme, credentials.raw_token) == ("Bearer", raw_token)
    assert repr(credentials) == "Credentials(scheme='Bearer')"
    with pytest.raises(InvalidToken):
        parse_authorization(value, max_token_length=len(raw_token) - 1)


@given(HEADERS | TEXT, st.integers(0, 60))
@bounded(250)
def test_whatever_is_sent_is_read_exactly_or_refused(value, most):
    try:
        credentials = parse_authorization(value, max_token_length=most)
    except (InvalidRequest, InvalidToken):
        return
    if credentials is None:
        # No bearer credentials, alone or among others, may be overlooked.
        for part in value.split(","):
            scheme = part.strip(" \t").replace("\t", " ").partition(" ")[0]
            assert scheme.lower() not in {"bearer", "dpop"} or (
                scheme.lower() == "dpop" and "," not in value
            )
    else:
        assert value[:7].lower() == "bearer "
        assert value[7:] == credentials.raw_token
        assert len(credentials.raw_token) <= most
        assert not set(credentials.raw_token) & set(' ,"\\\t\r\n\0')


@given(HEADERS)
@bounded(120)
def test_every_answer_to_a_stranger_is_a_proper_refusal(issuer, value):
    response = ask(view, value)
    error = {400: "invalid_request", 401: "invalid_token"}[response.status_code]
    challenge = parse_challenge(response["WWW-Authenticate"])
    if "error" not in challenge.parameters:
        # Somebody else's credentials, or none: no error code. RFC 6750 section 3.1.
        error = None
    assert_refusal(response, response.status_code, error=error)


@given(st.sets(SCOPE_TOKENS, max_size=4))
@bounded(60)
def test_scopes_decide_and_the_challenge_names_them(issuer, scopes):
    token = issuer.access_token("alice", sorted(scopes))
    assert ask(view, f"Bearer {token}").content == b"let in"
    response = ask(scoped, f"Bearer {token}")
    if {"read", "write"} <= scopes:
        assert response.content == b"let in"
    else:
        assert_refusal(response, 403, error="insufficient_scope", scope="read write")


@given(
    TEXT,
    st.sampled_from(["invalid_request", "invalid_token", "insufficient_scope", None]),
    TEXT,
    st.lists(SCOPE_TOKENS, max_size=3),
)
@bounded(150)
def test_every_challenge_can_be_parsed_back(realm, error, description, scopes):
    challenge = Challenge(
        realm=realm,
        error=error,
        error_description=description if error else None,
        scope=ScopeRequirement.all_of(scopes).challenge if scopes else None,
    )
    text = str(challenge)
    assert text.isascii()
    assert text.isprintable()
    parameters = parse_challenge(text).parameters
    assert parameters.get("error") == error
    assert parameters.get("scope", "").split() == scopes
    printable = set(map(chr, range(0x20, 0x7F))) - set('"\\')
    for name, value in (("realm", realm), ("error_description", description)):
        if name in parameters:
            kept = [each if each in printable else "?" for each in value]
            assert parameters[name] == "".join(kept)


@given(st.lists(TEXT | SCOPE_TOKENS, max_size=4))
@bounded(120)
def test_a_requirement_is_made_of_scope_tokens_or_refused(scopes):
    assert scope_tokens(scopes) == set(filter(is_scope_token, scopes))
    try:
        requirement = ScopeRequirement.any_of(scopes)
    except ValueError:
        assert not scopes or not all(map(is_scope_token, scopes))
        return
    assert (
        parse_challenge(
            str(Challenge(realm="api", scope=requirement.challenge))
        ).parameters["scope"]
        == scopes[0]
    )


@given(B64TOKENS, B64TOKENS, st.sampled_from([",", ", ", " ,", ",\t", " "]), SCHEMES)
@bounded(60)
def test_two_credentials_are_never_one(one, other, between, scheme):
    with pytest.raises(InvalidRequest):
        parse_authorization(
            f"{scheme} {one}{between}{scheme} {other}", max_token_length=10**6
        )
