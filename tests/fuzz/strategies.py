"""What strangers send and settings hold, as strategies; the same in every run."""

from __future__ import annotations

import json
import string

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from ..core.builders import examples


def bounded(number):
    """Return settings of a property: so many examples, the same ones every time."""
    return settings(
        examples(number),
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


def outcome(declared, call, /, *args, **options):
    """Return what ``call`` returns, or the ``declared`` error it raises."""
    try:
        return call(*args, **options)
    except declared as error:
        return error


TEXT = st.text(
    st.characters(exclude_categories=())
    | st.sampled_from('\ud800\udfff\0\x7f\x85\u202e\u2028"\\\r\n ,'),
    max_size=30,
)
"""Any text, lone surrogates too."""

LATIN_1 = st.text(st.characters(max_codepoint=255), max_size=40)
"""A header's value as WSGI gives it."""

NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -1, 1e308, 2**63, 10**400, 1_800_000_000, 253402300800])
)

SCALARS = st.none() | st.booleans() | NUMBERS | TEXT


def json_of(*names, text=TEXT):
    """Return any JSON value; members are called ``names``, or anything."""
    name = st.sampled_from(names) | text if names else text
    return st.recursive(
        st.none() | st.booleans() | NUMBERS | text,
        lambda below: (
            st.lists(below, max_size=3) | st.dictionaries(name, below, max_size=3)
        ),
        max_leaves=6,
    )


JSON = json_of()

GOOD_TEXT = st.text(max_size=12)
"""Any text that UTF-8 can hold."""

GOOD_JSON = json_of(text=GOOD_TEXT)
"""JSON that a strict parser takes."""

WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=6)


@st.composite
def spelt(draw, members):
    """Return ``members`` as JSON in some spelling: order, white space, escapes."""
    space = st.text(" \t\r\n", max_size=3)

    def text(value):
        if isinstance(value, dict):
            pairs = draw(st.permutations(list(value.items())))
            inner = ",".join(
                f"{draw(space)}{text(name)}{draw(space)}:{draw(space)}{text(each)}"
                for name, each in pairs
            )
            return f"{{{inner}{draw(space)}}}"
        if isinstance(value, list):
            return f"[{','.join(draw(space) + text(each) for each in value)}]"
        if isinstance(value, str) and value and draw(st.booleans()):
            place = draw(st.integers(0, len(value) - 1))
            return "".join(
                f"\\u{ord(character):04x}"
                if number == place and ord(character) < 0x10000
                else json.dumps(character, ensure_ascii=False)[1:-1]
                for number, character in enumerate(value)
            ).join('""')
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    return f"{draw(space)}{text(members)}{draw(space)}".encode()
