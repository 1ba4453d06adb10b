"""Challenges: one well-formed header line, whatever goes in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs.core.challenges import Challenge

from .builders import examples

# RFC 9110 section 11.6.1, narrowed to the characters of RFC 6750 section 3.
WELL_FORMED = re.compile(
    r"Bearer "
    r'[a-z_]+="[\x20\x21\x23-\x5B\x5D-\x7E]*"'
    r'(?:, [a-z_]+="[\x20\x21\x23-\x5B\x5D-\x7E]*")*'
)
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=30)


@pytest.mark.parametrize(
    ("challenge", "header"),
    [
        (Challenge(realm="api"), 'Bearer realm="api"'),
        (
            Challenge(realm="api", scope="a b"),
            'Bearer realm="api", scope="a b"',
        ),
        (
            Challenge(
                realm="api",
                error="insufficient_scope",
                error_description="Too little.",
                scope="a",
            ),
            (
                'Bearer realm="api", error="insufficient_scope", '
                'error_description="Too little.", scope="a"'
            ),
        ),
    ],
)
def test_a_challenge_names_what_it_was_given(challenge, header):
    assert str(challenge) == header


@pytest.mark.parametrize(
    "text",
    ['say "no"', "back\\slash", "two\r\nlines", "tab\there", "nul\x00", "ü", "\x7f"],
)
def test_er_01_other_characters_are_replaced(text):
    challenge = Challenge(realm=text, error=text, error_description=text, scope=text)
    assert WELL_FORMED.fullmatch(str(challenge))
    assert str(challenge).count("?") == 4 * sum(
        not (character.isprintable() and character.isascii()) or character in '"\\'
        for character in text
    )


@given(ANYTHING, st.none() | ANYTHING, st.none() | ANYTHING, st.none() | ANYTHING)
@examples(200)
def test_every_challenge_is_well_formed(realm, error, description, scope):
    challenge = Challenge(
        realm=realm, error=error, error_description=description, scope=scope
    )
    assert WELL_FORMED.fullmatch(str(challenge))
    names = re.findall(r'(?:Bearer |", )([a-z_]+)=', str(challenge))
    assert len(names) == len(set(names))
