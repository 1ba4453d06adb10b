"""How long an answer stays fresh."""

from __future__ import annotations

import pytest

from django_oidc_rs.core.keys.freshness import lifetime

NOW = 1_800_000_000.0
DEFAULT = 600.0

# NOW is Fri, 15 Jan 2027 08:00:00 GMT
LIFETIMES = {
    "no header": ({}, DEFAULT),
    "between": ({"cache-control": "max-age=1000"}, 1000),
    "the least": ({"cache-control": "max-age=300"}, 300),
    "below the least": ({"cache-control": "max-age=1"}, 300),
    "zero": ({"cache-control": "max-age=0"}, 300),
    "the most": ({"cache-control": "max-age=3600"}, 3600),
    "above the most": ({"cache-control": "max-age=86400"}, 3600),
    "beyond all numbers": ({"cache-control": "max-age=" + "9" * 400}, 3600),
    "among others": ({"cache-control": "public, max-age=700, must-revalidate"}, 700),
    "capitals and blanks": ({"cache-control": " Public ,  MAX-AGE=700 "}, 700),
    "quoted": ({"cache-control": 'max-age="700"'}, 700),
    "no-store": ({"cache-control": "no-store"}, 300),
    "no-cache": ({"cache-control": "no-cache, max-age=3000"}, 300),
    "no-store after max-age": ({"cache-control": "max-age=3000, No-Store"}, 300),
    "s-maxage is for shared caches": ({"cache-control": "s-maxage=3000"}, DEFAULT),
    "negative": ({"cache-control": "max-age=-5"}, DEFAULT),
    "no number": ({"cache-control": "max-age=soon"}, DEFAULT),
    "empty": ({"cache-control": "max-age="}, DEFAULT),
    "expires": ({"expires": "Fri, 15 Jan 2027 08:20:00 GMT"}, 1200),
    "expires without a zone": ({"expires": "Fri, 15 Jan 2027 08:20:00 -0000"}, 1200),
    "expired": ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 300),
    "expires in years": ({"expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, 3600),
    "expires 0": ({"expires": "0"}, DEFAULT),
    "expires no date": ({"expires": "never"}, DEFAULT),
    "expires in an absurd zone": (
        {"expires": "Fri, 15 Jan 2027 08:20:00 +99999999999999999999"},
        DEFAULT,
    ),
    "expires in the year 10000": ({"expires": "1 Jan 10000 00:00:00 GMT"}, DEFAULT),
    "max-age before expires": (
        {"cache-control": "max-age=700", "expires": "Fri, 15 Jan 2027 08:20:00 GMT"},
        700,
    ),
    "expires where max-age is no number": (
        {"cache-control": "max-age=x", "expires": "Fri, 15 Jan 2027 08:20:00 GMT"},
        1200,
    ),
}


@pytest.mark.parametrize(("headers", "seconds"), LIFETIMES.values(), ids=LIFETIMES)
def test_jc_31_the_lifetime_of_an_answer(headers, seconds):
    assert lifetime(headers, now=NOW, default=DEFAULT) == seconds
