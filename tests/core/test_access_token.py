"""AccessToken: verified facts that stay as they are."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from django_oidc_rs.core.access_token import AccessToken, AccessTokenDraft, lookup

from .builders import AUDIENCE, ISSUER, NOW, accepted, claims

CLAIMS = {
    "sub": "alice",
    "realm_access": {"roles": ["a"], "x.y": 1},
    "a.b": "literal",
    "a": {"b": "nested", "c": None, "d": {"e": 0}},
    "https://x.test/roles": ["r"],
    "none": None,
    "c.d": None,
    "c": {"d": "behind a literal name"},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sub", "alice"),
        ("realm_access.roles", ["a"]),
        ("a.b", "literal"),
        ("a.d.e", 0),
        ("https://x.test/roles", ["r"]),
        ("none", None),
        ("c.d", None),
        ("missing", None),
        ("a.missing", None),
        ("a.c.deeper", None),
        ("sub.deeper", None),
        ("realm_access.roles.0", None),
        ("realm_access.x.y", None),
        ("", None),
        (".", None),
    ],
)
def test_lookup(path, value):
    assert lookup(CLAIMS, path) == value


def make(**edits):
    return accepted(claims(**edits))


def test_an_access_token_tells_what_was_verified():
    access_token = make(roles=["a"])
    assert access_token.issuer == ISSUER
    assert access_token.issuer_alias == "default"
    assert access_token.subject == "alice"
    assert access_token.audience == (AUDIENCE,)
    assert access_token.client_id == "app"
    assert access_token.scopes == {"read", "write"}
    assert access_token.issued_at == NOW - 10
    assert access_token.expires_at == NOW + 300
    assert access_token.token_id == "t1"
    assert access_token.claims == {**claims(), "roles": ("a",)}
    assert access_token.confirmation is None
    assert access_token.validated_by == "jwt"
    assert access_token.is_machine is False
    assert access_token.claim("roles") == ("a",)
    assert access_token.claim("nothing") is None


@pytest.mark.parametrize(
    ("scopes", "has"),
    [
        (("read",), True),
        (("read", "write"), True),
        (("read", "admin"), False),
        (("Read",), False),
        (("rea",), False),
        ((), False),
    ],
)
def test_has_scope(scopes, has):
    assert make().has_scope(*scopes) is has


def test_an_access_token_is_frozen_deeply():
    access_token = make(deep={"list": [{"a": 1}]})
    with pytest.raises(FrozenInstanceError):
        access_token.subject = "mallory"
    with pytest.raises(TypeError):
        access_token.claims["sub"] = "mallory"
    with pytest.raises(TypeError):
        access_token.claims["deep"]["list"][0]["a"] = 2


def test_a_draft_becomes_an_access_token_like_any_other():
    """The constructor, for whoever makes one by hand, gives the same."""
    access_token = make(deep={"list": [{"a": 1}]})
    facts = {
        each.name: getattr(access_token, each.name) for each in fields(AccessToken)
    }
    by_hand = AccessToken(**facts)
    assert type(access_token) is AccessToken
    assert by_hand == access_token
    assert (hash(by_hand), repr(by_hand)) == (hash(access_token), repr(access_token))
    assert replace(access_token, subject="bob").subject == "bob"
    assert not hasattr(access_token, "__dict__")
    with pytest.raises(FrozenInstanceError):
        del access_token.subject
    with pytest.raises(TypeError):
        AccessTokenDraft(issuer=ISSUER)


def test_an_access_token_can_be_pickled_and_copied_and_its_claims_dumped():
    access_token = make(deep={"list": [{"a": 1}]})
    assert pickle.loads(pickle.dumps(access_token)) == access_token
    assert copy.copy(access_token) == access_token
    assert copy.deepcopy(access_token) == access_token
    assert json.loads(json.dumps(access_token.claims)) == {
        **claims(),
        "deep": {"list": [{"a": 1}]},
    }


def test_an_access_token_may_stand_in_a_set():
    access_token = make(cnf_like={"a": [1]})
    assert len({access_token, make(cnf_like={"a": [1]}), make(sub="other")}) == 2


def test_repr_shows_no_claims():
    """Error pages and mails print the local variables of every frame."""
    access_token = make(email="ada@here.test", roles=["boss"])
    assert repr(access_token).startswith("AccessToken(issuer=")
    assert "ada@here.test" not in repr(access_token)
    assert "boss" not in repr(access_token)
