"""base64url: one spelling per value."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs.core import base64url

from .builders import examples


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"", b""),
        (b"YQ", b"a"),
        (b"YWI", b"ab"),
        (b"YWJj", b"abc"),
        (b"-_-_", b"\xfb\xff\xbf"),
        (b"AAAX", b"\0\0\x17"),
    ],
)
def test_canonical_text_is_decoded(text, data):
    assert base64url.decode(text) == data
    assert base64url.encode(data) == text.decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"YQ==", id="padding"),
        pytest.param(b"YQ=", id="half-padding"),
        pytest.param(b"=", id="padding-alone"),
        pytest.param(b"YWJj=", id="padding-too-much"),
        pytest.param(b"YR", id="stray-low-bits-of-one-byte"),
        pytest.param(b"YWJ", id="stray-low-bits-of-two-bytes"),
        pytest.param(b"Y", id="impossible-length"),
        pytest.param(b"YWJjZ", id="impossible-length-5"),
        pytest.param(b"+/+/", id="standard-alphabet"),
        pytest.param(b"YW Jj", id="space"),
        pytest.param(b"YWJj\n", id="newline"),
        pytest.param(b"\tYWJj", id="tab"),
        pytest.param(b"YW\x00Jj", id="nul"),
        pytest.param(b"YW?Jj", id="foreign-character"),
        pytest.param(b"YW.Jj", id="dot"),
        pytest.param("\uff39\uff31".encode(), id="full-width"),
        pytest.param(b"\xff\xfe", id="high-bytes"),
    ],
)
def test_other_spellings_are_refused(text):
    with pytest.raises(ValueError):
        base64url.decode(text)


def test_the_error_says_so():
    with pytest.raises(ValueError, match=r"^not canonical base64url$"):
        base64url.decode(b"YR")


@given(st.binary(max_size=64))
@examples(200)
def test_round_trip(data):
    text = base64.urlsafe_b64encode(data).rstrip(b"=")
    assert base64url.decode(text) == data


@given(st.binary(max_size=24))
@examples(500)
def test_what_decodes_is_the_one_spelling(text):
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64.urlsafe_b64encode(data).rstrip(b"=") == text
