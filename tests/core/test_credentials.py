"""The Authorization header."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from django_oidc_rs.core.credentials import Credentials, parse_authorization
from django_oidc_rs.core.errors import (
    InvalidRequest,
    MalformedToken,
    ResourceServerError,
    TokenTooLong,
)

from .builders import examples

TOKEN = "aaa.bbb.ccc"


def parse(value, max_token_length=40):
    return parse_authorization(value, max_token_length=max_token_length)


@pytest.mark.parametrize(
    ("value", "raw_token"),
    [
        pytest.param(f"Bearer {TOKEN}", TOKEN, id="TE-01"),
        pytest.param(f"bearer {TOKEN}", TOKEN, id="TE-02-lower"),
        pytest.param(f"BEARER {TOKEN}", TOKEN, id="TE-02-upper"),
        pytest.param(f"bEaReR {TOKEN}", TOKEN, id="TE-02-mixed"),
        pytest.param("Bearer abc==", "abc==", id="TE-03"),
        pytest.param("Bearer -._~+/=", "-._~+/=", id="b64token-characters"),
        pytest.param("Bearer " + "a" * 40, "a" * 40, id="as-long-as-allowed"),
        pytest.param("bearer " + "a" * 40, "a" * 40, id="as-long-lower-case"),
    ],
)
def test_bearer_credentials(value, raw_token):
    assert parse(value) == Credentials(scheme="Bearer", raw_token=raw_token)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="TE-27-no-header"),
        pytest.param("", id="empty"),
        pytest.param(" ", id="blank"),
        pytest.param("Basic YTpi", id="TE-05"),
        pytest.param(
            'Digest username="a", realm="b", uri="/bearer", nc=1', id="commas-of-digest"
        ),
        pytest.param(f"Negotiate {TOKEN}", id="negotiate"),
        pytest.param(f"DPoP {TOKEN}", id="DP-11"),
        pytest.param(f"Token {TOKEN}", id="A94-token"),
        pytest.param(f"BearerX {TOKEN}", id="A94-longer-scheme"),
        pytest.param(f"XBearer {TOKEN}", id="longer-scheme-in-front"),
        pytest.param(f"Bearer:{TOKEN}", id="A94-colon"),
        pytest.param(f"Bearer={TOKEN}", id="A94-equals"),
        pytest.param("Basic a, XBearer b, Dpopper c", id="commas-and-similar-schemes"),
    ],
)
def test_no_credentials_of_ours(value):
    assert parse(value) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Bearer", id="TE-06-no-token"),
        pytest.param("Bearer ", id="TE-06-empty-token"),
        pytest.param("bearer\t", id="no-token-after-a-tab"),
        pytest.param(f"Bearer  {TOKEN}", id="TE-08"),
        pytest.param(f"Bearer {TOKEN} extra", id="TE-09"),
        pytest.param(f"Bearer {TOKEN} ", id="trailing-space"),
        pytest.param(f" Bearer {TOKEN}", id="leading-space"),
        pytest.param(f"\tBearer {TOKEN}", id="leading-tab"),
        # As many as "Bearer " is long, so that the scheme stands where a token should.
        pytest.param("       Bearer", id="leading-spaces"),
        pytest.param(f"Bearer\t{TOKEN}", id="A94-tab"),
        pytest.param(f"Bearer \t{TOKEN}", id="A94-space-and-tab"),
        pytest.param(f"Bearer\x0b{TOKEN}", id="vertical-tab"),
        pytest.param(f"Bearer\x00{TOKEN}", id="nul-after-the-scheme"),
        pytest.param(f"Bearer\xa0{TOKEN}", id="A52-no-break-space"),
        pytest.param(f"Bearer {TOKEN}\n", id="A52-newline"),
        pytest.param(f"Bearer a\rb{TOKEN}", id="A52-carriage-return"),
        pytest.param(f"Bearer a\x00b{TOKEN}", id="A52-nul"),
        pytest.param("Bearer a\x7fb", id="A52-delete"),
        pytest.param("Bearer \xff\xfe", id="A95"),
        pytest.param("Bearer tök", id="non-ascii"),
        pytest.param("Bearer \u2028", id="line-separator"),
        pytest.param(f"Bearer {TOKEN},", id="trailing-comma"),
        pytest.param(f"Bearer {TOKEN}, Bearer {TOKEN}", id="twice"),
        pytest.param(f"Bearer {TOKEN},Bearer {TOKEN}", id="twice-without-space"),
        pytest.param(f"Basic YTpi, Bearer {TOKEN}", id="basic-first"),
        pytest.param(f"Basic YTpi,\tbearer {TOKEN}", id="basic-first-and-a-tab"),
        pytest.param(f"Bearer {TOKEN}, Basic YTpi", id="basic-last"),
        pytest.param(f"Basic YTpi, DPoP {TOKEN}", id="dpop-last"),
        pytest.param(f"DPoP {TOKEN}, Basic YTpi", id="dpop-first"),
        pytest.param(f"dpop {TOKEN}, DPoP {TOKEN}", id="dpop-twice"),
        pytest.param("Basic YTpi, Bearer", id="bare-word-last"),
        pytest.param("Basic YTpi, DPoP", id="bare-dpop-last"),
        pytest.param(",Bearer", id="comma-first"),
        pytest.param("Bearer a\ud800b", id="lone-surrogate"),
    ],
)
def test_malformed_or_several_credentials(value):
    with pytest.raises(InvalidRequest):
        parse(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param('Bearer a"b"c', id="TE-07"),
        pytest.param("Bearer {}", id="braces"),
        pytest.param("Bearer <script>", id="A103"),
        pytest.param("Bearer a=b", id="equals-inside"),
        pytest.param("Bearer ==", id="padding-alone"),
        pytest.param("Bearer a:b", id="colon"),
        pytest.param("Bearer %20", id="A52-percent"),
    ],
)
def test_characters_outside_b64token(value):
    with pytest.raises(MalformedToken):
        parse(value)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("Basic a, Bearer b", "invalid_request: several credentials"),
        ("Bearer", "invalid_request: one space must follow the scheme"),
        (
            "Bearer a b",
            "invalid_request: one token of visible ASCII must follow the scheme",
        ),
        ("Bearer {}", "malformed_token: characters outside b64token"),
    ],
)
def test_the_log_tells_the_causes_apart(value, line):
    with pytest.raises(ResourceServerError) as caught:
        parse(value)
    assert str(caught.value) == line


@pytest.mark.parametrize("tail", ["a", '"', " ", "\xff", "="])
def test_a56_a_long_token_is_refused_unparsed(tail):
    with pytest.raises(TokenTooLong):
        parse("Bearer " + tail * 41)


def test_the_raw_token_does_not_show():
    shown = repr(parse(f"Bearer {TOKEN}"))
    assert shown == "Credentials(scheme='Bearer')"


def test_credentials_cannot_change():
    credentials = parse(f"Bearer {TOKEN}")
    with pytest.raises(AttributeError):
        credentials.raw_token = "other"


LIKELY = st.lists(
    st.sampled_from(
        ["Bearer", "bearer", "DPoP", "Basic", " ", ",", "\t", "a.b.c", "=", '"', "é"]
    ),
    max_size=8,
).map("".join)


@given(st.text(st.characters(exclude_categories=()), max_size=60) | LIKELY)
@example("Bearer \ud800")
@examples(500)
def test_arbitrary_text_raises_nothing_else(value):
    try:
        credentials = parse(value)
    except ResourceServerError:
        return
    if credentials is not None:
        assert value[:7].lower() == "bearer "
        assert value[7:] == credentials.raw_token
