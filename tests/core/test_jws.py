"""Compact JWS: what can be parsed, and which headers an issuer may send."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from django_oidc_rs.core.errors import AlgorithmNotAllowed, MalformedToken
from django_oidc_rs.core.jws import KnownHeaders, check_header, parse_jws
from django_oidc_rs.testing.signing import encode

from .builders import claims, examples, header, key, sign

HEADER, PAYLOAD, SIGNATURE = encode(b'{"alg":"x"}'), encode(b'{"iss":"y"}'), "AAAA"
ALGORITHMS = frozenset(("ES256", "RS256"))


def test_a_compact_jws_is_parsed_once():
    raw_token = sign()
    jws = parse_jws(raw_token)
    assert jws.header == header()
    assert jws.unverified_claims == claims()
    assert jws.signing_input.decode() == raw_token.rpartition(".")[0]
    assert encode(jws.signature) == raw_token.rpartition(".")[2]


def test_nothing_unverified_shows():
    raw_token = sign()
    shown = repr(parse_jws(raw_token))
    assert shown.startswith("UnverifiedJws(header={")
    assert "alice" not in shown
    assert "signature" not in shown
    assert not any(part in shown for part in raw_token.split("."))


def test_what_was_parsed_cannot_change():
    jws = parse_jws(sign())
    with pytest.raises(AttributeError):
        jws.signing_input = b""


def test_headers_seen_before_are_short_and_never_shown():
    known = KnownHeaders()
    known.remember(b"h" * 1024, "found")
    known.remember(b"h" * 1025, "found")
    assert known == {b"h" * 1024: "found"}
    assert repr(known) == "<KnownHeaders 1>"


def test_a_header_seen_before_is_not_parsed_again():
    first = parse_jws(sign())
    again = parse_jws(sign(claims(jti="t2")), {first.encoded_header: first.header})
    assert again.header is first.header
    assert again.unverified_claims == claims(jti="t2")


@pytest.mark.parametrize(
    ("raw_token", "reason"),
    [
        pytest.param("", "parts", id="empty"),
        pytest.param("abc", "parts", id="one-part"),
        pytest.param(f"{HEADER}.{PAYLOAD}", "parts", id="two-parts"),
        pytest.param(f"{HEADER}.{PAYLOAD}.{SIGNATURE}.", "parts", id="four-parts"),
        pytest.param(f".{HEADER}.{PAYLOAD}.{SIGNATURE}", "parts", id="dot-in-front"),
        pytest.param(f"{HEADER}.a.b.c.d", "parts", id="five-parts"),
        pytest.param("." * 1_000_000, "parts", id="a-million-dots"),
        pytest.param(f".{PAYLOAD}.{SIGNATURE}", "parts", id="no-header"),
        pytest.param(f"{HEADER}..{SIGNATURE}", "parts", id="detached"),
        pytest.param(f"{HEADER}.{PAYLOAD}.", "parts", id="no-signature"),
        pytest.param("..", "parts", id="nothing-but-dots"),
        pytest.param(f"{HEADER}.{PAYLOAD}.ÄÄÄÄ", None, id="not-ascii"),
        pytest.param(f"{HEADER}.{PAYLOAD}.\ud800", None, id="lone-surrogate"),
        pytest.param(f"{HEADER}=.{PAYLOAD}.{SIGNATURE}", "base64url", id="padding-1"),
        pytest.param(f"{HEADER}.{PAYLOAD}=.{SIGNATURE}", "base64url", id="padding-2"),
        pytest.param(f"{HEADER}.{PAYLOAD}.{SIGNATURE}=", "base64url", id="padding-3"),
        pytest.param(f"{HEADER}.{PAYLOAD}.{SIGNATURE}\n", "base64url", id="newline"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AAA+", "base64url", id="standard-base64"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AB", "base64url", id="stray-low-bits"),
        pytest.param(f"{encode(b'[]')}.{PAYLOAD}.AAAA", "json", id="header-array"),
        pytest.param(f"{HEADER}.{encode(b'1')}.AAAA", "json", id="payload-number"),
        pytest.param(
            encode(b'{"alg":"x","alg":"x"}') + f".{PAYLOAD}.AAAA",
            "json",
            id="duplicate-header-member",
        ),
        pytest.param(
            f"{HEADER}." + encode(b'{"iss":"x","iss":"x"}') + ".AAAA",
            "json",
            id="duplicate-claim",
        ),
    ],
)
def test_anything_else_is_refused(raw_token, reason):
    with pytest.raises(MalformedToken) as caught:
        parse_jws(raw_token)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("raw_token", "line"),
    [
        (
            "a.b",
            "malformed_token: parts: a JWT has three parts (opaque: see VALIDATION)",
        ),
        ("a..b", "malformed_token: parts: an empty part"),
        ("a.b.\xe4", "malformed_token: not ASCII"),
        ("a.b.c", "malformed_token: base64url: not canonical base64url"),
        (f"{HEADER}.{encode(b'[]')}.AAAA", "malformed_token: json: not an object"),
    ],
)
def test_the_log_tells_the_causes_apart(raw_token, line):
    with pytest.raises(MalformedToken) as caught:
        parse_jws(raw_token)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({}, ("ES256", "k1")),
        ({"alg": "RS256", "kid": ""}, ("RS256", "")),
        ({"kid": "k" * 1024}, ("ES256", "k" * 1024)),
        (
            {"jku": "https://evil.test", "jwk": {}, "x5c": [], "x5u": "", "zip": "DEF"},
            ("ES256", "k1"),
        ),
    ],
)
def test_a_good_header(edits, expected):
    assert check_header(header(**edits), algorithms=ALGORITHMS) == expected


def test_a_header_without_a_key_id():
    assert check_header({"alg": "ES256"}, algorithms=ALGORITHMS) == ("ES256", None)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "invalid"),
        (["ES256"], "invalid"),
        (256, "invalid"),
        (True, "invalid"),
        ("", "mismatch"),
        ("none", "mismatch"),
        ("es256", "mismatch"),
        ("ES256 ", "mismatch"),
        ("ES384", "mismatch"),
        ("HS256", "mismatch"),
    ],
)
def test_an_algorithm_that_is_not_allowed(value, reason):
    with pytest.raises(AlgorithmNotAllowed) as caught:
        check_header(header(alg=value), algorithms=ALGORITHMS)
    assert (caught.value.claim, caught.value.reason) == ("alg", reason)
    assert caught.value.detail == (ascii(value) if reason == "mismatch" else "")


def test_a_missing_algorithm():
    with pytest.raises(AlgorithmNotAllowed):
        check_header({"kid": "k1"}, algorithms=ALGORITHMS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crit", ["exp"]),
        ("crit", []),
        ("crit", None),
        ("b64", False),
        ("b64", True),
        ("cty", "JWT"),
        ("cty", ""),
        ("kid", None),
        ("kid", 1),
        ("kid", True),
        ("kid", ["k1"]),
        ("kid", {"kid": "k1"}),
        ("kid", "k" * 1025),
    ],
)
def test_a_header_that_is_not_understood(name, value):
    with pytest.raises(MalformedToken) as caught:
        check_header(header(**{name: value}), algorithms=ALGORITHMS)
    reason = "invalid" if name == "kid" else "not_understood"
    assert (caught.value.claim, caught.value.reason) == (name, reason)


SEGMENT = st.binary(max_size=20).map(encode) | st.sampled_from([HEADER, PAYLOAD, ""])


@given(
    st.text(st.characters(exclude_categories=()), max_size=40)
    | st.lists(SEGMENT, min_size=2, max_size=5).map(".".join)
)
@example(f"{HEADER}.{PAYLOAD}.{SIGNATURE}")
@examples(500)
def test_arbitrary_text_raises_nothing_else(raw_token):
    try:
        jws = parse_jws(raw_token)
    except MalformedToken:
        return
    again = jws.signing_input.decode() + "." + encode(jws.signature)
    assert again == raw_token


def test_one_token_has_one_spelling():
    # A token with a second spelling could dodge a list of revoked ones.
    raw_token = sign(signer=key("ES256", "k1"))
    for position in range(len(raw_token)):
        for character in "=\n +/":
            with pytest.raises(MalformedToken):
                parse_jws(raw_token[:position] + character + raw_token[position:])
