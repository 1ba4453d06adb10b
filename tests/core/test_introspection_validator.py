"""What the issuer says passes the checks that a JWT passes."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from django_oidc_rs.core.errors import (
    ExpiredToken,
    InactiveToken,
    IntrospectionUnavailable,
    InvalidClaim,
    InvalidToken,
    MalformedToken,
    NotAnAccessToken,
    Pending,
    TokenTooLong,
    UnconfirmedToken,
    UntrustedIssuer,
)
from django_oidc_rs.core.http import FetchError

from .asking import OPAQUE, Asking, document
from .builders import ABSENT, AUDIENCE, ISSUER, NOW, claims, edited
from .faults import FAULTS, GOOD
from .test_faults import arrange, issuer_policy, refusal


def says(**edits):
    return document({"active": True, "token_type": "Bearer", **claims(**edits)})


def refuse(access_token):
    if access_token.claim("tier") == "gold":
        raise InvalidToken("no gold", claim="tier")


# Both ways alike.

BY_CLAIMS = {
    fault.id: fault
    for fault in FAULTS
    if isinstance(fault.claims, Mapping)
    and fault.claims
    and not fault.raw
    and not fault.mangle
    # A JWT is given to the validator of its "iss"; an answer has one already. Of the
    # other two the text is at fault, which no answer would be believed for.
    and fault.raises not in {UntrustedIssuer, MalformedToken, TokenTooLong}
}


def faulty(fault):
    """Return the policy and the claims of ``fault``."""
    good = GOOD[fault.good]
    members = edited(edited(good.claims, fault.good_claims), fault.claims)
    return issuer_policy(good, **fault.policy), members


def same(error, expected):
    def facts(one):
        return type(one), one.code, one.claim, one.reason, one.setting

    assert facts(error) == facts(expected)


def test_the_table_is_not_empty():
    assert len(BY_CLAIMS) > 150


@pytest.mark.parametrize("id_", BY_CLAIMS)
def test_one_fault_is_refused_as_in_a_jwt(id_):
    case = arrange(BY_CLAIMS[id_])
    expected = refusal(case.server, case.bad)
    policy, members = faulty(BY_CLAIMS[id_])
    asking = Asking(document({**members, "active": True}), policy=policy)
    with pytest.raises(InvalidToken) as caught:
        asking.validate()
    same(caught.value, expected)
    with pytest.raises(InvalidToken) as caught:
        # A JWT that had no such claim when it was issued.
        asking.validator.confirm(OPAQUE, {}, wait=True)
    same(caught.value, expected)


@pytest.mark.parametrize("name", GOOD)
def test_the_good_claims_of_each_issuer_pass(name):
    good = GOOD[name]
    asking = Asking(
        document({**good.claims, "active": True}), policy=issuer_policy(good)
    )
    token = asking.validate()
    assert token.validated_by == "introspection"
    assert (token.issuer, token.subject) == (good.claims["iss"], good.subject)
    assert (token.client_id, token.scopes) == (good.client_id, good.scopes)
    assert token.is_machine is good.is_machine
    assert "active" not in token.claims
    confirmed = asking.validator.confirm(OPAQUE, dict(good.claims), wait=True)
    assert confirmed == token


# The answer's own.


def test_an_answer_without_issuer_is_our_issuers():
    assert Asking(says(iss=ABSENT)).validate().issuer == ISSUER


@pytest.mark.parametrize(
    "iss", [None, "", f"{ISSUER}/", "https://evil.test", [], [ISSUER], {}, 1, True]
)
def test_an_answer_of_another_issuer_is_refused(iss):
    with pytest.raises(InvalidClaim) as caught:
        Asking(says(iss=iss)).validate()
    assert (caught.value.claim, caught.value.reason) == ("iss", "mismatch")


def test_active_and_nothing_else_opens_nothing():
    for cache_seconds in (0, 30):
        asking = Asking(document({"active": True}), cache_seconds=cache_seconds)
        for _ in range(2):
            with pytest.raises(InvalidClaim) as caught:
                asking.validate()
            assert (caught.value.claim, caught.value.reason) == ("exp", "missing")


@pytest.mark.parametrize(
    ("edits", "raises", "claim"),
    [
        ({"exp": 10**400}, InvalidClaim, "exp"),
        ({"exp": -(10**400)}, InvalidClaim, "exp"),
        ({"iat": 10**400}, InvalidClaim, "iat"),
        ({"sub": []}, InvalidClaim, "sub"),
        ({"sub": {"a": 1}}, InvalidClaim, "sub"),
        ({"client_id": []}, InvalidClaim, "client_id"),
        ({"scope": 7}, InvalidClaim, "scope"),
        ({"aud": {AUDIENCE: 1}}, InvalidClaim, "aud"),
        ({"cnf": None}, UnconfirmedToken, "cnf"),
        ({"token_type": "refresh_token"}, NotAnAccessToken, "token_type"),
        ({"token_introspection": {}}, NotAnAccessToken, "token_introspection"),
    ],
)
@pytest.mark.parametrize("cache_seconds", [0, 30])
def test_odd_answers_are_refused_and_break_nothing(edits, raises, claim, cache_seconds):
    asking = Asking(says(**edits), cache_seconds=cache_seconds)
    for live in (False, True):
        with pytest.raises(raises) as caught:
            asking.validate(live=live)
        assert caught.value.claim == claim


def test_unknown_members_may_be_odd():
    members = {"a": [], "b": 10**400, "c": {"d": [None]}}
    assert Asking(says(**members), cache_seconds=30).validate().claim("c.d") == (None,)


def test_as_deep_as_a_jwt():
    def nested(levels):
        value = []
        for _ in range(levels - 2):
            value = [value]
        return value

    assert Asking(says(a=nested(32))).validate()
    with pytest.raises(IntrospectionUnavailable):
        Asking(says(a=nested(33))).validate()


def test_a_validator_of_the_project_has_its_say_once():
    seen = []
    asking = Asking(says(tier="gold"), policy={"validators": (seen.append, refuse)})
    with pytest.raises(InvalidToken) as caught:
        asking.validate()
    assert caught.value.claim == "tier"
    assert [each.validated_by for each in seen] == ["introspection"]
    seen.clear()
    with pytest.raises(InvalidToken):
        asking.validator.confirm(OPAQUE, claims(), wait=True)
    assert len(seen) == 1


def test_a_validator_that_answers_something_is_a_mistake():
    asking = Asking(says(), policy={"validators": (lambda _token: True,)})
    with pytest.raises(TypeError):
        asking.validate()


# The audience.


@pytest.mark.parametrize(
    ("aud", "optional", "reason"),
    [
        (ABSENT, False, "missing"),
        (None, False, "missing"),
        ([], False, "mismatch"),
        ("", False, "mismatch"),
        (ABSENT, True, None),
        (None, True, None),
        # An audience that is nobody is no missing one.
        ([], True, "mismatch"),
        ("", True, "mismatch"),
        ("https://other.test", True, "mismatch"),
        ({}, True, "invalid"),
        ([None], True, "invalid"),
        (0, True, "invalid"),
        (False, True, "invalid"),
        ([AUDIENCE], True, None),
    ],
)
def test_an_answer_without_audience(aud, optional, reason):
    asking = Asking(says(aud=aud), audience_optional=optional)
    if reason is None:
        assert asking.validate().audience in {(), (AUDIENCE,)}
        return
    with pytest.raises(InvalidClaim) as caught:
        asking.validate()
    assert (caught.value.claim, caught.value.reason) == ("aud", reason)


def test_a_jwt_has_an_audience_of_its_own():
    asking = Asking(says(aud=ABSENT))
    token = asking.validator.confirm(OPAQUE, claims(), wait=True)
    assert token.audience == (AUDIENCE,)
    assert token.validated_by == "introspection"


# RFC 7662 section 2.2: who has no name at the issuer has no "username".


def test_a_machine_has_no_username():
    token = Asking(says(), policy={"subject_claim": "username"}).validate()
    assert (token.subject, token.client_id, token.is_machine) == (None, "app", True)


def test_a_subject_of_another_name_must_be_there():
    with pytest.raises(InvalidClaim) as caught:
        Asking(says(), policy={"subject_claim": "uid"}).validate()
    assert (caught.value.claim, caught.value.reason) == ("uid", "missing")


# What a JWT says, and what the issuer says now.


def test_what_the_issuer_says_goes_over_what_the_jwt_says():
    asking = Asking(says(scope="read", exp=NOW + 60, iss=ABSENT, sub=ABSENT))
    token = asking.validator.confirm(OPAQUE, claims(own=1), wait=True)
    assert token.scopes == {"read"}
    assert token.expires_at == NOW + 60
    assert (token.issuer, token.subject, token.claim("own")) == (ISSUER, "alice", 1)


DOTTED = {"subject_claim": "user.id", "client_id_claims": ("cid",)}


@pytest.mark.parametrize(
    ("policy", "jwt", "answer", "name"),
    [
        *(
            ({}, {}, {name: value}, name)
            for name in ("iss", "sub", "jti", "client_id")
            for value in ("other", None, [], 1, True, {})
        ),
        ({}, {"azp": "app"}, {"azp": "other"}, "azp"),
        ({}, {"appid": "app"}, {"appid": "other"}, "appid"),
        # Put before the one that the JWT names.
        ({}, {"client_id": ABSENT, "cid": "app"}, {"azp": "other"}, "the client"),
        (DOTTED, {"user": {"id": "1"}}, {"user": {"id": "2"}}, "user.id"),
        (DOTTED, {"user": {"id": "1"}}, {"user": {}}, "user.id"),
        (DOTTED, {"user": {"id": "1"}}, {"user": None}, "user.id"),
        (DOTTED, {"user": {"id": "1"}}, {"user.id": "2"}, "user.id"),
        (DOTTED, {"user": {"id": "1"}, "cid": "a"}, {"cid": "b"}, "cid"),
    ],
)
def test_an_answer_about_another_token_is_no_answer(policy, jwt, answer, name):
    asking = Asking(document({"active": True, **answer}), policy=policy)
    with pytest.raises(IntrospectionUnavailable) as caught:
        asking.validator.confirm(OPAQUE, claims(**jwt), wait=True)
    assert caught.value.detail == f"the answer is about another token: {name} differs"
    assert caught.value.retry_after == 1


@pytest.mark.parametrize(
    ("jwt", "answer"),
    [
        ({}, {}),
        ({}, {"sub": "alice", "iss": ISSUER, "jti": "t1", "client_id": "app"}),
        # What the JWT leaves open the issuer may tell.
        ({"sub": ABSENT}, {"sub": "app"}),
        ({"sub": None}, {"sub": "app"}),
        ({"jti": ABSENT}, {"jti": "x"}),
        ({}, {"azp": "another-name-for-it"}),
    ],
)
def test_an_answer_that_agrees(jwt, answer):
    asking = Asking(document({"active": True, **answer}))
    assert asking.validator.confirm(OPAQUE, claims(**jwt), wait=True)


def test_a_jwt_that_was_revoked():
    asking = Asking(document({"active": False}))
    with pytest.raises(InactiveToken):
        asking.validator.confirm(OPAQUE, claims(), wait=True)
    asking.post.says = [FetchError("timeout")]
    with pytest.raises(IntrospectionUnavailable):
        asking.validator.confirm(OPAQUE, claims(), wait=True)


def test_a_jwt_is_confirmed_live_and_purges_the_cache():
    asking = Asking(says(), cache_seconds=30)
    asking.validate()
    asking.validate()
    assert len(asking.post.requests) == 1
    asking.post.says = [document({"active": False})]
    with pytest.raises(InactiveToken):
        asking.validator.confirm(OPAQUE, claims(), wait=True)
    with pytest.raises(InactiveToken):
        asking.validate()
    assert len(asking.post.requests) == 2


# Before anything is asked.


@pytest.mark.parametrize("live", [False, True])
def test_who_cannot_wait_asks_nothing(live):
    asking = Asking(says())
    with pytest.raises(Pending):
        asking.validate(live=live, wait=False)
    with pytest.raises(Pending):
        asking.validator.confirm(OPAQUE, claims(), wait=False)
    assert asking.post.requests == []


@pytest.mark.parametrize(
    ("raw_token", "words"),
    [
        *((text, "too short for an opaque token") for text in ("", "x", "x" * 15)),
        *((text, "not ASCII") for text in ("\ud800" * 20, "é" * 20)),
    ],
)
def test_what_nobody_issues_is_not_asked_about(raw_token, words):
    asking = Asking(says())
    with pytest.raises(MalformedToken) as caught:
        asking.validate(raw_token)
    assert asking.post.requests == []
    assert str(caught.value) == f"malformed_token: {words}"
    assert caught.value.__context__ is None


def test_sixteen_characters_are_enough():
    assert Asking(says()).validate("x" * 16)


# The cache and the budget.


def test_claims_are_checked_anew_each_time():
    asking = Asking(says(exp=NOW + 300), cache_seconds=3600)
    assert asking.validate()
    asking.clock.advance(300 + asking.policy.leeway)
    asking.cache.answers = {
        key: (NOW + 9999, answer)
        for key, (_until, answer) in asking.cache.answers.items()
    }
    with pytest.raises(ExpiredToken):
        asking.validate()
    assert len(asking.post.requests) == 1


def test_not_active_out_of_the_cache():
    asking = Asking(document({"active": False}), cache_seconds=30)
    for _ in range(3):
        with pytest.raises(InactiveToken):
            asking.validate()
    assert len(asking.post.requests) == 1


def test_live_asks_past_the_cache():
    asking = Asking(says(), cache_seconds=30)
    for _ in range(3):
        assert asking.validate(live=True)
    assert len(asking.post.requests) == 3
    assert asking.validate()
    assert len(asking.post.requests) == 3


def test_another_process_is_waited_for_unless_live_or_kept():
    asking = Asking(says(), cache_seconds=30)
    asking.cache.begin(asking.answers.key(OPAQUE), 6)
    asking.validate()
    waited = asking.clock.time
    assert waited >= NOW + 6
    for live in (False, True):
        asking.validate(live=live)
    assert asking.clock.time == waited


def drained(validate, number=400):
    """Send tokens that are not active; return how many were asked about."""
    kinds = []
    for index in range(number):
        with pytest.raises((InactiveToken, IntrospectionUnavailable)) as caught:
            validate(f"random-token-{index:05}")
        kinds.append(type(caught.value))
    return kinds.count(InactiveToken)


@pytest.mark.parametrize("live", [False, True])
def test_random_tokens_run_dry_while_those_in_use_go_on(live):
    asking = Asking(document({"active": False}))
    asking.post.says = [says()]
    asking.validate()
    asking.post.says = [document({"active": False})]
    assert drained(lambda token: asking.validate(token, live=live)) == 200
    assert len(asking.post.requests) == 201
    asking.post.says = [says()]
    assert asking.validate()
    # Verified JWTs have a budget of their own.
    assert asking.validator.confirm("a-jwt-that-was-verified", claims(), wait=True)
    with pytest.raises(IntrospectionUnavailable):
        asking.validate("never-seen-before-0")
    asking.clock.advance(1)
    assert asking.validate("never-seen-before-0")


def test_revoked_jwts_use_nothing_up():
    """Nobody makes them up, and who has one could shut out who comes new."""
    asking = Asking(document({"active": False}))
    for _ in range(300):
        with pytest.raises(InactiveToken):
            asking.validator.confirm(OPAQUE, claims(), wait=True)
    assert len(asking.post.requests) == 300
    with pytest.raises(InactiveToken):
        asking.validate()


def test_questions_the_issuer_refuses_run_dry():
    error = FetchError("status", "HTTP 400", status=400)
    asking = Asking(error)
    for index in range(250):
        with pytest.raises(IntrospectionUnavailable):
            asking.validate(f"random-token-{index:05}")
    assert len(asking.post.requests) == 200


def test_an_outage_costs_nobody_the_budget():
    asking = Asking(FetchError("timeout"))
    for _ in range(300):
        with pytest.raises(IntrospectionUnavailable):
            asking.validate()
    asking.clock.advance(1)
    asking.post.says = [document({"active": False})]
    assert drained(asking.validate) == 200


def test_the_token_is_in_no_error():
    for said in (says(exp=1), document({"active": False}), FetchError("connect")):
        with pytest.raises((InvalidToken, IntrospectionUnavailable)) as caught:
            Asking(said).validate()
        assert OPAQUE not in repr(caught.value) + str(caught.value)
        assert OPAQUE not in json.dumps(vars(caught.value), default=str)
