"""Retry-After: seconds or a date, within a minute."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.retry_after import parse_retry_after

# Sun, 06 Nov 1994 08:49:37 GMT
NOW = 784111777


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 1),
        ("1", 1),
        ("7", 7),
        (" 59 ", 59),
        ("60", 60),
        ("61", 60),
        ("9" * 64, 60),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 1),
        ("Sun, 06 Nov 1994 08:49:57 GMT", 20),
        ("Sun, 06 Nov 1994 09:49:37 GMT", 60),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1),
        ("Sunday, 06-Nov-94 08:49:57 GMT", 20),
        ("Sun Nov  6 08:49:57 1994", 20),
    ],
)
def test_seconds_and_dates_are_a_wait_of_1_to_60_seconds(value, seconds):
    assert parse_retry_after(value, now=NOW) == seconds


def test_a_part_of_a_second_is_waited_for():
    value = "Sun, 06 Nov 1994 08:49:57 GMT"
    assert parse_retry_after(value, now=NOW + 0.5) == 20
    assert parse_retry_after(value, now=NOW + 18.5) == 2


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "-1",
        "+1",
        "1.5",
        "1e1",
        "0x10",
        "1_0",
        "\u0663",
        "7, 8",
        "soon",
        "9" * 65,
        "9" * 5000,
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1994 99:99:99 GMT",
        "Sun, 06 Nov 1994 08:49:37 +" + "9" * 30,
        "Sun, 06 Nov 1994 08:49:37 +9999",
        ",",
        ", ,",
        "a b c d e f",
    ],
)
def test_anything_else_says_nothing(value):
    assert parse_retry_after(value, now=NOW) is None
