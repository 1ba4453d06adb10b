"""Every claim check: its good values, then its faults."""

from __future__ import annotations

import pytest

from django_oidc_rs.core import claims as module
from django_oidc_rs.core.claims import (
    CLAIM_CHECKS,
    check_claims,
)
from django_oidc_rs.core.errors import (
    ExpiredToken,
    InvalidClaim,
    MalformedToken,
    NotAnAccessToken,
    TokenNotYetValid,
    UnconfirmedToken,
)
from django_oidc_rs.core.strict_json import freeze
from django_oidc_rs.core.token_kind import check_token_type

from .builders import ABSENT, AUDIENCE, ISSUER, NOW, accepted, claims, header, policy

LEEWAY = policy().leeway
NAN, HUGE = float("nan"), 10**400


def check(name, claims_, **fields):
    getattr(module, f"check_{name}")(claims_, policy(**fields), NOW)


def refused(name, claims_, *, raises=InvalidClaim, **fields):
    with pytest.raises(raises) as caught:
        check(name, claims_, **fields)
    assert type(caught.value) is raises
    return caught.value


def make(**edits):
    return accepted(claims(**edits))


def test_good_claims_pass_every_check():
    check_claims(claims(), policy(), NOW)


def test_the_checks_are_run_in_their_order(monkeypatch):
    called = []
    for each in CLAIM_CHECKS:
        monkeypatch.setattr(
            module, each.__name__, lambda *_, each=each: called.append(each)
        )
    check_claims(claims(), policy(), NOW)
    assert tuple(called) == CLAIM_CHECKS


def test_every_check_is_run():
    checks = {
        check
        for name, check in vars(module).items()
        if name.startswith("check_")
        and name not in ("check_claims", "check_token_type")
    }
    assert set(CLAIM_CHECKS) == checks
    assert len(CLAIM_CHECKS) == len(checks)


# The header's typ


@pytest.mark.parametrize(
    "typ",
    [ABSENT, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"],
)
def test_jw_15_token_types_of_access_tokens(typ):
    check_token_type(header(typ=typ), policy())


@pytest.mark.parametrize(
    ("typ", "reason"),
    [
        (None, "invalid"),
        (1, "invalid"),
        (["at+jwt"], "invalid"),
        ("", "invalid"),
        ("application/", "invalid"),
        ("at+jwt;x", "mismatch"),
        ("x/at+jwt", "mismatch"),
        ("application/application/at+jwt", "mismatch"),
        (" at+jwt", "mismatch"),
        ("id_token", "mismatch"),
        ("logout+jwt", "mismatch"),
        ("dpop+jwt", "mismatch"),
        ("secevent+jwt", "mismatch"),
        ("token-introspection+jwt", "mismatch"),
        ("statuslist+jwt", "mismatch"),
        ("oauth-authz-req+jwt", "mismatch"),
        ("client-authentication+jwt", "mismatch"),
        ("dc+sd-jwt", "mismatch"),
    ],
)
def test_jw_16_other_token_types(typ, reason):
    with pytest.raises(NotAnAccessToken) as caught:
        check_token_type(header(typ=typ), policy())
    assert (caught.value.claim, caught.value.reason) == ("typ", reason)
    assert caught.value.setting == "TOKEN_TYPES"
    assert caught.value.detail == (ascii(typ) if reason == "mismatch" else "")


@pytest.mark.parametrize("typ", [ABSENT, "JWT", "application/jwt"])
def test_token_types_can_be_narrowed(typ):
    narrow = policy(token_types=frozenset(("at+jwt",)))
    check_token_type(header(), narrow)
    with pytest.raises(NotAnAccessToken):
        check_token_type(header(typ=typ), narrow)


# iss


@pytest.mark.parametrize(
    "issuer",
    [
        f"{ISSUER}/",
        ISSUER.upper(),
        ISSUER[:-1],
        f"{ISSUER}:443",
        f"{ISSUER}.evil.test",
        ISSUER.replace("https", "http"),
        [ISSUER],
        {"iss": ISSUER},
        None,
        1,
        ABSENT,
    ],
)
def test_the_issuer_is_compared_exactly(issuer):
    check("issuer", claims())
    error = refused("issuer", claims(iss=issuer))
    assert (error.claim, error.reason, error.setting) == ("iss", "mismatch", "ISSUER")


# Required claims


@pytest.mark.parametrize("value", [ABSENT, None])
def test_cl_17_a_required_claim_is_missing_or_null(value):
    check("required", claims(tier="gold"), required_claims=("exp", "tier"))
    error = refused("required", claims(tier=value), required_claims=("exp", "tier"))
    assert (error.claim, error.reason) == ("tier", "missing")
    assert error.setting == "REQUIRED_CLAIMS"


def test_a_required_claim_may_lie_deeper():
    check("required", claims(a={"b": 0}), required_claims=("a.b",))
    assert refused("required", claims(a={}), required_claims=("a.b",)).claim == "a.b"


@pytest.mark.parametrize("edits", [{"azp": "a"}, {"appid": "b"}, {"azp": "", "x": 1}])
def test_one_of_two_claims_may_be_required(edits):
    check("required", claims(**edits), required_claims=("azp|appid",))
    edits = {**edits, "azp": None, "appid": ABSENT}
    error = refused("required", claims(**edits), required_claims=("azp|appid",))
    assert (error.claim, error.reason) == ("azp|appid", "missing")


# Is it an access token at all?


@pytest.mark.parametrize(
    "edits",
    [
        {},
        {"typ": "Bearer"},
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"token_use": "access"},
        {"token_use": "access_token"},
        {"type": "access_token"},
        {"type": "client_token"},
        {"type": "employee"},
        {"type": 7},
        {"token_type": "Bearer"},
        {"token_type": "access_token"},
        {"token_type": "urn:ietf:params:oauth:token-type:access_token"},
        {"token_type": "urn:ietf:params:oauth:token-type:jwt"},
        {"sid": "s", "auth_time": NOW, "acr": "1", "amr": ["pwd"]},
    ],
)
def test_claims_of_access_tokens(edits):
    check("access_token", claims(**edits))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("at_hash", "x", "id_token"),
        ("at_hash", None, "id_token"),
        ("c_hash", "x", "id_token"),
        ("s_hash", "x", "id_token"),
        ("nonce", "x", "id_token"),
        ("nonce", None, "id_token"),
        ("events", {}, "other_token"),
        ("events", None, "other_token"),
        ("token_introspection", {}, "other_token"),
        ("typ", "ID", "other_token"),
        ("typ", "Refresh", "other_token"),
        ("typ", "Offline", "other_token"),
        ("typ", "Logout", "other_token"),
        ("typ", "", "other_token"),
        ("typ", "token", "other_token"),
        ("typ", None, "other_token"),
        ("typ", 1, "other_token"),
        ("typ", ["Bearer"], "other_token"),
        ("token_use", "id", "other_token"),
        ("token_use", "refresh", "other_token"),
        ("token_use", None, "other_token"),
        ("type", "id_token", "other_token"),
        ("type", "ID-Token", "other_token"),
        ("type", "refresh_token", "other_token"),
        ("type", "code", "other_token"),
        ("token_type", "refresh_token", "other_token"),
        ("token_type", "refresh", "other_token"),
        ("token_type", "id_token", "other_token"),
        ("token_type", "id_token_jwt", "other_token"),
        (
            "token_type",
            "urn:ietf:params:oauth:token-type:refresh_token",
            "other_token",
        ),
        ("type", "id_token+jwt", "other_token"),
        ("token_type", "offline", "other_token"),
        ("token_type", "logout+jwt", "other_token"),
        ("token_type", "token-introspection+jwt", "other_token"),
        ("token_type", "DPoP", "other_token"),
    ],
)
def test_claims_of_other_tokens(name, value, reason):
    error = refused("access_token", claims(**{name: value}), raises=NotAnAccessToken)
    assert (error.claim, error.reason) == (name, reason)
    assert error.setting == ("ALLOW_NONCE" if name == "nonce" else "")


def test_a_nonce_can_be_allowed_and_nothing_else_with_it():
    check("access_token", claims(nonce="x"), allow_nonce=True)
    refused(
        "access_token",
        claims(nonce="x", at_hash="y"),
        raises=NotAnAccessToken,
        allow_nonce=True,
    )


# Dates

NO_DATES = ["1800000300", "", None, True, False, NAN, HUGE, -HUGE, -1, [], {}, [NOW]]


@pytest.mark.parametrize("value", NO_DATES)
@pytest.mark.parametrize(
    ("name", "claim"), [("expiry", "exp"), ("not_before", "nbf"), ("not_before", "iat")]
)
def test_tm_06_what_is_no_date(name, claim, value):
    error = refused(name, claims(**{claim: value}))
    assert (error.claim, error.reason) == (claim, "invalid")


@pytest.mark.parametrize("value", NO_DATES)
def test_tm_06_what_is_no_issue_date(value):
    error = refused("age", claims(iat=value), max_token_age=600)
    assert (error.claim, error.reason) == ("iat", "invalid")


def test_dates_end_with_the_year_9999():
    check("expiry", claims(exp=253402300799))
    assert refused("expiry", claims(exp=253402300800)).reason == "invalid"


@pytest.mark.parametrize("exp", [NOW - LEEWAY + 1, NOW - LEEWAY + 0.5, NOW + 0.5])
def test_exp_ahead_of_now_less_leeway(exp):
    check("expiry", claims(exp=exp))


@pytest.mark.parametrize("exp", [NOW - LEEWAY, NOW - LEEWAY - 0.5, 1, 0])
def test_tm_03_exp_reached(exp):
    error = refused("expiry", claims(exp=exp), raises=ExpiredToken)
    assert (error.claim, error.reason, error.setting) == ("exp", "expired", "LEEWAY")


def test_tm_01_without_leeway_exp_itself_is_too_late():
    check("expiry", claims(exp=NOW + 1), leeway=0)
    refused("expiry", claims(exp=NOW), leeway=0, raises=ExpiredToken)


def test_tm_04_exp_is_always_required():
    error = refused("expiry", claims(exp=ABSENT), required_claims=())
    assert (error.claim, error.reason) == ("exp", "missing")


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_instants_that_lie_ahead(claim):
    check("not_before", claims(**{claim: NOW + LEEWAY}))
    check("not_before", claims(**{claim: ABSENT}))
    error = refused(
        "not_before", claims(**{claim: NOW + LEEWAY + 1}), raises=TokenNotYetValid
    )
    assert (error.claim, error.reason, error.setting) == (claim, "future", "LEEWAY")


def test_an_age_limit():
    check("age", claims(iat=0))
    check("age", claims(iat=NOW - 600 - LEEWAY + 1), max_token_age=600)
    error = refused(
        "age", claims(iat=NOW - 600 - LEEWAY), max_token_age=600, raises=ExpiredToken
    )
    assert (error.claim, error.reason) == ("iat", "expired")
    assert error.setting == "MAX_TOKEN_AGE"


def test_tm_12_an_age_limit_demands_iat():
    error = refused("age", claims(iat=ABSENT), max_token_age=600)
    assert (error.claim, error.reason) == ("iat", "missing")
    assert error.setting == "MAX_TOKEN_AGE"


def test_tm_13_an_age_limit_of_zero_is_a_limit():
    refused("age", claims(iat=NOW), max_token_age=0, leeway=0, raises=ExpiredToken)


# Audience


@pytest.mark.parametrize(
    "aud", [AUDIENCE, [AUDIENCE], ["https://other.test", AUDIENCE], [AUDIENCE] * 2]
)
def test_an_audience_that_is_ours(aud):
    check("audience", claims(aud=aud))


@pytest.mark.parametrize(
    ("aud", "reason"),
    [
        (ABSENT, "missing"),
        (None, "missing"),
        ("", "mismatch"),
        ([], "mismatch"),
        ("https://other.test", "mismatch"),
        (["https://other.test"], "mismatch"),
        (AUDIENCE + "/", "mismatch"),
        (AUDIENCE + "2", "mismatch"),
        ("x" + AUDIENCE, "mismatch"),
        (AUDIENCE[:-1], "mismatch"),
        (AUDIENCE.upper(), "mismatch"),
        (f"{AUDIENCE} https://other.test", "mismatch"),
        ([[AUDIENCE]], "invalid"),
        ([AUDIENCE, 1], "invalid"),
        ([AUDIENCE, None], "invalid"),
        ([1], "invalid"),
        ({}, "invalid"),
        ({AUDIENCE: 1}, "invalid"),
        (1, "invalid"),
        (True, "invalid"),
    ],
)
def test_an_audience_that_is_not_ours(aud, reason):
    error = refused("audience", claims(aud=aud))
    assert (error.claim, error.reason) == ("aud", reason)
    assert error.setting == ("AUDIENCE" if reason == "mismatch" else "AUDIENCE_CLAIMS")


@pytest.mark.parametrize("aud", ["other", ["other"]])
def test_the_log_tells_whose_token_it_was(aud):
    assert refused("audience", claims(aud=aud)).detail == "('other',)"


def test_one_of_several_audiences_is_enough():
    check("audience", claims(), audience=frozenset(("other", AUDIENCE)))


def test_the_audience_may_stand_in_another_claim():
    fields = {"audience_claims": ("aud", "client_id"), "audience": frozenset(("app",))}
    check("audience", claims(aud=ABSENT), **fields)
    check("audience", claims(aud=None), **fields)
    # The first that is present decides.
    refused("audience", claims(aud="other"), **fields)


# Subject and client


@pytest.mark.parametrize(
    "sub",
    [
        "a",
        "x" * 255,
        "é" * 255,
        " alice ",
        "auth0|5f7c8",
        "client@clients",
        "Ünïcödé",
        "\u05d0\u05d1",
        "\U0001f600",
        "a\u2028b",
        "e\u0301",
    ],
)
def test_subjects(sub):
    check("principal", claims(sub=sub))
    assert make(sub=sub).subject == sub


@pytest.mark.parametrize(
    "sub",
    [
        "",
        " ",
        "\u2003\u3000",
        "x" * 256,
        "é" * 256,
        "a\x00b",
        "a\nb",
        "a\x1fb",
        "a\x7fb",
        "a\x85b",
        "a\x9fb",
        "a\u202eb",
        "a\u202ab",
        "a\u202cb",
        "a\u2066b",
        "a\u2069b",
        "a\u200eb",
        "a\u200fb",
        "a\u061cb",
        1,
        1.5,
        True,
        False,
        [],
        ["alice"],
        {},
    ],
)
def test_a157_what_is_no_subject(sub):
    error = refused("principal", claims(sub=sub))
    assert (error.claim, error.reason) == ("sub", "invalid")
    assert error.setting == "SUBJECT_CLAIM"


@pytest.mark.parametrize("client_id", ["", 1, True, [], ["app"], {}])
@pytest.mark.parametrize("sub", ["alice", ABSENT])
def test_what_is_no_client(sub, client_id):
    error = refused("principal", claims(sub=sub, client_id=client_id))
    assert (error.claim, error.reason) == ("client_id", "invalid")
    assert error.setting == "CLIENT_ID_CLAIMS"


@pytest.mark.parametrize("sub", [ABSENT, None])
def test_somebody_must_have_been_granted_the_token(sub):
    check("principal", claims(sub=sub))
    error = refused("principal", claims(sub=sub, client_id=ABSENT))
    assert (error.claim, error.reason) == ("sub", "missing")
    assert error.setting == "SUBJECT_CLAIM"


@pytest.mark.parametrize("scope", [{}, {"email": "a@b.test"}, "id", None, ABSENT, 1])
def test_a_subject_from_elsewhere_must_be_there(scope):
    check("principal", claims(scope={"id": "7"}), subject_claim="scope.id")
    error = refused("principal", claims(scope=scope), subject_claim="scope.id")
    assert (error.claim, error.reason) == ("scope.id", "missing")


@pytest.mark.parametrize(
    ("edits", "client_id"),
    [
        ({}, "app"),
        ({"azp": "second"}, "app"),
        ({"client_id": ABSENT, "azp": "second"}, "second"),
        ({"client_id": None, "appid": "third", "cid": "fourth"}, "third"),
        ({"client_id": ABSENT, "cid": "fourth"}, "fourth"),
        ({"client_id": ABSENT}, None),
    ],
)
def test_the_first_client_claim_that_is_present(edits, client_id):
    assert make(**edits).client_id == client_id


@pytest.mark.parametrize(
    ("edits", "machine", "is_machine"),
    [
        pytest.param({}, {}, False, id="user"),
        pytest.param({"sub": "app"}, {}, True, id="A85-subject-is-client"),
        pytest.param({"sub": ABSENT}, {}, True, id="no-subject"),
        pytest.param({"sub": None}, {}, True, id="null-subject"),
        pytest.param({"client_id": ABSENT}, {"sub": "*"}, False, id="no-client"),
        pytest.param({"gty": "cc"}, {"gty": "cc"}, True, id="value"),
        pytest.param({"gty": "password"}, {"gty": "cc"}, False, id="other-value"),
        pytest.param({}, {"gty": "cc"}, False, id="claim-missing"),
        pytest.param({"n": "svc-1"}, {"n": "svc-*"}, True, id="pattern"),
        pytest.param({"n": "SVC-1"}, {"n": "svc-*"}, False, id="pattern-and-case"),
        pytest.param({"n": 1}, {"n": 1}, True, id="number"),
        pytest.param({"n": True}, {"n": 1}, False, id="bool-is-no-number"),
        pytest.param({"n": True}, {"n": True}, True, id="bool"),
        pytest.param({"n": ["cc"]}, {"n": "cc"}, False, id="list-is-no-text"),
        pytest.param({"a": "1"}, {"a": "1", "b": "2"}, False, id="half-a-match"),
        pytest.param({"a": "1", "b": "2"}, {"a": "1", "b": "2"}, True, id="both"),
        pytest.param({"a": {"b": "c"}}, {"a.b": "c"}, True, id="deeper"),
    ],
)
def test_what_marks_a_machine(edits, machine, is_machine):
    made = claims(**edits)
    issuer_policy = policy(machine=machine)
    access_token = accepted(made, issuer_policy)
    assert access_token.is_machine is is_machine


# Scopes


@pytest.mark.parametrize(
    ("edits", "scopes"),
    [
        pytest.param({"scope": "a b"}, {"a", "b"}, id="SC-01"),
        pytest.param({"scope": ABSENT, "scp": ["a", "b"]}, {"a", "b"}, id="SC-04-list"),
        pytest.param({"scope": ABSENT, "scp": "a b"}, {"a", "b"}, id="SC-04-text"),
        pytest.param({"scope": "", "scp": "a"}, set(), id="SC-05"),
        pytest.param({"scope": None, "scp": "a"}, {"a"}, id="null-is-absent"),
        pytest.param({"scope": ["a", "b"]}, {"a", "b"}, id="A172-list"),
        pytest.param({"scope": []}, set(), id="empty-list"),
        pytest.param({"scope": {"id": "1"}, "scp": "a"}, set(), id="object"),
        pytest.param({"scope": ABSENT}, set(), id="absent"),
        pytest.param({"scope": " a  b "}, {"a", "b"}, id="A170-blanks"),
        pytest.param({"scope": "a\tb c"}, {"c"}, id="SC-08-tab"),
        pytest.param({"scope": "a\nb"}, set(), id="A170-newline"),
        pytest.param({"scope": "a\xa0b a\u2003b"}, set(), id="A170-unicode-blanks"),
        pytest.param({"scope": "a,b"}, {"a,b"}, id="A170-comma"),
        pytest.param({"scope": ["a b", 'c"']}, set(), id="no-scope-tokens"),
    ],
)
def test_scopes(edits, scopes):
    check("scopes", claims(**edits))
    assert make(**edits).scopes == scopes


@pytest.mark.parametrize("scope", [1, True, [1], ["a", None], [["a"]]])
def test_a_malformed_scope_is_refused(scope):
    error = refused("scopes", claims(scope=scope))
    assert (error.claim, error.reason) == ("scope", "invalid")
    assert error.setting == "SCOPE_CLAIMS"


def test_sc_07_scopes_from_a_nested_claim():
    nested = policy(scope_claims=("realm_access.roles",))
    made = claims(realm_access={"roles": ["a"]})
    assert accepted(made, nested).scopes == {"a"}
    assert accepted(claims(), nested).scopes == frozenset()


def test_scopes_this_issuer_may_not_grant_are_dropped():
    limited = policy(grantable_scopes=frozenset(("read", "other")))
    assert accepted(claims(), limited).scopes == {"read"}
    nothing = policy(grantable_scopes=frozenset())
    assert accepted(claims(), nothing).scopes == frozenset()


# jti, cnf, depth


@pytest.mark.parametrize("jti", ["", 1, True, [], {}])
def test_what_is_no_token_id(jti):
    check("token_id", claims(jti=ABSENT))
    error = refused("token_id", claims(jti=jti))
    assert (error.claim, error.reason, error.setting) == ("jti", "invalid", "")


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {}, None, "x", []])
def test_a211_a_confirmation_is_never_ignored(cnf):
    check("confirmation", claims())
    error = refused("confirmation", claims(cnf=cnf), raises=UnconfirmedToken)
    assert error.claim == "cnf"


@pytest.mark.parametrize(("depth", "fits"), [(31, True), (32, False)])
def test_a62_claims_nested_deeply(depth, fits):
    deep = []
    for _ in range(depth):
        deep = [deep]
    if fits:
        assert make(deep=deep).claims["deep"] != ()
    else:
        with pytest.raises(MalformedToken) as caught:
            make(deep=deep)
        assert str(caught.value) == "malformed_token: json: nested too deeply"


def test_claims_that_were_parsed_frozen_are_not_copied():
    parsed = freeze(claims())
    assert accepted(parsed).claims is parsed


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE, "other"]])
def test_the_access_token_has_what_the_claims_say(aud):
    access_token = make(aud=aud)
    assert access_token.issuer == ISSUER
    assert access_token.issuer_alias == "default"
    assert access_token.audience == ((aud,) if isinstance(aud, str) else tuple(aud))
    assert access_token.issued_at == NOW - 10
    assert access_token.expires_at == NOW + 300
    assert access_token.token_id == "t1"
    assert access_token.validated_by == "jwt"


def test_the_first_failing_check_is_reported():
    bad = claims(aud="other", exp=1, nbf=NOW + 999, sub="", cnf={})
    with pytest.raises(InvalidClaim) as caught:
        check_claims(bad, policy(), NOW)
    assert caught.value.claim == "aud"
