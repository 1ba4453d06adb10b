"""Scope tokens and what a view demands of them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from django_oidc_rs.core.scopes import (
    ScopeRequirement,
    is_scope_token,
    parse_scope,
    scope_tokens,
)

from .builders import accepted, claims


def token(scopes, issuer_alias="default"):
    access_token = accepted(claims())
    return replace(access_token, scopes=frozenset(scopes), issuer_alias=issuer_alias)


@pytest.mark.parametrize("value", ["a", "read:all", "!#[]~", "https://x.test/y"])
def test_a_scope_token(value):
    assert is_scope_token(value)


@pytest.mark.parametrize(
    "value", ["", "a b", "a\tb", 'a"b', "a\\b", "ä", "a\xa0b", "a\n", None, 1, ["a"]]
)
def test_no_scope_token(value):
    assert not is_scope_token(value)


def test_scope_tokens_keeps_what_is_one():
    assert scope_tokens(["a", "", "a", "b c", "d\te", "f"]) == {"a", "f"}


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("a", {"a"}),
        ("a b", {"a", "b"}),
        ("  a  b ", {"a", "b"}),
        ("", set()),
        (" ", set()),
        ('a b"c', {"a"}),
        ("a b\\c", {"a"}),
        ('"a" b', {"b"}),
        ("a\tb c", {"c"}),
        ("a\nb", set()),
        ("a\xa0b c", {"c"}),
        ("ä b", {"b"}),
        ("a\u2028b c", {"c"}),
        ("a\x1fb c", {"c"}),
    ],
)
def test_blanks_alone_separate_scope_tokens(text, scopes):
    assert parse_scope(text) == scopes


ALL = ScopeRequirement.all_of(["a", "b"])
ANY = ScopeRequirement.any_of(["a", "b"])
EITHER = ScopeRequirement(alternatives=(("a", "b"), ("admin",)))


@pytest.mark.parametrize(
    ("requirement", "scopes", "met"),
    [
        pytest.param(ALL, {"a", "b"}, True, id="SC-01-all"),
        pytest.param(ALL, {"a", "b", "c"}, True, id="all-and-more"),
        pytest.param(ALL, {"a", "c"}, False, id="SC-02-one-missing"),
        pytest.param(ALL, (), False, id="none"),
        pytest.param(ANY, {"b", "c"}, True, id="SC-03-any"),
        pytest.param(ANY, {"c"}, False, id="SC-03-none-of-any"),
        pytest.param(EITHER, {"admin"}, True, id="second-alternative"),
        pytest.param(EITHER, {"a"}, False, id="half-an-alternative"),
        pytest.param(ANY, {"A", "B"}, False, id="SC-09-case"),
        pytest.param(ANY, {"a:all", "xa", "ab"}, False, id="SC-09-substring"),
    ],
)
def test_a_requirement_is_met_by_whole_scopes(requirement, scopes, met):
    assert requirement.is_met_by(token(scopes)) is met


@pytest.mark.parametrize(
    ("issuers", "met"),
    [
        ((), True),
        (("default",), True),
        (("other", "default"), True),
        (("other",), False),
    ],
)
def test_the_issuer_who_granted_counts(issuers, met):
    for requirement in (
        ScopeRequirement.all_of(["a"], issuers=issuers),
        ScopeRequirement.any_of(["a"], issuers=issuers),
    ):
        assert requirement.is_met_by(token({"a"})) is met


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: ScopeRequirement.all_of([]), id="all-of-nothing"),
        pytest.param(lambda: ScopeRequirement.any_of([]), id="any-of-nothing"),
        pytest.param(
            lambda: ScopeRequirement(alternatives=(("a",), ())), id="empty-alternative"
        ),
        pytest.param(lambda: ScopeRequirement.all_of(["a b"]), id="two-in-one"),
        pytest.param(lambda: ScopeRequirement.any_of(['a"']), id="quote"),
        pytest.param(lambda: ScopeRequirement.all_of([""]), id="empty-scope"),
    ],
)
def test_a_requirement_that_demands_nothing_is_refused(make):
    with pytest.raises(ValueError, match=r"^name at least one scope$|no scope-token"):
        make()


def test_who_writes_two_scopes_in_one_reads_how_to_write_them():
    with pytest.raises(ValueError) as caught:
        ScopeRequirement.all_of(["a b"])
    assert str(caught.value) == (
        "'a b' is no scope-token of RFC 6749 section 3.3: write each scope as a string "
        'of its own, "a", "b"'
    )


def test_a_requirement_cannot_change_once_it_was_checked():
    with pytest.raises(FrozenInstanceError):
        ALL.alternatives = ()


@pytest.mark.parametrize(
    ("requirement", "scope"), [(ALL, "a b"), (ANY, "a"), (EITHER, "a b")]
)
def test_the_challenge_names_the_first_alternative(requirement, scope):
    assert requirement.challenge == scope
